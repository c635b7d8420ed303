"""The one place that makes a decision: a class, or unknown.

Who asks (prototypes, a k-NN vote, a linear head) ranks the classes of each query, best first, and gives the score of
each class: of its prototype, or of its nearest row. The first column decides, the second gives the margin. Class codes
are those of the caller, -1 is a missing hit; a place whose class is negative or whose score is not finite is missing
too, and a missing first place is unknown whatever the threshold.

Distances and thresholds are compared as float32, which a threshold is rounded to once: a distance equal to the
threshold is accepted. So a cut stored as a double, read back and applied means what it meant when it was calibrated.
"""

from typing import NamedTuple

import numpy as np

from ...measures.distances import distance_of

Thresholds = float | np.ndarray | None


class Decided(NamedTuple):
    """The decisions on nq queries, one array each of shape (nq,)."""

    code: np.ndarray  # int64: the class answered, -1 for unknown
    nearest: np.ndarray  # int64: the class in the first place, also where it was refused; -1 where nothing was found
    distance: np.ndarray  # float32: to the nearest class; inf where nothing was found
    threshold: np.ndarray  # float32: what the distance was held against; nan where nothing is ever refused
    margin: np.ndarray  # float32: the second class's distance minus the nearest's; nan without a second class


def decide(scores: np.ndarray, classes: np.ndarray, thresholds: Thresholds = None) -> Decided:
    """Accept the class in the first place where its distance is <= its threshold, else answer unknown.

    scores: (nq, c') float inner products, best class first (by score or by vote), missing places last with -inf.
    classes: (nq, c') integer codes, each once a query. thresholds, in distance: None never refuses, a number holds for
    every class, an array (classes,) holds one for each code, nan for a class that never refuses. ValueError for wrong
    shapes, a threshold that is NaN, and a code beyond the array of thresholds.
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
    """Is each distance finite and, as float32, <= its threshold? Without a threshold (None, nan) every finite one is.

    distances: (n,) float. thresholds: None, a number, or (n,). Returns (n,) bool.
    """
    distances = np.asarray(distances, dtype=np.float32)
    cuts = np.asarray(np.nan if thresholds is None else thresholds, dtype=np.float32)
    return np.isfinite(distances) & (np.isnan(cuts) | (distances <= cuts))


def _place(scores: np.ndarray, classes: np.ndarray, column: int) -> tuple[np.ndarray, np.ndarray]:
    """The codes and distances of one column; -1 and inf where it is missing."""
    if column >= scores.shape[1]:
        return np.full(len(scores), -1, dtype=np.int64), np.full(len(scores), np.inf, dtype=np.float32)
    found = (classes[:, column] >= 0) & np.isfinite(scores[:, column])
    code = np.where(found, classes[:, column], -1).astype(np.int64)
    return code, distance_of(np.where(found, scores[:, column], -np.inf))


def _threshold_of(nearest: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """The threshold of each query as float32."""
    if thresholds is None:
        return np.full(len(nearest), np.nan, dtype=np.float32)
    given = np.asarray(thresholds, dtype=np.float32)
    if given.ndim == 0:
        if np.isnan(given):
            raise ValueError("the threshold is NaN: give a distance, or None to refuse nothing")
        return np.full(len(nearest), given)
    if given.ndim != 1 or nearest.max(initial=-1) >= len(given):
        raise ValueError(f"thresholds of shape {given.shape} for class {nearest.max(initial=-1)}: give one a class")
    return np.where(nearest >= 0, np.append(given, np.float32(np.nan))[nearest], np.float32(np.nan))
