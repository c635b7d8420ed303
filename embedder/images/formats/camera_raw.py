"""Camera raw files: told by what they begin with or hold, and the full-size picture inside, where there is one.

A raw file holds the sensor's values, which are no picture yet, and one or more JPEGs that the camera made of them. One
that is nearly as large as the sensor is the photo as the camera shows it, and is taken. A smaller one never is.
"""

import re
import struct

from ..rejected import Rejected
from .jpeg_segments import cleaned
from .tiff.directory import (
    CANON_SLICES,
    COMPRESSION,
    DNG_VERSION,
    HEIGHT,
    JPEG_BYTES,
    JPEG_START,
    MAKE,
    PHOTOMETRIC,
    STRIP_BYTES,
    STRIP_OFFSETS,
    WIDTH,
    Directory,
    Tiff,
)

_NEAR = 0.8
"""The share of the sensor's width and height from which a camera's picture counts as full size."""
_SENSOR = {32803, 34892}  # photometric: a colour filter array, and linear values after it
_SENSOR_COMPRESSIONS = {32767, 34713, 65535, 32769, 32770}  # Sony, Nikon, Pentax, Epson and Samsung raw
_KINDS = ((b"IIRO", "Olympus ORF"), (b"IIRS", "Olympus ORF"), (b"MMOR", "Olympus ORF"), (b"IIU\0", "Panasonic RW2"))
_BY_SIGNATURE = (
    (re.compile(rb"CR\x02\0"), "Canon CR2"),
    (re.compile(rb"\xba\xb0\xac\xbb|ImgStart"), "Canon raw TIFF"),
    (re.compile(rb"IIII.waR|MMMMRaw", re.DOTALL), "Phase One IIQ"),
)
"""What stands before the first directory of a TIFF."""
_FUJI = b"FUJIFILMCCD-RAW"
_BY_MAKE = (
    ("nikon", "Nikon NEF"), ("sony", "Sony ARW"), ("canon", "Canon CR2"), ("pentax", "Pentax PEF"),
    ("ricoh", "Pentax PEF"), ("samsung", "Samsung SRW"), ("epson", "Epson ERF"), ("kodak", "Kodak DCR"),
    ("hasselblad", "Hasselblad 3FR"), ("phase one", "Phase One IIQ"), ("leaf", "Leaf MOS"), ("mamiya", "Mamiya MEF"),
    ("olympus", "Olympus ORF"), ("panasonic", "Panasonic RW2"), ("leica", "Leica raw"), ("fuji", "Fujifilm RAF"),
)  # fmt: skip


def refused(kind: str) -> Rejected:
    """The rejection of a raw file of a kind such as "Nikon NEF", or of one that does not tell its kind."""
    return Rejected("decode", f"camera raw{f' ({kind})' if kind else ''}: export a JPEG or TIFF from it")


def kind_by_start(data: bytes) -> str | None:
    """The kind of a raw file that its first bytes tell; None for other files."""
    if data[:2] in (b"II", b"MM"):
        for signature, kind in _BY_SIGNATURE:
            if signature.match(data, 8):
                return kind
    if data.startswith(_FUJI):
        return "Fujifilm RAF"
    if data[4:12] == b"ftypcrx ":
        return "Canon CR3"
    if data.startswith(b"FOVb"):
        return "Sigma X3F"
    if data.startswith(b"\0MRM"):
        return "Minolta MRW"
    if data[6:14] == b"HEAPCCDR":
        return "Canon CRW"
    return next((kind for start, kind in _KINDS if data.startswith(start)), None)


def fuji_picture(data: bytes) -> bytes:
    """The camera's JPEG in a Fujifilm RAF; Rejected where it is not near the sensor's size, or that is not known."""
    start, size = int.from_bytes(data[84:88], "big"), int.from_bytes(data[88:92], "big")
    sensor = _fuji_sensor(data)
    picture = data[start : start + size]
    if sensor and picture.startswith(b"\xff\xd8\xff") and _is_near(cleaned(picture).size, sensor):
        return picture
    raise refused("Fujifilm RAF")


