"""Class prototypes of rows in memory, by the sums and anchors that collections use, and so bit for bit the same."""

import numpy as np
from numpy.typing import NDArray

from ...indexer.prototypes.anchors import anchors_of
from ...indexer.prototypes.sums import Sums, unit_means
from ...measures.scores import correct

Float32 = NDArray[np.float32]


def class_means(rows: Float32, codes: np.ndarray, count: int, per_class: int = 1) -> tuple[Float32, np.ndarray]:
    """Prototypes (p, d) float32 and their classes (p,) int64, ascending, with at least one for each of `count` classes.

    rows: (n, d) float32, of unit length or zeros. codes: (n,) integers in 0..count-1. per_class: the largest number of
    prototypes per class, by k-means. A prototype whose rows cancel out is zeros.
    """
    sums = Sums.zero(list(map(str, range(count))), rows.shape[1])
    if per_class > 1:
        anchors = [_anchors(rows[codes == code], per_class) for code in range(count)]
        owners = np.repeat(np.arange(count), [len(each) for each in anchors])
        shape = (len(owners), rows.shape[1])
        sums = Sums(
            sums.classes, owners, np.zeros(shape, np.int64), np.zeros(len(owners), np.int64), np.vstack(anchors)
        )
    sums.add(codes, rows)
    return unit_means(sums), sums.owners


def _anchors(rows: Float32, per_class: int) -> Float32:
    """At least one anchor; rows of zeros have no direction and are left out."""
    pointing = rows[rows.any(axis=1)]
    anchors = anchors_of(pointing, per_class) if len(pointing) else pointing
    return anchors if len(anchors) else np.zeros((1, rows.shape[1]), np.float32)


def scores_of(rows: np.ndarray, prototypes: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """The score of the nearest prototype of each class, (nq, c) float64; -1 (distance 2) for prototypes of zeros.

    rows: (nq, d). prototypes (p, d) and owners (p,) as `class_means` gives them.
    """
    scores = correct(rows.astype(np.float64) @ prototypes.T.astype(np.float64), rows, prototypes)
    scores[:, ~prototypes.any(axis=1)] = -1.0
    starts = np.searchsorted(owners, np.arange(owners[-1] + 1))
    best: np.ndarray = np.maximum.reduceat(scores, starts, axis=1)
    return best
