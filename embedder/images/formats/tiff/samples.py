"""A TIFF's samples of more than 8 bits, or with a sign, or as floats, whatever their packing.

Pillow knows some of them, and reduces 16-bit colour to 8 bits by itself. Here strips and tiles are unpacked without it
looking (tiff_strips.py), and what the bytes mean is read with numpy, in rows. Unsigned 8 bits and less remain Pillow's,
and so does what is compressed as a picture (JPEG).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...deep import Deep
from ...rejected import Rejected
from .directory import (
    BITS,
    COMPRESSION,
    EXTRA_SAMPLES,
    HEIGHT,
    MAX_SAMPLE,
    NO_DATA,
    PHOTOMETRIC,
    PLANAR,
    PREDICTOR,
    ROWS_PER_STRIP,
    S_MAX_SAMPLE,
    S_MIN_SAMPLE,
    SAMPLE_FORMAT,
    SAMPLES,
    STRIP_BYTES,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_WIDTH,
    WIDTH,
    Directory,
    Tiff,
)
from .strips import NO_PACKING, Layout, bytes_images, rows_of

_OF_BYTES = {1, 5, 8, 32946, 32773, 34925, 50000}  # LZW, deflate, PackBits, LZMA, zstd
_COLOURS = {0: "L", 1: "L", 2: "RGB", 5: "CMYK"}
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}
MOST_BANDS = 6
"""Bands of a pixel, as Pillow has them."""
_PREMULTIPLIED, _HORIZONTAL, _FLOATING = 1, 2, 3


def is_deep(directory: Directory) -> bool:
    """Whether a directory's samples are read here and not by Pillow."""
    bits, formats = directory.all(BITS) or (1,), directory.all(SAMPLE_FORMAT)
    return can_read(directory) and (
        max(bits) > 8 or bits[0] not in (1, 2, 4, 8) or any(code in (2, 3) for code in formats)
    )


def can_read(directory: Directory) -> bool:
    """Whether `samples` knows what a directory holds."""
    return directory.one(PHOTOMETRIC) in _COLOURS and directory.one(COMPRESSION, 1) in _OF_BYTES


def samples(tiff: Tiff, directory: Directory) -> Deep:
    """Give a directory's samples; Rejected for layouts that nobody writes."""
    layout = _layout(tiff, directory)
    planes = [bytes_images(tiff.data, directory, layout, plane) for plane in range(layout.planes)]
    mode = _mode(directory, layout.bands * layout.planes)
    read = _reader(layout, planes)
    peak = directory.values.get(S_MAX_SAMPLE) or directory.values.get(MAX_SAMPLE)
    declared = float(max(peak)) if peak else None
    stated = directory.one(BITS, 1)  # also where they lie in wider words
    if declared is None and layout.kind == "u" and stated % 8:
        declared = float((1 << stated) - 1)
    return Deep(
        layout.width,
        layout.height,
        mode,
        lambda top, bottom: read(top, bottom)[:, :, : len(mode)],
        single=layout.kind == "u" and layout.bits <= 16,
        declared=declared,
        black=float(min(directory.values.get(S_MIN_SAMPLE, (0,)))),
        no_data=_no_data(directory),
        white_is_zero=directory.values.get(PHOTOMETRIC) == (0,),
    )


def _no_data(directory: Directory) -> float | None:
    """The sample that stands for no measurement, as GDAL writes it; None where there is none, or it is no number."""
    try:
        return float(directory.text[NO_DATA])
    except (KeyError, ValueError):
        return None


def samples_bytes(directory: Directory) -> int:
    """What the bytes of all samples take in memory, unpacked."""
    bits, bands = max(directory.all(BITS) or (1,)), directory.one(SAMPLES, 1)
    return directory.pixels * max(bits, 8) * bands // 8


def _mode(directory: Directory, bands: int) -> str:
    """Bands beyond the colours are alpha where they are said to be, or nothing is said of them."""
    colours = _COLOURS[directory.one(PHOTOMETRIC)]
    if bands < len(colours):
        raise Rejected("decode", f"a TIFF of {bands} bands where its colours need {len(colours)}")
    if bands == len(colours) or colours == "CMYK":
        return colours
    extra = directory.one(EXTRA_SAMPLES, 2)
    return colours if extra == 0 else colours + ("a" if extra == _PREMULTIPLIED else "A")


