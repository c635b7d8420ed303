"""What decoding an image would take, told from its header before its pixels are touched."""

import io
from typing import NamedTuple

from PIL import Image

from ..store.memory import in_words
from .cost import decoded_bytes
from .decode import FORMATS
from .images import How
from .rejected import TooLarge

SMALL = 32 << 20
"""Bytes that any image may take without being asked what for."""


class Needs(NamedTuple):
    """bytes: of memory, 0 where the header does not say. width, height: in pixels."""

    bytes: int
    width: int = 0
    height: int = 0


def needs_of(data: bytes, how: How) -> Needs:
    """Predict what an encoded image takes; what is no image takes nothing, and the decoder will say why it is none."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return Needs(decoded_bytes(image, how.channels, how.size), *image.size)
    except Exception:
        return Needs(0)


def too_large(needs: Needs, free: int) -> TooLarge:
    """The rejection of an image that does not fit what is free."""
    size = f"{needs.width} x {needs.height} pixels would take {in_words(needs.bytes)} to decode"
    return TooLarge(f"{size}, and {in_words(free)} are free", needs.bytes)
