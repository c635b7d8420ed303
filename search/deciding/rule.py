"""The one function that makes decisions: a class, or unknown.

The caller (prototypes, a k-NN vote or a linear head) ranks the classes of each query, best first, and gives the score
of each class: of its prototype, or of its nearest row. The first column decides, the second gives the margin. Class
codes are those of the caller; an entry with a negative code or a score that is not finite is missing, and if the first
entry is missing the answer is unknown, whatever the threshold.

Distances and thresholds are compared as float32, to which a threshold is rounded once. A distance equal to the
threshold is accepted. So a threshold that is stored as a double and read back gives the same decisions as when it was
calibrated.
"""

from typing import NamedTuple

import numpy as np

from ...measures.distances import distance_of

Thresholds = float | np.ndarray | None


class Decided(NamedTuple):
    """The decisions on nq queries; each field is an array of shape (nq,)."""

    code: np.ndarray  # int64: the class answered, -1 for unknown
    nearest: np.ndarray  # int64: the class in the first column, even if refused; -1 if it is missing
    distance: np.ndarray  # float32: to the nearest class; inf if it is missing
    threshold: np.ndarray  # float32: what the distance was compared with; nan if nothing is refused
    margin: np.ndarray  # float32: the second class's distance minus the nearest's; nan without a second class


def decide(scores: np.ndarray, classes: np.ndarray, thresholds: Thresholds = None) -> Decided:
    """Accept the class in the first column if its distance is <= its threshold, else answer unknown.

    scores: (nq, c') float inner products, best class first (by score or by vote), missing entries last with -inf.
    classes: (nq, c') integer codes, each at most once per query. thresholds: distances; None never refuses, a number is
    for every class, an array (classes,) has one for each code, nan for a class that is never refused. Raises ValueError
    for wrong shapes, a threshold that is NaN, or a code beyond the array of thresholds.
    """
    scores, classes = np.asarray(scores), np.asarray(classes)
    if scores.ndim != 2 or scores.shape != classes.shape or (classes.dtype.kind not in "iu" and classes.size):
        raise ValueError(f"scores {scores.shape} and classes {classes.shape} {classes.dtype}: give two (nq, c') arrays")
    (nearest, distance), (second, farther) = (_place(scores, classes, column) for column in (0, 1))
    threshold = _threshold_of(nearest, thresholds)
    code = np.where(accepts(distance, threshold), nearest, -1)
    both = (nearest >= 0) & (second >= 0)
    margin = np.full(len(scores), np.nan, dtype=np.float32)
    np.subtract(farther, distance, out=margin, where=both)
    return Decided(code, nearest, distance, threshold, margin)


def accepts(distances: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """Whether each distance is finite and, as float32, <= its threshold. None and nan accept every finite distance.

    distances: (n,) float. thresholds: None, a number, or (n,). Returns (n,) bool.
    """
    distances = np.asarray(distances, dtype=np.float32)
    cuts = np.asarray(np.nan if thresholds is None else thresholds, dtype=np.float32)
    return np.isfinite(distances) & (np.isnan(cuts) | (distances <= cuts))


def _place(scores: np.ndarray, classes: np.ndarray, column: int) -> tuple[np.ndarray, np.ndarray]:
    """The codes and distances of one column; -1 and inf for missing entries."""
    if column >= scores.shape[1]:
        return np.full(len(scores), -1, dtype=np.int64), np.full(len(scores), np.inf, dtype=np.float32)
    present = (classes[:, column] >= 0) & np.isfinite(scores[:, column])
    code = np.where(present, classes[:, column], -1).astype(np.int64)
    return code, distance_of(np.where(present, scores[:, column], -np.inf))


def _threshold_of(nearest: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """The threshold of each query as float32."""
    if thresholds is None:
        return np.full(len(nearest), np.nan, dtype=np.float32)
    values = np.asarray(thresholds, dtype=np.float32)
    if values.ndim == 0:
        if np.isnan(values):
            raise ValueError("the threshold is NaN: give a distance, or None to refuse nothing")
        return np.full(len(nearest), values)
    if values.ndim != 1 or nearest.max(initial=-1) >= len(values):
        raise ValueError(f"thresholds of shape {values.shape} for class {nearest.max(initial=-1)}: give one per class")
    return np.where(nearest >= 0, np.append(values, np.float32(np.nan))[nearest], np.float32(np.nan))
