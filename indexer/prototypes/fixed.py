"""Fixed point: unit rows as whole numbers, whose sums are the same in any order."""

import numpy as np
from numpy.typing import NDArray

from ..segments.order import Floats, Ints

SCALE = 2.0**32
LEAST_LENGTH = 1e-6


def fixed(vectors: Floats) -> Ints:
    """Unit rows (n, d) in units of 2^-32, rounded to even, int64."""
    return np.rint(vectors.astype(np.float64) * SCALE).astype(np.int64)


def directions(sums: NDArray[np.number], counts: Ints, scale: float = SCALE) -> Floats:
    """The means of sums (p, d) of counts (p,) rows, scaled to length 1, float32; zeros where shorter than 1e-6.

    sums: whole numbers in units of 1 / scale.
    """
    means = sums / (scale * np.maximum(counts, 1))[:, None]
    lengths = np.sqrt(np.square(means).sum(axis=1, keepdims=True))
    pointing = lengths >= LEAST_LENGTH
    return np.where(pointing, means / np.where(pointing, lengths, 1.0), 0.0).astype(np.float32)


def squared_spreads(sums: Ints, counts: Ints) -> NDArray[np.float64]:
    """The mean squared distance of the unit rows in sums (p, d) of counts (p,) rows to their mean direction, (p,).

    It is 2 - 2 * (length of the mean). Lengths of 1 are only precise to float32, so it is right to 1e-7. 0 for a single
    row.
    """
    means = sums / (SCALE * np.maximum(counts, 1))[:, None]
    lengths = np.minimum(1.0, np.sqrt(np.square(means).sum(axis=1)))
    return np.where(counts <= 1, 0.0, 2.0 - 2.0 * lengths)
