"""What is asked with made ready: vectors by the checks of stored rows, at a cost that one fast query does not feel."""

import numpy as np

from ...store.errors import LookalikeError
from ...store.unit import unit_rows

# float32 rounding alone moves the squared length of a unit row by about this much (d up to some thousands).
_ROUNDING = 2e-6
_MOST_PADDED = 1 << 26  # hits that answers are filled up to: 800 MB


def ready_vectors(queries: np.ndarray, dim: int | None, normalise: bool) -> np.ndarray:
    """`queries` (d,) or (nq, d) as C-contiguous float32 unit rows (nq, d), by the rules of `store.unit`.

    One row that is already float32 and of length 1 is passed on as it is; everything else goes through `unit_rows`.
    """
    if dim is None:
        raise empty_collection()
    matrix = queries[None] if queries.ndim == 1 else queries
    if matrix.shape == (1, dim) and matrix.dtype == np.float32 and matrix.flags.c_contiguous:
        row = matrix[0]
        # NaN and Inf fail this comparison too.
        if abs(float(row.dot(row)) - 1.0) <= _ROUNDING:
            return matrix
    return unit_rows(matrix, normalise=normalise, dim=dim, what="query")


def check_whole(name: str, value: int, least: int = 1) -> int:
    """The value as an int; LookalikeError for what is no whole number from `least` on."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise LookalikeError(f"{name} is {value!r}: a whole number from {least} works")
    return int(value)


def check_k(k: int, nq: int, rows: int) -> None:
    """LookalikeError for a k that is no whole number from 1 on, or so far beyond the rows that memory would not do."""
    check_whole("k", k)
    if k > rows and nq * k > _MOST_PADDED:
        raise LookalikeError(f"k is {k}, and there are {rows} rows: {nq} such answers would not fit, k={rows} works")


def empty_collection() -> LookalikeError:
    """What answers a question to a collection that never held a vector."""
    return LookalikeError("the collection is empty: embed or import something first")
