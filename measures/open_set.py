"""Known against unknown: how well the distance to the nearest class tells them apart."""

import numpy as np

from .verification import auc_between


def auroc(known: np.ndarray, unknown: np.ndarray) -> float | None:
    """The chance that an image of an unknown class lies farther away than one of a known class, ties counting half.

    known, unknown: (n,) distances to the nearest class, inf where nothing was found; NaN is refused (ValueError).
    None where either is empty. 0.5 is chance, 1 is a threshold without error.
    """
    return auc_between(unknown, known)
