"""Pictures of any mode to uint8 grey or RGB. Part of decode.py's rules: a change here raises DECODE_VERSION.

Everything is done in blocks of rows, so that beside the decoded image and the result only a block lies in memory: a
picture of 100 megapixels would otherwise be held four or five times, once as eight bytes per sample.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from . import deep
from .ground import as_rgba, ground_under

BLOCK_PIXELS = 1 << 20
"""Pixels that are converted at once."""

Rows = Callable[[int, int], Image.Image]
"""Rows [top, bottom) of a picture, as a Pillow image of 8 bits per sample."""


def to_uint8(image: Image.Image, channels: int) -> NDArray[np.uint8]:
    """Give a loaded image as uint8 (h, w, channels), 1 (grey, ITU-R 601-2) or 3 (RGB); see ground.py and deep.py."""
    samples = deep.of_image(image)
    return deep_to_uint8(samples, channels) if samples else _converted(image, channels)


def deep_to_uint8(samples: deep.Deep, channels: int) -> NDArray[np.uint8]:
    """Give samples of more than 8 bits as uint8 (h, w, channels), scaled by their depth and never clipped."""
    size, spans = (samples.width, samples.height), list(_spans(samples.width, samples.height))
    scaled = deep.scaling(samples, spans)
    return _from_rows(size, lambda top, bottom: scaled(top, bottom), channels, samples.has_transparency)


def inverted(image: Image.Image) -> Image.Image:
    """A CMYK image with its inks inverted; its EXIF data are kept."""
    result = ImageChops.invert(image)
    result.info = image.info
    return result


def _converted(image: Image.Image, channels: int) -> NDArray[np.uint8]:
    def rows(top: int, bottom: int) -> Image.Image:
        return image if (top, bottom) == (0, image.height) else image.crop((0, top, image.width, bottom))

    return _from_rows(image.size, rows, channels, image.has_transparency_data)


def _from_rows(size: tuple[int, int], rows: Rows, channels: int, transparent: bool) -> NDArray[np.uint8]:
    width, height = size
    spans = list(_spans(width, height))
    ground = ground_under(width * height, (rows(*span) for span in spans)) if transparent else None
    pixels = np.empty((height, width, channels), dtype=np.uint8)
    for top, bottom in spans:
        block = rows(top, bottom)
        pixels[top:bottom] = _eight_bits(block if ground is None else _on_ground(block, ground), channels)
    return pixels


def _spans(width: int, height: int) -> Iterator[tuple[int, int]]:
    step = max(1, BLOCK_PIXELS // width)
    return ((top, min(top + step, height)) for top in range(0, height, step))


def _eight_bits(block: Image.Image, channels: int) -> NDArray[np.uint8]:
    mode = "L" if channels == 1 else "RGB"
    if block.mode in ("La", "RGBa"):
        block = as_rgba(block)
    if block.mode in ("LAB", "HSV", "YCbCr", "CMYK", "P", "PA") and mode == "L":
        block = block.convert("RGB")  # Pillow has no direct way from some of them
    if block.mode != mode:
        block = block.convert(mode)
    pixels = np.asarray(block, dtype=np.uint8)
    return pixels[:, :, None] if channels == 1 else pixels


def _on_ground(block: Image.Image, ground: int) -> Image.Image:
    colours = as_rgba(block)
    behind = Image.new("RGBA", colours.size, (ground, ground, ground, 255))
    return Image.alpha_composite(behind, colours).convert("RGB")
