"""What lies behind transparency: white, unless the drawing would vanish on it, then black.

Product shots and drawings are cut out of white more often than of black, so white is the rule. A drawing that is white
itself would become one white square, like every other one, so it lies on black. Grey is never needed: what vanishes on
white is white, and shows best on black. Where neither shows it better (a faint black shadow), white stays. An alpha
channel of zeros everywhere is no transparency: writers leave the fourth byte unset, and no one keeps a picture that
cannot be seen.
"""

from collections.abc import Iterable

import numpy as np
from PIL import Image

WHITE, BLACK = 255, 0
_CONTRAST = 24
"""Grey levels by which a pixel must differ from the ground to be seen."""
_SHARE = 200
"""A drawing vanishes where less than one in so many of its visible pixels can be seen."""


def ground_under(pixels: int, blocks: Iterable[Image.Image]) -> int | None:
    """Give the grey level (WHITE or BLACK) to put behind a picture of so many pixels, or None: ignore its alpha."""
    visible = on_white = on_black = 0
    for block in blocks:
        rgba = np.asarray(as_rgba(block))
        alpha = rgba[:, :, 3].astype(np.uint16)
        visible += int(np.count_nonzero(alpha))
        on_white += _seen(255 - rgba[:, :, :3].min(axis=2), alpha)
        on_black += _seen(rgba[:, :, :3].max(axis=2), alpha)
        if on_white * _SHARE >= pixels:
            return WHITE  # whatever the other blocks are
    if not visible:
        return None
    vanishes = on_white * _SHARE < visible and on_black > on_white
    return BLACK if vanishes else WHITE


def as_rgba(block: Image.Image) -> Image.Image:
    """The block as RGBA, whatever carries its transparency: a band, premultiplied or not, a palette or a colour key."""
    if block.mode == "La":
        block = block.convert("LA")
    return block if block.mode == "RGBA" else block.convert("RGBA")


def _seen(differences: np.ndarray, alpha: np.ndarray) -> int:
    """How many pixels (h, w) differ enough from the ground, by their greatest difference (h, w) and their alpha."""
    return int(np.count_nonzero(differences * alpha >= _CONTRAST * 255))
