"""Known against unknown: how well the distance to the nearest class separates them, and what is then answered right.

known, unknown: (n,) distances to the nearest class, inf without a neighbour; NaN raises ValueError. An image is
accepted where its distance is <= the cut.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from .verification import auc_between


def auroc(known: np.ndarray, unknown: np.ndarray) -> float | None:
    """The chance that an image of an unknown class is farther away than one of a known class, ties counting half.

    known (n,) and unknown (m,): distances. None if either is empty. 0.5 is chance, 1 means a threshold without error.
    """
    return auc_between(unknown, known)


def oscr(known: np.ndarray, right: np.ndarray, unknown: np.ndarray) -> float | None:
    """The area under the open-set classification rate curve; None if either kind is empty.

    known (n,) and unknown (m,): distances. right: (n,) bool, whether the nearest class of each known image is its own.
    The curve has the share of unknown images accepted against the share of known images accepted and right, by rising
    cut. The area is the chance that a known image is answered right and is nearer than an unknown one, ties counting
    half: at most the accuracy, which it reaches if the two kinds do not mix, and at most the AUROC. Dhamija, Guenther
    and Boult, "Reducing Network Agnostophobia", NeurIPS 2018, section 3, with a distance in the place of a probability
    and ties accepted on both axes. Raises ValueError for shapes that differ and NaN.
    """
    known, right, unknown = _checked(known, right, unknown)
    if not len(known) or not len(unknown):
        return None
    return (auc_between(unknown, known[right]) or 0.0) * float(right.mean())


def over_splits(results: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, float | int | None]]:
    """The macro average over splits: {measure: {"mean", "std", "splits"}}, every split counting the same.

    results: one mapping from measures to values for each split, such as each choice of classes held out. Splits in
    which a measure is None are left out of its mean, which is None without any; std (n - 1 in the denominator) is None
    with fewer than two.
    """
    names = dict.fromkeys(name for result in results for name in result)
    return {name: _spread([result.get(name) for result in results]) for name in names}


def _spread(values: Sequence[float | None]) -> dict[str, float | int | None]:
    defined = [value for value in values if value is not None]
    return {
        "mean": float(np.mean(defined)) if defined else None,
        "std": float(np.std(defined, ddof=1)) if len(defined) > 1 else None,
        "splits": len(defined),
    }


def _checked(known: np.ndarray, right: np.ndarray, unknown: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    known, right, unknown = np.asarray(known), np.asarray(right), np.asarray(unknown)
    if known.ndim != 1 or known.shape != right.shape or (right.dtype != bool and right.size):
        raise ValueError(
            f"known has shape {known.shape}, right has {right.shape} {right.dtype}: give one bool for each distance"
        )
    if np.isnan(known).any() or np.isnan(unknown).any():
        raise ValueError("a distance is NaN, which cannot be ordered")
    return known, right.astype(bool) & np.isfinite(known), unknown
