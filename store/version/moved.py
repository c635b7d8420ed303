"""Sources that have moved: the rows keep the name that was stored, and a list in the manifest says what it means now.

A move holds for the rows that were there when it was made, whose numbers are never given again: what is embedded from
the old place later has the old name. Moves apply one after the other, in their order.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..files.content import MovedSource
from ..files.escaped import escaped

Int64 = NDArray[np.int64]


def renamed(names: list[str], rows: Int64, moves: Sequence[MovedSource]) -> list[str]:
    """The names of the sources of `rows` (m,) int64 now; names: the m stored ones."""
    for move in moves:
        if move.old in names:
            known = (rows < move.below).tolist()
            names = [move.new if name == move.old and k else name for name, k in zip(names, known, strict=True)]
    return names


def renamed_column(column: Any, rows: Int64, moves: Sequence[MovedSource]) -> Any:
    """The same for an Arrow column of m stored names, which are `escaped`, and rows (m,) int64; a column like it."""
    for move in moves:
        known = pc.and_(pc.equal(column, escaped(move.old)), pa.array(rows < move.below))
        column = pc.if_else(known, pa.scalar(escaped(move.new), column.type), column)
    return column


def renamed_codes(
    names: list[str], codes: NDArray[np.int32], rows: Int64, moves: Sequence[MovedSource]
) -> tuple[list[str], NDArray[np.int32]]:
    """The same for names by code: (distinct names, (m,) int32 codes into them of the sources of `rows` now)."""
    names, codes = list(names), codes.copy()
    for move in moves:
        if move.old in names:
            if move.new not in names:
                names.append(move.new)
            codes[(codes == names.index(move.old)) & (rows < move.below)] = names.index(move.new)
    return names, codes
