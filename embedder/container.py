"""What an image file's own structure says before any decoder runs: is it whole, and is it absurdly costly?

Pillow shows half an image without a word where only the end is missing, so the end markers are checked here. Formats
without one (BMP, TIFF, PPM) fail in the decoder where data are missing.
"""

from collections.abc import Callable

from .rejected import Rejected

_MOST_SCAN_PIXELS = 2_000_000_000
"""Pixels times scans of one JPEG: a progressive file may ask for thousands of passes over one large image."""
_STANDALONE = {0x01, *range(0xD0, 0xD9)}  # TEM, RST0-7, SOI: markers without a length
_SOS, _EOI = 0xDA, 0xD9


def check_whole(data: bytes, kind: str, pixels: int) -> None:
    """Reject a file of Pillow's format `kind` that is cut off, or that would take minutes to decode."""
    check = _CHECKS.get(kind)
    if check is not None:
        check(data)
    if kind in ("JPEG", "MPO") and pixels * data.count(b"\xff\xda") > _MOST_SCAN_PIXELS:
        raise Rejected("decode", f"{data.count(bytes((255, _SOS)))} scans of {pixels} pixels are too costly")


def _cut_off(what: str) -> Rejected:
    return Rejected("decode", f"truncated: {what}")


def _jpeg(data: bytes) -> None:
    """An end marker must follow the first scan; those of thumbnails lie in segments before it."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            at += 1  # junk between segments, which decoders skip
        elif data[at + 1] == _SOS:
            if data.find(b"\xff\xd9", at) < 0:
                break
            return
        elif data[at + 1] == 0xFF or data[at + 1] in _STANDALONE or data[at + 1] in (0, _EOI):
            at += 1 if data[at + 1] == 0xFF else 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise _cut_off("no end marker")


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


_CHECKS: dict[str, Callable[[bytes], None]] = {"JPEG": _jpeg, "MPO": _jpeg, "PNG": _png, "GIF": _gif, "WEBP": _webp}
