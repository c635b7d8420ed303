"""What kind of TIFF a file is that cannot be read: its compression or its colours, by name, and what to do."""

import struct

import numpy as np
from PIL.TiffImagePlugin import COLORMAP, TiffImageFile

from ...rejected import Rejected
from .directory import BITS, COMPRESSION, PHOTOMETRIC, SAMPLE_FORMAT, SUBSAMPLING, Directory, Tiff

_COMPRESSIONS = {
    6: "old-style JPEG", 9: "JBIG", 10: "JBIG", 22610: "JPEG XR", 32809: "ThunderScan", 32895: "IT8", 32896: "IT8",
    32897: "IT8", 32898: "IT8", 32908: "Pixar film", 32909: "Pixar log", 33003: "JPEG 2000", 33004: "JPEG 2000",
    33005: "JPEG 2000", 34661: "JBIG", 34676: "SGI Log", 34677: "SGI Log", 34712: "JPEG 2000", 34887: "LERC",
    34892: "lossy JPEG of DNG", 34933: "PNG", 34934: "JPEG XR", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
"""Those that Pillow does not read, or reads only where its libtiff was built for them."""
_COLOURS = {
    3: "palette", 4: "mask", 6: "YCbCr", 8: "Lab", 9: "Lab", 10: "Lab", 32844: "LogL", 32845: "LogLuv",
    32803: "sensor", 34892: "sensor",
}  # fmt: skip
_YCBCR = 6
_DEEPEST = {3: 8, 6: 8, 8: 8}
"""Bits per sample of the colours that are read in some depths only."""


def unreadable(data: bytes) -> str | None:
    """Why the first picture of a TIFF is of a kind that is not read; None where nothing speaks against it."""
    try:
        found = Tiff(data).directories()
        return _of_directory(found[0]) if found else None
    except (Rejected, struct.error, ArithmeticError, ValueError):
        return None  # it is damaged, whatever kind it is


def _of_directory(directory: Directory) -> str | None:
    if (packing := _COMPRESSIONS.get(directory.one(COMPRESSION, 1))) is not None:
        return f"a TIFF packed as {packing} is not accepted: save it with LZW or without compression"
    colours, bits = directory.one(PHOTOMETRIC, -1), max(directory.all(BITS) or (1,))
    if colours in _COLOURS and bits > _DEEPEST.get(colours, 0):
        return f"a TIFF of {bits}-bit {_COLOURS[colours]} colours is not accepted: save it in RGB"
    if colours == _YCBCR and directory.one(COMPRESSION, 1) == 1 and directory.all(SUBSAMPLING) != (1, 1):
        return "a TIFF of subsampled YCbCr colours without compression is not accepted: save it in RGB"
    if 5 in directory.all(SAMPLE_FORMAT) or 6 in directory.all(SAMPLE_FORMAT):
        return "a TIFF of complex numbers is not accepted: save their magnitude"
    return None


def widen(image: TiffImageFile) -> None:
    """Give a loaded image of mode P the palette that is meant, where all values are below 256."""
    values = np.array(image.tag_v2.get(COLORMAP, ()), dtype=np.int64)
    if len(values) and len(values) % 3 == 0 and values.max() < 256:
        image.putpalette(values.astype(np.uint8).reshape(3, -1).T.tobytes())
