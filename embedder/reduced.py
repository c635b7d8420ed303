"""Pictures brought to a size at which people look at them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

Thumbnail = NDArray[np.uint8]
"""uint8 (h, w, 3), h and w at most the side asked for."""


def fitted(pixels: Thumbnail, side: int) -> Thumbnail:
    """Pixels (h, w, 3) brought within side x side: reduced, or enlarged by whole pixels, so that small ones stay sharp.

    No side becomes less than a pixel.
    """
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= side:
        factor = side // longest
        return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    size = (max(1, round(width * side / longest)), max(1, round(height * side / longest)))
    return np.asarray(PilImage.fromarray(pixels).resize(size, PilImage.Resampling.LANCZOS, reducing_gap=3.0))
