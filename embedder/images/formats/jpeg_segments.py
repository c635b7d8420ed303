"""A JPEG without what its pixels do not need: where the first image ends, and how many scans it has.

Camera makers and apps put videos, further pictures, depth maps and tens of megabytes of notes into JPEGs, before and
after the picture. Pillow joins notes in quadratic time, and what follows the picture is not its scans. Only the
segments that say how the picture is to be shown are passed on: JFIF's, Adobe's, and the first Exif and XMP, which tell
the orientation.
"""

import re
from typing import NamedTuple

from ..rejected import Rejected

_MOST_SEGMENTS = 100_000
_STANDALONE = {0x01, *range(0xD0, 0xDA)}  # TEM, RST0-7, SOI, EOI: markers without a length
_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_LOSSLESS, _HIERARCHICAL, _JPEG_LS = {0xC3, 0xCB}, {0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF}, 0xF7
_SEQUENTIAL = {0xC0, 0xC1}
_SOS, _EOI = 0xDA, 0xD9
_NEEDED = (b"JFIF\0", b"Adobe", b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0")
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_BETWEEN_SCANS = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # restarts lie within a scan


class Cleaned(NamedTuple):
    """The bytes to decode, the image's width and height as its frame says them, and its number of scans."""

    data: bytes
    size: tuple[int, int]
    scans: int


def cleaned(data: bytes) -> Cleaned:
    """Give a JPEG's first image without other segments; Rejected where it has no end marker."""
    kept, frame, scan = _header(data)
    if not scan:
        raise _cut_off()
    one_scan = data[frame + 1] in _SEQUENTIAL and data[scan + 4 : scan + 5] == data[frame + 9 : frame + 10]
    end, scans = _one_scan(data, scan) if one_scan else _many_scans(data, scan)
    size = int.from_bytes(data[frame + 7 : frame + 9], "big"), int.from_bytes(data[frame + 5 : frame + 7], "big")
    return Cleaned(b"".join([b"\xff\xd8", *kept, data[scan:end]]), size if frame else (0, 0), scans)


def unusual_kind(data: bytes) -> str | None:
    """What a JPEG calls itself that few programs read: of more than 8 bits, lossless, hierarchical, or JPEG-LS."""
    try:
        _, frame, _ = _header(data)
    except Rejected:
        return None
    if not frame or frame + 5 > len(data):
        return None
    marker, bits = data[frame + 1], data[frame + 4]
    if marker == _JPEG_LS:
        return "JPEG-LS"
    if marker in _HIERARCHICAL:
        return "hierarchical JPEG"
    name = "lossless JPEG" if marker in _LOSSLESS else "JPEG"
    return f"{name} of {bits} bits" if bits != 8 else name if marker in _LOSSLESS else None


def _header(data: bytes) -> tuple[list[bytes], int, int]:
    """The needed segments before the first scan, where the frame's begins, and where the scan does (0: nowhere)."""
    at, frame, seen = 2, 0, set[bytes]()
    kept: list[bytes] = []
    for _ in range(_MOST_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None or found.start() + 4 > len(data):
            return kept, frame, 0
        at, marker = found.start(), data[found.start() + 1]
        if marker == _SOS:
            return kept, frame, at
        length = 0 if marker in _STANDALONE else int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _FRAMES:
            frame = at
        if marker not in _STANDALONE and _is_needed(marker, data[at + 4 : at + 40], seen):
            kept.append(data[at : at + 2 + length])
        at += 2 + length
    raise Rejected("decode", f"more than {_MOST_SEGMENTS} segments before the picture")


def _is_needed(marker: int, start: bytes, seen: set[bytes]) -> bool:
    """Whether decoding needs a segment; of each kind of note only the first."""
    if not 0xE0 <= marker <= 0xEF and marker != 0xFE:
        return True
    name = next((name for name in _NEEDED if start.startswith(name)), None)
    if name is None or name in seen:
        return False
    seen.add(name)
    return True


def _one_scan(data: bytes, scan: int) -> tuple[int, int]:
    """Where an image of one scan ends: most files end there, and need no search."""
    end = len(data) - 2 if data.endswith(b"\xff\xd9", scan) else data.find(b"\xff\xd9", scan)
    if end < 0:
        raise _cut_off()
    return end + 2, 1


def _many_scans(data: bytes, scan: int) -> tuple[int, int]:
    """Where an image of several scans ends, and how many they are."""
    at, scans = scan, 0
    while found := _BETWEEN_SCANS.search(data, at):
        at, marker = found.start(), data[found.start() + 1]
        if marker == _EOI:
            return at + 2, scans
        scans += marker == _SOS
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    # Damage within a scan can look like a segment that leads beyond the end; decoders pass over it.
    if (end := data.find(b"\xff\xd9", scan)) < 0:
        raise _cut_off()
    return end + 2, data.count(b"\xff\xda", scan, end)


def _cut_off() -> Rejected:
    return Rejected("decode", "truncated: no end marker")