def _layout(tiff: Tiff, directory: Directory) -> Layout:
    bits, formats = set(directory.all(BITS) or (1,)), set(directory.all(SAMPLE_FORMAT) or (1,))
    width, height, bands = directory.one(WIDTH), directory.one(HEIGHT), directory.one(SAMPLES, 1)
    if len(bits) > 1 or len(formats) > 1 or not 1 <= bands <= MOST_BANDS:
        raise Rejected("decode", "a TIFF of bands of different kinds")
    depth, kind = bits.pop(), _KINDS.get(formats.pop(), "")
    if (
        depth > 64
        or not kind
        or ((kind != "u" or depth > 16) and depth not in (8, 16, 32, 64))
        or kind + str(depth) == "f8"
    ):
        raise Rejected("decode", f"a TIFF of {depth}-bit samples of an unknown kind")
    planes = bands if directory.one(PLANAR, 1) == 2 else 1
    tiled = TILE_OFFSETS in directory.values
    cell = directory.one(TILE_WIDTH) if tiled else width
    rows = directory.one(TILE_HEIGHT) if tiled else min(directory.one(ROWS_PER_STRIP, height) or height, height)
    if not 0 < cell <= 1 << 20 or rows < 1:
        raise Rejected("decode", "a TIFF of impossible tiles")
    predictor = directory.one(PREDICTOR, 1) if directory.one(COMPRESSION, 1) != NO_PACKING else 1
    layout = Layout(width, height, depth, kind, bands // planes, planes, cell, rows, tiff.order, predictor)
    if kind == "u" and 8 < depth < 16 and _has_words(directory, layout):
        layout = layout._replace(bits=16)
    return layout


def _has_words(directory: Directory, layout: Layout) -> bool:
    """Whether 9 to 15 bits lie in words of 16, as some cameras write them: the strips are that long."""
    given = sum(directory.all(STRIP_BYTES) or directory.all(TILE_BYTES))
    return directory.one(COMPRESSION, 1) == NO_PACKING and given >= 2 * layout.width * layout.height * layout.bands


def _reader(layout: Layout, planes: Sequence[Sequence[Image.Image]]) -> Callable[[int, int], NDArray[Any]]:
    def rows(top: int, bottom: int) -> NDArray[Any]:
        parts = [_decoded(rows_of(images, top, bottom), layout) for images in planes]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)

    return rows


def _decoded(rows: NDArray[np.uint8], layout: Layout) -> NDArray[Any]:
    """Rows of bytes as samples (n, w, bands), the predictor undone."""
    cells = np.ascontiguousarray(rows).reshape(len(rows), layout.across, layout.cell_bytes)
    values = _values(cells, layout).reshape(len(rows), layout.across, layout.cell, layout.bands)
    if layout.predictor == _HORIZONTAL:
        values = np.cumsum(values, axis=2, dtype=values.dtype)
    return values.reshape(len(rows), -1, layout.bands)[:, : layout.width]


def _values(cells: NDArray[np.uint8], layout: Layout) -> NDArray[Any]:
    if layout.predictor == _FLOATING:
        return _floats(cells, layout)
    if layout.bits % 8:
        return _unpacked(cells, layout)
    size = layout.bits // 8
    if size not in (1, 2, 4, 8):
        raise Rejected("decode", f"a TIFF of {layout.bits}-bit samples")
    kind = f"{layout.kind}{size}"
    return cells.view(layout.order + kind).astype(kind, copy=False)


def _unpacked(cells: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint16]:
    """Samples of a number of bits that is no whole byte, the first bit the highest."""
    count = layout.cell * layout.bands
    bits = np.unpackbits(cells, axis=2)[:, :, : count * layout.bits].reshape(*cells.shape[:2], count, layout.bits)
    values: NDArray[Any] = np.zeros(bits.shape[:3], dtype=np.uint16)
    for place in range(layout.bits):
        values = (values << 1) | bits[:, :, :, place]
    return values


def _floats(cells: NDArray[np.uint8], layout: Layout) -> NDArray[Any]:
    """Floats whose bytes lie apart, the highest ones first, each as its difference to the pixel before."""
    size, (rows, across, length) = layout.bits // 8, cells.shape
    steps = cells.reshape(rows, across, length // layout.bands, layout.bands)
    apart = np.cumsum(steps, axis=2, dtype=np.uint8).reshape(rows, across, size, length // size)
    return np.ascontiguousarray(apart.transpose(0, 1, 3, 2)).view(f">f{size}")[..., 0].astype(f"f{size}")
