"""What decoding an image would take, told from its header before its pixels are touched."""

from typing import Any, NamedTuple

from PIL import Image

from ....store.disk.memory import in_words
from ..cost import decoded_bytes
from ..decode import memory_and_size
from ..image import How
from ..rejected import Rejected, TooLarge

SMALL = 32 << 20
"""Bytes that any image may take without being asked what for."""
_EARLY = 20
"""Bytes per pixel of what WebP, AVIF and HEIF take beside the result: planes or canvases, and Pillow's image."""
_HEAD = 1 << 20
"""Bytes of a HEIF or AVIF file in which the sizes of its items are looked for."""


class Needs(NamedTuple):
    """bytes: of memory, 0 where the header does not say. width, height: in pixels."""

    bytes: int
    width: int = 0
    height: int = 0


def needs_of(data: bytes, how: How) -> Needs:
    """Predict what an encoded image takes; what is no image takes nothing, and the decoder will say why it is none."""
    try:
        if (size := _size_before_opening(data)) is not None:
            return Needs(size[0] * size[1] * (_EARLY + how.channels), *size)
        taken, size = memory_and_size(data, how.channels, how.size)
        return Needs(taken, *size)
    except Rejected:
        return Needs(0)


def needs_of_pixels(data: Any, how: How) -> Needs:
    """Predict what an image takes that is not encoded: RawPixels, or a PIL image."""
    if isinstance(data, Image.Image):
        return Needs(decoded_bytes(data, how.channels, how.size), *data.size)
    height, width = data.pixels.shape[:2]
    return Needs(height * width * (8 + how.channels), width, height)


def _size_before_opening(data: bytes) -> tuple[int, int] | None:
    """Width and height of a file for which Pillow takes the memory of all pixels when it opens it; None for others."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp_size(data)
    if data[4:8] == b"ftyp":
        return _largest_item(data[:_HEAD])
    return None


def _webp_size(data: bytes) -> tuple[int, int]:
    """What the first chunk says: an extended file's canvas, or the one picture (RFC 9649)."""
    kind, head = data[12:16], data[20:30]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF


def _largest_item(data: bytes) -> tuple[int, int]:
    """The largest size that a HEIF or AVIF file gives any of its items: each is in a property of its own ("ispe")."""
    sizes = [(0, 0)]
    at = data.find(b"ispe")
    while 0 <= at <= len(data) - 16:
        sizes.append((int.from_bytes(data[at + 8 : at + 12]), int.from_bytes(data[at + 12 : at + 16])))
        at = data.find(b"ispe", at + 16)
    return max(sizes, key=lambda size: size[0] * size[1])


def too_large(needs: Needs, free: int) -> TooLarge:
    """The rejection of an image that does not fit what is free."""
    size = f"{needs.width} x {needs.height} pixels would take {in_words(needs.bytes)} to decode"
    return TooLarge(f"{size}, and {in_words(free)} are free", needs.bytes)
