"""The single entrance for vectors: stored vectors and query vectors are float32 unit rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import LookalikeError

TOLERANCE = 1e-3  # how far from length 1 a row may be and still count as a unit row
_STEP = 1024  # rows: their float64 copies fit a core's cache
ROUNDING = 6e-8  # above 2^-24, the most that rounding a unit row to float32 can change its length


def first_beyond(stored: NDArray[np.uint8]) -> int | None:
    """The first of the stored rows (n, 4 * d), float32 as bytes, that is NaN or longer than 1; None if there is none.

    Shorter rows are wrong too, as `verify` reports, but their scores stay in range.
    """
    for start in range(0, len(stored), _STEP):
        rows = np.ascontiguousarray(stored[start : start + _STEP]).view(np.float32)
        with np.errstate(all="ignore"):
            wrong = ~(np.vecdot(rows, rows) <= 1 + 4 * TOLERANCE)
        if wrong.any():
            return start + int(wrong.argmax())
    return None


def unit_rows(
    matrix: Any, *, normalise: bool = False, dim: int | None = None, first: int = 0, what: str = "row"
) -> NDArray[np.float32]:
    """Check the rows of `matrix` and return them as unit rows.

    matrix: (n, d) of float16, float32 or float64; n may be 0. Returns a new C-contiguous (n, d) float32 array. Rows
    within 1e-3 of length 1 are divided by their length in float64. float32 rows whose length is 1 to within rounding
    come back bit for bit, so that unit_rows(unit_rows(x)) equals unit_rows(x). Other rows are divided too with
    `normalise`, and refused without it.

    Raises LookalikeError for another shape or dtype, for d other than `dim`, and for rows that are NaN, infinite, zero
    or of a wrong length; the message names them by `what` and `first` plus their position.
    """
    rows = _checked_matrix(matrix, dim)
    unit = np.empty(rows.shape, dtype=np.float32)
    for start in range(0, len(rows), _STEP):
        stop = start + _STEP
        unit[start:stop] = _unit_block(np.ascontiguousarray(rows[start:stop]), normalise, first + start, what)
    return unit


def _checked_matrix(matrix: Any, dim: int | None) -> NDArray[Any]:
    try:
        rows = np.asarray(matrix)
    except ValueError as error:
        raise LookalikeError(f"vectors do not form a matrix ({error}): give rows of one length") from None
    if rows.dtype.kind != "f" or rows.dtype.itemsize not in (2, 4, 8):
        raise LookalikeError(f"vectors have dtype {rows.dtype}: use float32, float16 or float64")
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise LookalikeError(f"vectors have shape {rows.shape}: give a matrix (rows, dimensions)")
    if dim is not None and rows.shape[1] != dim:
        raise LookalikeError(f"vectors have {rows.shape[1]} dimensions: they must have {dim}")
    return rows


def _unit_block(rows: NDArray[Any], normalise: bool, first: int, what: str) -> NDArray[np.float64]:
    """The unit rows of one block, in float64. float32 rows whose length is 1 to within rounding stay as they are."""
    exact = rows.astype(np.float64)
    largest = np.abs(exact).max(axis=1, initial=0.0)
    _refuse(~np.isfinite(largest), first, what, "holds NaN or infinity: remove or repair it")
    _refuse(largest == 0, first, what, "is all zeros and has no direction: remove it")
    scaled = exact / largest[:, None]  # squares of the largest and smallest doubles would leave the range
    lengths = np.sqrt(np.square(scaled).sum(axis=1))
    with np.errstate(over="ignore"):
        length = lengths * largest
    off = np.abs(length - 1)
    if not normalise and (wrong := off > TOLERANCE).any():
        _refuse(
            wrong,
            first,
            what,
            f"has length {length[wrong.argmax()]:.6g}, not 1: normalise=True (--normalise) scales rows to 1",
        )
    unit = scaled / lengths[:, None]
    if rows.dtype.itemsize == 4:
        keep = off <= ROUNDING
        unit[keep] = exact[keep]
    return unit


def _refuse(wrong: NDArray[np.bool_], first: int, what: str, why: str) -> None:
    if wrong.any():
        raise LookalikeError(f"{what} {first + int(wrong.argmax())} {why}")
