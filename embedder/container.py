"""What an image file's own structure says before any decoder runs: is it whole, and is it absurdly costly?

Pillow shows half an image without a word where only the end is missing, so the end markers are checked here. Formats
without one (BMP, TIFF, PPM) fail in the decoder where data are missing.
"""

from collections.abc import Callable

from .rejected import Rejected

_MOST_SCAN_PIXELS = 2_000_000_000
"""Pixels times scans of one JPEG: a progressive file may ask for thousands of passes over one large image."""
_STANDALONE = {0x00, 0x01, *range(0xD0, 0xDA)}  # TEM, RST0-7, SOI, EOI: markers without a length
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = {0xC0, 0xC1}
_SOS, _SCAN, _END = 0xDA, b"\xff\xda", b"\xff\xd9"


def check_whole(data: bytes, kind: str, pixels: int) -> None:
    """Reject a file of Pillow's format `kind` that is cut off, or that would take minutes to decode."""
    if kind in ("JPEG", "MPO"):
        _jpeg(data, pixels)
    elif kind in _CHECKS:
        _CHECKS[kind](data)


def _cut_off(what: str) -> Rejected:
    return Rejected("decode", f"truncated: {what}")


def _jpeg(data: bytes, pixels: int) -> None:
    """An end marker must follow the first scan; those of thumbnails lie in segments before it."""
    at, frame = 2, 0
    while at + 4 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker == 0xFF:
            at += 1  # junk or fill bytes between segments, which decoders skip
        elif marker == _SOS:
            break
        elif marker in _STANDALONE:
            at += 2
        else:
            frame = at if marker in _FRAMES else frame
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    # Most files end with the marker, and have one scan of all components: only others are searched through.
    if not data.endswith(_END, at) and data.find(_END, at) < 0:
        raise _cut_off("no end marker")
    one_scan = data[frame + 1] in _SEQUENTIAL and data[at + 4 : at + 5] == data[frame + 9 : frame + 10]
    if not one_scan and pixels * (scans := data.count(_SCAN, at)) > _MOST_SCAN_PIXELS:
        raise Rejected("decode", f"{scans} scans of {pixels} pixels are too costly")


def _png(data: bytes) -> None:
    at = 8
    while at + 12 <= len(data):
        if data[at + 4 : at + 8] == b"IEND":
            return
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    raise _cut_off("no end marker")


def _gif(data: bytes) -> None:
    at = 13 + _palette(data, 10)
    while at < len(data):
        if data[at] == 0x3B:
            return
        if data[at] == 0x21:
            at = _past_blocks(data, at + 2)
        elif data[at] == 0x2C and at + 9 < len(data):
            at = _past_blocks(data, at + 11 + _palette(data, at + 9))
        else:
            break
    raise _cut_off("no end marker")


def _palette(data: bytes, at: int) -> int:
    """Bytes of the GIF palette that the flags at `at` announce."""
    flags = data[at] if at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _past_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1


def _webp(data: bytes) -> None:
    if len(data) < 8 + int.from_bytes(data[4:8], "little"):
        raise _cut_off("shorter than its header says")


_CHECKS: dict[str, Callable[[bytes], None]] = {"PNG": _png, "GIF": _gif, "WEBP": _webp}
