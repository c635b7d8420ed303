"""A TIFF's strips or tiles, unpacked by libtiff without a look at what their bytes mean.

They are presented to it, through Pillow, as an 8-bit grey image of the same bytes, so that every packing of bytes is
read (LZW, deflate, PackBits, LZMA, zstd), whatever samples it holds.
"""

import io
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...rejected import Rejected
from .directory import (
    BITS,
    COMPRESSION,
    FILL_ORDER,
    HEIGHT,
    PHOTOMETRIC,
    ROWS_PER_STRIP,
    SAMPLES,
    STRIP_BYTES,
    STRIP_OFFSETS,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_WIDTH,
    WIDTH,
    Directory,
)

NO_PACKING = 1
_AT_ONCE = 64_000_000
"""Bytes that are unpacked as one image, if strips are that small."""


class Layout(NamedTuple):
    """How samples lie in rows of bytes. bands: per plane. cell: pixels per row of a strip (the width) or a tile."""

    width: int
    height: int
    bits: int
    kind: str
    bands: int
    planes: int
    cell: int
    rows: int
    order: str
    predictor: int

    @property
    def cell_bytes(self) -> int:
        """Bytes of a cell's row."""
        return -(-self.cell * self.bands * self.bits // 8)

    @property
    def across(self) -> int:
        """Cells beside each other."""
        return -(-self.width // self.cell)

    @property
    def down(self) -> int:
        """Cells one below the other."""
        return -(-self.height // self.rows)


def bytes_images(data: bytes, directory: Directory, layout: Layout, plane: int) -> list[Image.Image]:
    """One plane's bytes as 8-bit grey images, one above the other; a row of them is a row of strips or tiles.

    They are several since Pillow opens no image of more than some 100 million pixels.
    """
    tiled = TILE_OFFSETS in directory.values
    offsets = directory.all(TILE_OFFSETS if tiled else STRIP_OFFSETS)
    sizes = directory.all(TILE_BYTES if tiled else STRIP_BYTES) or _sizes(data, offsets, directory, layout)
    count = layout.across * layout.down
    mine = slice(plane * count, (plane + 1) * count)
    pieces = [data[start : start + size] for start, size in zip(offsets[mine], sizes[mine], strict=False)]
    if len(pieces) < count:
        raise Rejected("decode", f"truncated: {len(pieces)} of {count} strips")
    step = max(1, _AT_ONCE // (layout.cell_bytes * layout.across * layout.rows))  # rows of strips or tiles
    return [
        _bytes_image(pieces[first * layout.across : (first + step) * layout.across], first, directory, layout)
        for first in range(0, layout.down, step)
    ]


def _bytes_image(pieces: Sequence[bytes], first: int, directory: Directory, layout: Layout) -> Image.Image:
    """Some strips or tiles, from the first-th row of them on."""
    tiled = TILE_OFFSETS in directory.values
    width, height = layout.cell_bytes * layout.across, layout.rows * (len(pieces) // layout.across)
    if not tiled:
        height = min(height, layout.height - first * layout.rows)
    cells = (layout.cell_bytes, layout.rows) if tiled else None
    fill, packing = directory.one(FILL_ORDER, 1), directory.one(COMPRESSION, 1)
    if packing == NO_PACKING and fill == 1 and not tiled:
        packed = b"".join(pieces)
        if len(packed) < width * height:
            raise Rejected("decode", "truncated: fewer samples than the header says")
        return Image.frombytes("L", (width, height), packed)
    small = _tiff(pieces, (width, height), layout.rows, cells, packing, fill)
    image = Image.open(io.BytesIO(small), formats=("TIFF",))
    image.load()
    return image


def _sizes(data: bytes, offsets: Sequence[int], directory: Directory, layout: Layout) -> tuple[int, ...]:
    """The bytes of strips where the file does not say them."""
    if directory.one(COMPRESSION, 1) == NO_PACKING:
        last = layout.height - layout.rows * (layout.down - 1)
        return tuple(
            layout.cell_bytes * (last if (number + 1) % layout.down == 0 else layout.rows)
            for number in range(len(offsets))
        )
    ends = sorted([*offsets, len(data)])
    return tuple(ends[ends.index(offset) + 1] - offset for offset in offsets) if len(offsets) < 1000 else ()


def _tiff(
    pieces: Sequence[bytes],
    size: tuple[int, int],
    rows: int,
    cells: tuple[int, int] | None,
    packing: int,
    fill: int,
) -> bytes:
    """A little-endian TIFF of 8-bit grey, its strips or tiles given as they were packed."""
    lengths = [len(piece) for piece in pieces]
    count, tags = len(pieces), (TILE_OFFSETS, TILE_BYTES) if cells else (STRIP_OFFSETS, STRIP_BYTES)
    where = 8 + 4 * 2 * count  # the two lists lie before the directory, the pieces after it
    entries = [(WIDTH, size[0]), (HEIGHT, size[1]), (BITS, 8), (COMPRESSION, packing), (PHOTOMETRIC, 1)]
    entries += [(FILL_ORDER, fill), (SAMPLES, 1)]
    entries += [(TILE_WIDTH, cells[0]), (TILE_HEIGHT, cells[1])] if cells else [(ROWS_PER_STRIP, rows)]
    begin = where + 2 + 12 * (len(entries) + 2) + 4
    starts = np.concatenate([[0], np.cumsum(lengths[:-1], dtype=np.int64)]) + begin
    lists = struct.pack(f"<{2 * count}I", *map(int, starts), *lengths)
    listed = [
        (tags[0], count, 8 if count > 1 else int(starts[0])),
        (tags[1], count, 8 + 4 * count if count > 1 else lengths[0]),
    ]
    all_entries = sorted([(tag, 1, value) for tag, value in entries] + listed)
    directory = struct.pack("<H", len(all_entries))
    directory += b"".join(struct.pack("<HHII", tag, 4, number, value) for tag, number, value in all_entries)
    return b"".join([struct.pack("<2sHI", b"II", 42, where), lists, directory, bytes(4), *pieces])


def rows_of(images: Sequence[Image.Image], top: int, bottom: int) -> NDArray[np.uint8]:
    """Rows [top, bottom) of images that lie one above the other, (n, bytes)."""
    parts, above = [], 0
    for image in images:
        start, stop = max(top - above, 0), min(bottom - above, image.height)
        if start < stop:
            parts.append(np.asarray(image.crop((0, start, image.width, stop))))
        above += image.height
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
