"""Stored vectors, gathered row by row or streamed in blocks, from the memory maps of the parts."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .layout import Int64, Layout, groups

Float32 = NDArray[np.float32]


def gather(layout: Layout, dim: int, rows: Int64) -> tuple[Float32, Int64]:
    """The vectors of `rows` (m,), (m, dim) float32, and the rows that no part has (then there are no vectors)."""
    part, place = layout.locate(rows)
    if len(part) and part.min() < 0:
        return np.empty((0, dim), dtype=np.float32), rows[part < 0]
    gathered = np.empty((len(rows), dim), dtype=np.float32)
    if len(rows) == 0:
        return gathered, rows
    items = _items(gathered.view(np.uint8))
    for number, members in groups(part):
        items[members] = _items(layout.pages.vectors(layout.parts[number], dim))[place[members]]
    return gathered, rows[:0]


def _items(matrix: NDArray[np.uint8]) -> Any:
    """The rows of a matrix of bytes as (n,) opaque items, since NumPy moves those whole and bytes one by one."""
    return matrix.view(f"V{matrix.shape[1]}")[:, 0]


def blocks(layout: Layout, dim: int, first: int, stop: int | None, size: int) -> Iterator[tuple[Int64, Float32]]:
    """Live rows with first <= row < stop, ascending, and their vectors: (size,) and (size, dim), the last one less.

    Holds one block and the map of one part in memory.
    """
    pieces: list[tuple[Int64, Float32]] = []
    filled = 0
    for part in layout.between(first, stop):
        rows = layout.live_between([part], first, stop)
        mapped = layout.pages.vectors(layout.parts[part], dim, keep=False) if len(rows) else None
        while mapped is not None and len(rows):
            taken, rows = rows[: size - filled], rows[size - filled :]
            pieces.append((taken, _taken(mapped, layout.locate(taken)[1])))
            filled += len(taken)
            if filled == size:
                yield _joined(pieces)
                pieces, filled = [], 0
    if pieces:
        yield _joined(pieces)


def _taken(mapped: NDArray[np.uint8], places: Int64) -> Float32:
    """The vectors at `places` of a part."""
    return _items(mapped)[places].view(np.float32).reshape(len(places), -1)


def _joined(pieces: list[tuple[Int64, Float32]]) -> tuple[Int64, Float32]:
    """One block made of pieces."""
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate([r for r, _ in pieces]), np.concatenate([v for _, v in pieces])
