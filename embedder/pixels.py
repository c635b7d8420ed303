"""Pillow's many modes to uint8 grey or RGB. Part of decode.py's rules: a change here raises DECODE_VERSION."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from .rejected import Rejected

BACKGROUND = 255
"""White lies behind transparency: product shots and drawings are cut out of white more often than of black."""


def to_uint8(image: Image.Image, channels: int) -> NDArray[np.uint8]:
    """Give a loaded image as uint8 (h, w, channels), 1 (grey, ITU-R 601-2) or 3 (RGB), transparency on white."""
    mode = "L" if channels == 1 else "RGB"
    if image.mode == "I" or image.mode == "F" or image.mode.startswith("I;"):
        image = _deep_grey(image)
    elif image.has_transparency_data:
        image = _on_white(image)
    if image.mode in ("LAB", "HSV", "YCbCr", "CMYK", "P", "PA") and mode == "L":
        image = image.convert("RGB")  # Pillow has no direct way from some of them
    if image.mode != mode:
        image = image.convert(mode)
    pixels = np.asarray(image, dtype=np.uint8)
    return pixels[:, :, None] if channels == 1 else pixels


def inverted(image: Image.Image) -> Image.Image:
    """A CMYK image with its inks inverted; its EXIF data are kept."""
    result = ImageChops.invert(image)
    result.info = image.info
    return result


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "La":
        image = image.convert("LA")
    colours = image.convert("RGBA")
    white = Image.new("RGBA", colours.size, (BACKGROUND, BACKGROUND, BACKGROUND, 255))
    return Image.alpha_composite(white, colours).convert("RGB")


def _deep_grey(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey to 8 bits by their range, never clipped; PNG's transparent grey becomes white."""
    # Single precision holds 16 bits exactly, and half the memory of a very large image.
    values: NDArray[Any] = np.asarray(image).astype(np.float32 if image.mode.startswith("I;") else np.float64)
    low, high = _range(image.mode, values)
    scaled = np.rint((values - low) * (255.0 / (high - low))).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        scaled[values == transparent] = BACKGROUND
    return Image.fromarray(scaled)


def _range(mode: str, values: NDArray[Any]) -> tuple[float, float]:
    """What becomes black and white: the mode's own range where the values keep to it, else the values' range."""
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low) or not np.isfinite(high):
        raise Rejected("decode", "pixels that are not finite numbers")
    usual = (1.0, 255.0, 65535.0) if mode == "F" else (65535.0,)
    for top in usual:
        if low >= 0 and high <= top:
            return 0.0, top
    return low, high if high > low else low + 1
