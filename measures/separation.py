"""Do classes overlap so much that no threshold on the distance can separate them?

A threshold on the distance to a class makes two kinds of errors: it accepts images of another class, and it refuses
images of the class itself. Lowering one error raises the other, so the limit for a pair of classes is its **least
error**: the smallest value, over all thresholds, of the larger of the two rates. (It is the equal error rate if the ROC
passes through it.) A least error of 0.3 means: with any threshold, 30 % of one class are accepted as the other, or 30 %
of the other are refused.

Its lower bound is exact for any number of images. Let L be the true least error and t the threshold that attains it.
Each of the two counts of errors at t is binomial with a rate of at most L, so with the required confidence both their
one-sided Clopper-Pearson bounds at t, each at half the error, are at or below L; hence so is the larger one, and hence
its smallest value over all thresholds. No correction for having tried every threshold is needed: the argument is about
t alone, as in Berger's intersection-union tests (Technometrics 1982). Over the pairs of classes the error is divided
evenly (Bonferroni), so a warning is false with a chance of at most 5 %, however many classes there are.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .intervals import clopper_pearson

LIMIT = 0.2
"""Beyond this the classes are said to overlap: one image in five goes wrong at any threshold."""
_MOST_PAIRS = 1000
"""Pairs looked at closely: with more, those that overlap most by count."""
_CELLS = 1 << 22
"""Distances looked at together, so that many classes need no matrix (classes, classes)."""

Rate = Callable[[int, int], float]


@dataclass(frozen=True)
class Overlap:
    """Two classes: images of class `taken` are accepted as class `as_class`.

    error: the observed least error. low: its lower bound.
    """

    taken: int
    as_class: int
    error: float
    low: float


@dataclass(frozen=True)
class Separation:
    """What the distances of images to classes show.

    error, low: the least error of one threshold for all classes, between each image's own class and the nearest other
    one (the answer if its own class did not exist), and its lower bound; None without images or another class. pairs:
    the pairs of classes whose least error is above the limit, worst first. overlapping: whether any lower bound is
    above the limit.
    """

    images: int
    error: float | None
    low: float | None
    pairs: tuple[Overlap, ...]
    limit: float

    @property
    def overlapping(self) -> bool:
        """Whether it is almost certain that no threshold can keep both errors within the limit."""
        return any(low > self.limit for low in (self.low or 0.0, *(pair.low for pair in self.pairs)))


def separation(distances: np.ndarray, codes: np.ndarray, limit: float = LIMIT, confidence: float = 0.95) -> Separation:
    """Judge the overlap of classes by the distances (n, c) of images to each class.

    codes: (n,) the class of each image; images with code -1 are left out. An image must not have contributed to the
    prototype of its own class. A distance of inf means no neighbour. All lower bounds hold together with this
    confidence. Raises ValueError for NaN and other shapes.
    """
    distances, codes = _checked(distances, codes)
    present, sizes = np.unique(codes, return_counts=True)
    ordered_pairs = len(present) * (len(present) - 1)
    if not len(codes) or distances.shape[1] < 2:
        return Separation(len(codes), None, None, (), limit)
    error = (1 - confidence) / (1 + ordered_pairs)
    pooled = least_error(distances[np.arange(len(codes)), codes], _nearest_others(distances, codes), error)
    overlaps = [
        Overlap(taken, to, *least_error(distances[codes == to, to], distances[codes == taken, to], error))
        for taken, to in _candidates(distances, codes, present, sizes, limit)
    ]
    worst: dict[frozenset[int], Overlap] = {}
    for pair in sorted((pair for pair in overlaps if pair.error > limit), key=_worst_first):
        worst.setdefault(frozenset((pair.taken, pair.as_class)), pair)
    return Separation(len(codes), *pooled, tuple(worst.values()), limit)


def least_error(own: np.ndarray, others: np.ndarray, error: float) -> tuple[float, float]:
    """(least error, lower bound) of a cut between two sets of distances.

    The bound is too high with a chance of at most `error`. own: (n,) distances of images that belong, refused where
    they are above the cut. others: (m,) of those that do not, accepted where they are not above it. n, m >= 1; inf is
    above every cut.
    """
    own, others = np.sort(own), np.sort(others)
    cuts = np.unique(np.concatenate([[-np.inf], own, others]))
    cuts = cuts[cuts < np.inf]
    accepted = np.searchsorted(others, cuts, "right")
    refused = len(own) - np.searchsorted(own, cuts, "right")

    def bound(events: int, trials: int) -> float:
        return clopper_pearson(events, trials, 1 - error / 2, "lower")[0]

    def least(rate: Rate) -> float:
        """The larger rate where it is smallest: one rises with the cut and the other falls, so where they cross."""
        below, above = 0, len(cuts)
        while above - below > 1:
            middle = (below + above) // 2
            if rate(int(accepted[middle]), len(others)) <= rate(int(refused[middle]), len(own)):
                below = middle
            else:
                above = middle
        beside = [place for place in (below, above) if place < len(cuts)]
        return min(max(rate(int(accepted[i]), len(others)), rate(int(refused[i]), len(own))) for i in beside)

    return least(lambda events, trials: events / trials), least(bound)


def _nearest_others(distances: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """(n,) the distance of each image to the nearest class that is not its own."""
    nearest = np.empty(len(codes), distances.dtype)
    step = max(1, _CELLS // distances.shape[1])
    for first in range(0, len(codes), step):
        batch = slice(first, first + step)
        others = distances[batch].copy()
        others[np.arange(len(others)), codes[batch]] = np.inf
        nearest[batch] = others.min(axis=1)
    return nearest


def _candidates(
    distances: np.ndarray, codes: np.ndarray, present: np.ndarray, sizes: np.ndarray, limit: float
) -> list[tuple[int, int]]:
    """Pairs (taken, as) with a least error above the limit.

    At the cut that refuses just few enough of the class itself, too many of the others are accepted.
    """
    order = np.argsort(codes, kind="stable")
    starts = np.cumsum(sizes) - sizes
    cuts = np.full(distances.shape[1], -np.inf)
    for code, start, size in zip(present, starts, sizes, strict=True):
        members = np.sort(distances[order[start : start + size], code])
        cuts[code] = members[size - 1 - int(limit * size)]
    shares, pairs = np.empty(0), np.empty((0, 2), np.int64)
    of_block = starts // max(1, _CELLS // distances.shape[1])
    for first in np.unique(of_block, return_index=True)[1].tolist():
        block = slice(first, int(np.searchsorted(of_block, of_block[first], "right")))
        members = order[starts[first] : starts[block.stop - 1] + sizes[block.stop - 1]]
        new, new_pairs = _passing(distances[members], cuts, present, block, sizes[block], limit)
        shares, pairs = np.concatenate([shares, new]), np.concatenate([pairs, new_pairs])
        most = np.argsort(-shares, kind="stable")[:_MOST_PAIRS]
        shares, pairs = shares[most], pairs[most]
    return [(int(present[i]), int(present[j])) for i, j in pairs]


def _passing(
    distances: np.ndarray, cuts: np.ndarray, present: np.ndarray, block: slice, sizes: np.ndarray, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """(shares (p,), pairs (p, 2)) of images that are accepted as another class at its cut, if above the limit.

    distances: (m, c) of the images of the classes `some` of `present`, class after class in these sizes.
    """
    inside = (distances <= cuts) & np.isfinite(distances)
    shares = np.add.reduceat(inside, np.cumsum(sizes) - sizes, axis=0, dtype=np.int64)[:, present] / sizes[:, None]
    own = np.arange(len(sizes))
    shares[own, block.start + own] = 0.0
    taken, to = np.nonzero(shares > limit)
    return shares[taken, to], np.column_stack([block.start + taken, to])


def _worst_first(pair: Overlap) -> tuple[float, float, int, int]:
    return -pair.low, -pair.error, pair.taken, pair.as_class


def _checked(distances: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    distances, codes = np.asarray(distances), np.asarray(codes)
    if distances.ndim != 2 or codes.shape != distances.shape[:1]:
        raise ValueError(f"distances {distances.shape} and codes {codes.shape}: give (n, c) and (n,)")
    kept = codes >= 0
    if codes.size and (codes.dtype.kind not in "iu" or codes.max() >= distances.shape[1]):
        raise ValueError(f"codes {codes.dtype} up to {codes.max()}: give -1 to {distances.shape[1] - 1}")
    if not kept.all():
        distances, codes = distances[kept], codes[kept]
    if np.isnan(distances).any():
        raise ValueError("a distance is NaN, which cannot be ordered")
    return distances, codes.astype(np.int64)
