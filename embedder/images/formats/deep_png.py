"""PNG's colours and grey-with-alpha of 16 bits, where their high bytes alone would be almost black.

Pillow keeps the high byte of such samples. That is the picture, unless the samples use 14 bits or less: then the file
is decoded a second time for the low bytes, and deep.py says what is white.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..deep import Deep
from . import png_chunks

_DARK = 16383 >> 8
_LOW_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L", "LA;16B": "RGBA"}


def dark_samples(image: Image.Image, data: bytes) -> Deep | None:
    """The samples of a loaded PNG of 16-bit colour that is almost black, or None: its high bytes are the picture.

    data: the bytes that `image` was opened from.
    """
    depth, colour = png_chunks.depth_and_colour(data)
    if depth != 16 or colour not in (2, 4, 6):
        return None
    if max(image.getchannel(band).getextrema()[1] for band in range(3)) > _DARK:  # type: ignore[operator]
        return None
    low = Image.open(io.BytesIO(data), formats=("PNG",))
    low.tile = [tile._replace(args=_LOW_BYTES[str(tile.args)]) for tile in low.tile]
    low.load()

    def rows(top: int, bottom: int) -> NDArray[Any]:
        box = (0, top, image.width, bottom)
        below = np.asarray(low.crop(box)).astype(np.uint16)
        if colour == 4:  # the four bytes of a pixel: both of grey, then both of alpha
            return below[:, :, ::2] << 8 | below[:, :, 1::2]
        return np.asarray(image.crop(box)).astype(np.uint16) << 8 | below

    bits, key = image.info.get("significant_bits"), png_chunks.transparent_colour(data)
    return Deep(image.width, image.height, {2: "RGB", 4: "LA", 6: "RGBA"}[colour], rows, bits=bits, key=key)
