"""A TIFF's palette whose writer put 8-bit values where 16-bit ones belong, as libtiff's own programs expect of some.

Pillow keeps the high byte of each value, so that such a picture would be black.
"""

import numpy as np
from PIL.TiffImagePlugin import COLORMAP, TiffImageFile


def widen(image: TiffImageFile) -> None:
    """Give a loaded image of mode P the palette that is meant, where all values are below 256."""
    values = np.array(image.tag_v2.get(COLORMAP, ()), dtype=np.int64)
    if len(values) and len(values) % 3 == 0 and values.max() < 256:
        image.putpalette(values.astype(np.uint8).reshape(3, -1).T.tobytes())
