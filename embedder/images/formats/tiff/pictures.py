"""Which picture of a TIFF is taken: the first page in full size, never its thumbnail.

A directory that calls itself a reduced version, or a mask, is passed over if there is another one; a page whose
sub-directory is larger is that one's thumbnail. Where a directory holds what a sensor measured, the file is a camera
raw file (camera_raw.py).
"""

import struct
from typing import NamedTuple

from .. import camera_raw
from .directory import EXTRA_SAMPLES, JPEG_START, ORIENTATION, Directory, Tiff

_TEXT = 2


class Chosen(NamedTuple):
    """A picture of a TIFF: its directory, and the directory's bytes where those are a whole JPEG (or None).

    orientation: as the file says it (1 to 8; 1 where it does not). is_whole: no other directory is there, and of this
    one nothing is lost.
    """

    tiff: Tiff
    directory: Directory
    jpeg: bytes | None
    orientation: int
    is_whole: bool

    @property
    def says_orientation(self) -> bool:
        """Whether the picture's own directory says how it is turned."""
        return ORIENTATION in self.directory.values

    @property
    def is_premultiplied(self) -> bool:
        """Whether its colours are multiplied with an alpha band."""
        return self.directory.one(EXTRA_SAMPLES) == 1


def chosen(data: bytes) -> Chosen | None:
    """Choose the picture; None where there is no directory that can be read; Rejected for a camera raw file."""
    tiff = Tiff(data)
    directories = [d for d in tiff.directories() if d.pixels or JPEG_START in d.values or camera_raw.is_sensor(d)]
    if not directories:
        return None
    orientation = directories[0].one(ORIENTATION, 1)
    is_raw = camera_raw.kind_by_start(data) is not None or camera_raw.is_thumbnail(directories)
    if is_raw or any(map(camera_raw.is_sensor, directories)):
        taken, jpeg = camera_raw.full_picture(tiff, directories)
    else:
        taken, jpeg = _largest(directories), None
    return Chosen(tiff, taken, jpeg, taken.one(ORIENTATION, orientation), len(directories) == 1 and not taken.lost)


def alone(picture: Chosen, *, without_alpha: bool = False) -> bytes:
    """The file with the chosen directory as its only one: no other is walked through.

    Entries whose values are lost are emptied: Pillow reads none of those behind them. without_alpha: the fourth band is
    said to mean nothing.
    """
    tiff, directory = picture.tiff, picture.directory
    patched = bytearray(tiff.data)
    order, wide = tiff.order, "Q" if tiff.big else "I"
    struct.pack_into(order + wide, patched, tiff.first_at, directory.offset)
    count = struct.unpack_from(order + ("Q" if tiff.big else "H"), tiff.data, directory.offset)[0]
    start, step = directory.offset + (8 if tiff.big else 2), 20 if tiff.big else 12
    end = start + count * step
    patched[end : end + struct.calcsize(wide)] = bytes(struct.calcsize(wide))[: max(0, len(patched) - end)]
    for entry in directory.lost:
        struct.pack_into(order + "H" + wide + wide, patched, entry + 2, _TEXT, 1, 0)
    for entry in range(start, end, step) if without_alpha else ():
        if struct.unpack_from(order + "H", patched, entry)[0] == EXTRA_SAMPLES:
            struct.pack_into(order + "H", patched, entry + (12 if tiff.big else 8), 0)
    return bytes(patched)


def _largest(directories: list[Directory]) -> Directory:
    """The first page in full size."""
    whole = [directory for directory in directories if not directory.is_partial and directory.pixels]
    if not whole:
        pictures = [directory for directory in directories if not directory.is_mask] or directories
        return max(pictures, key=lambda directory: directory.pixels)
    if directories[0].is_partial:
        return max(whole, key=lambda directory: directory.pixels)
    following = next((n for n, directory in enumerate(directories) if n and directory.main), len(directories))
    return max((d for d in directories[:following] if d in whole), key=lambda directory: directory.pixels)
