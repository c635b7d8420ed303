"""Query vectors checked as stored rows are, with a fast path for a single vector, and the check of k."""

import numpy as np

from ...store.checks import whole_number
from ...store.errors import LookalikeError
from ...store.unit import unit_rows

# float32 rounding alone moves the squared length of a unit row by about this much (d up to some thousands).
_ROUNDING = 2e-6
_MOST_PADDED = 1 << 26  # hits that answers are padded to: 800 MB


def ready_vectors(queries: np.ndarray, dim: int | None, normalise: bool) -> np.ndarray:
    """`queries` (d,) or (nq, d) as C-contiguous float32 unit rows (nq, d), by the rules of `store.unit`.

    A single row that is already float32 and of length 1 is returned unchanged; all others go through `unit_rows`.
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


def check_k(k: int, nq: int, rows: int) -> None:
    """Raise LookalikeError for a k that is not a whole number of at least 1, or too large for memory."""
    whole_number("k", k)
    if k > rows and nq * k > _MOST_PADDED:
        raise LookalikeError(
            f"k is {k}, but there are only {rows} rows: {nq} x {k} hits do not fit in memory: give k={rows}"
        )


def empty_collection() -> LookalikeError:
    """The error for a query to a collection that has no vectors yet."""
    return LookalikeError("the collection is empty: embed or import images or vectors first")
