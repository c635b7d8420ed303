"""The one conversion from scores to the distances that people read and that thresholds are in."""

import numpy as np


def distance_of(scores: np.ndarray) -> np.ndarray:
    """The distance between unit rows with these inner products: sqrt(max(0, 2 - 2*score)).

    scores: any shape, float. Returns float32 of the same shape, in [0, 2] for unit rows, smaller is closer. It is
    computed in float64, since 2 - 2*score cancels where rows are close. A missing hit (-inf) is infinitely far; NaN
    stays.
    """
    exact = np.asarray(scores, dtype=np.float64)
    return np.sqrt(np.maximum(0.0, 2.0 - 2.0 * exact)).astype(np.float32)
