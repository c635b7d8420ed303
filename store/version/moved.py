"""Sources that have moved: the rows keep the stored name, and a list in the manifest gives the name it has now.

A move applies to the rows that existed when it was made; row numbers are never reused, so images embedded later from
the old place have the old name. Moves apply one after the other, in their order.
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
    """The current names of the sources of `rows` (m,) int64. names: the m stored ones."""
    for move in moves:
        if move.old in names:
            known = (rows < move.below).tolist()
            names = [move.new if name == move.old and k else name for name, k in zip(names, known, strict=True)]
    return names


def renamed_column(column: Any, rows: Int64, moves: Sequence[MovedSource]) -> Any:
    """`renamed` for an Arrow column of m stored names, which are `escaped`, and rows (m,) int64.

    Returns a column of the same type.
    """
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
