"""Scores between -1 and 1, and exactly 1 for equal rows: the one place that defines a float32 inner product.

A float32 inner product of two unit rows is off by up to 5e-7 (measured for up to 4,096 dimensions, with any kernel),
because the length of the rows is only 1 to within float32 and because of the order of the sum. Near 1 that error is the
whole distance: equal rows scored 1.0000001 or 0.9999998, which is 0 or 0.0006 apart. So where a score is above NEAR, 30
times as far from 1 as that error, it is computed again as 1 - |a - b|^2 / 2 in float64: the same number for unit rows,
without the cancellation. Everything else is cut to [-1, 1]. What remains is the rounding of a score to float32: equal
rows have score 1 and distance 0, and every distance is right to 2.5e-4 (`TOLERANCE`); smaller ones may become 0.
"""

from collections.abc import Iterator

import numpy as np

NEAR = np.float32(1 - 2**-16)  # a distance of 0.0055
TOLERANCE = 2.0**-12  # of a distance
_CELLS = 1 << 20  # floats at once


def pair_scores(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The score of each pair of unit rows, (m,) float32, from left (m, d) and right (m, d) float32.

    Each pair is summed by itself, so that equal rows get equal scores.
    """
    scores: np.ndarray = np.vecdot(right, left)
    near = np.flatnonzero(scores > NEAR)
    for batch in _pieces(near, right.shape[1]):
        scores[batch] = _by_difference(left[batch], right[batch])
    return np.clip(scores, -1, 1, out=scores)


def correct(scores: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Correct the scores (n, m) of all pairs of unit rows in place, left (n, d) with right (m, d), and return them."""
    rows, columns = np.nonzero(scores > NEAR)
    for batch in _pieces(np.arange(len(rows)), right.shape[1]):
        scores[rows[batch], columns[batch]] = _by_difference(left[rows[batch]], right[columns[batch]])
    return np.clip(scores, -1, 1, out=scores)


def _by_difference(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """1 - |a - b|^2 / 2 of each pair, (m,) float64."""
    between = left.astype(np.float64) - right
    return 1.0 - 0.5 * np.vecdot(between, between)


def _pieces(places: np.ndarray, dim: int) -> Iterator[np.ndarray]:
    step = max(1, _CELLS // max(1, dim))
    for start in range(0, len(places), step):
        yield places[start : start + step]