def _fuji_sensor(data: bytes) -> tuple[int, int] | None:
    """Width and height of the cropped sensor, in the directory of tags at byte 92."""
    at = int.from_bytes(data[92:96], "big")
    count = int.from_bytes(data[at : at + 4], "big")
    at += 4
    for _ in range(min(count, 256)):
        tag, size = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        if tag in (0x100, 0x111) and size == 4:
            return int.from_bytes(data[at + 6 : at + 8], "big"), int.from_bytes(data[at + 4 : at + 6], "big")
        at += 4 + size
    return None


def is_sensor(directory: Directory) -> bool:
    """Whether a directory holds what a sensor measured, and no picture."""
    if directory.one(PHOTOMETRIC, -1) in _SENSOR or directory.one(COMPRESSION) in _SENSOR_COMPRESSIONS:
        return True
    # Canon keeps the sensor's values as a lossless JPEG in slices.
    return CANON_SLICES in directory.values


def is_thumbnail(directories: list[Directory]) -> bool:
    """Whether a TIFF holds nothing but a camera's smaller versions: no directory leads to the picture itself."""
    return _by_make(directories) != "" and all(directory.is_partial for directory in directories)


def _by_make(directories: list[Directory]) -> str:
    make = next((directory.text[MAKE] for directory in directories if MAKE in directory.text), "").lower()
    return next((kind for name, kind in _BY_MAKE if name in make), "")


def kind_of(data: bytes, directories: list[Directory]) -> str:
    """What kind of raw file a TIFF with a sensor's values is."""
    if (kind := kind_by_start(data)) is not None:
        return kind
    if any(DNG_VERSION in directory.values for directory in directories):
        return "DNG"
    return _by_make(directories)


def full_picture(tiff: Tiff, directories: list[Directory]) -> tuple[Directory, bytes | None]:
    """The largest picture in a raw file that is near the sensor's size, and its JPEG where it is one.

    Rejected where there is none.
    """
    sensor = max((_sensor(tiff.data, d) for d in directories if is_sensor(d)), key=_area, default=(0, 0))
    best: tuple[int, Directory, bytes | None] | None = None
    for directory in directories:
        if is_sensor(directory) or directory.is_mask:
            continue
        jpeg = _jpeg(tiff.data, directory)
        size = _jpeg_size(jpeg) if jpeg else (directory.one(WIDTH), directory.one(HEIGHT))
        if _area(sensor) and _is_near(size, sensor) and (best is None or _area(size) > best[0]):
            best = _area(size), directory, jpeg
    if best is None:
        raise refused(kind_of(tiff.data, directories))
    return best[1], best[2]


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _sensor(data: bytes, directory: Directory) -> tuple[int, int]:
    """Width and height of what a sensor measured; Canon says them only in the lossless JPEG that holds the values."""
    if WIDTH in directory.values:
        return directory.one(WIDTH), directory.one(HEIGHT)
    start = directory.one(STRIP_OFFSETS)
    head = data[start : start + 4096]
    if (at := head.find(b"\xff\xc3")) < 0 or len(head) < at + 10:
        return 0, 0
    height, width, bands = struct.unpack_from(">HHB", head, at + 5)
    return width * bands, height


def _jpeg_size(jpeg: bytes) -> tuple[int, int]:
    try:
        return cleaned(jpeg).size
    except Rejected:
        return 0, 0


def _jpeg(data: bytes, directory: Directory) -> bytes | None:
    """The whole JPEG file that a directory points to, by the old entries or as its only strip."""
    start, size = directory.one(JPEG_START), directory.one(JPEG_BYTES)
    if not start and directory.one(COMPRESSION) in (6, 7) and len(directory.all(STRIP_OFFSETS)) == 1:
        start, size = directory.one(STRIP_OFFSETS), directory.one(STRIP_BYTES)
    picture = data[start : start + size] if start and size else b""
    return picture if re.match(rb"\xff\xd8\xff", picture) else None


def _is_near(size: tuple[int, int], sensor: tuple[int, int]) -> bool:
    """Whether a picture is nearly as large as the sensor, whichever side is up."""
    (short, long), (least, most) = sorted(size), sorted(sensor)
    return short >= _NEAR * least and long >= _NEAR * most
