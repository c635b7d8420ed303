"""The ROC of same and different scores, summed up from ranges of scores in rising order.

A range can be queried by rank and by value, whether it holds the scores themselves, sorted, or only how many have each
value. So 50 million pairs and a handful are handled alike, and both are exact: accepted scores are counted, ties are
treated together (see verification.py), and the points to draw are points of the full curve. Scores are (n,) float,
larger for pairs that look more alike.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .verification import allowed_accepts, twice_wins

SAME, DIFFERENT = 0, 1


@dataclass(frozen=True, eq=False)
class Curve:
    """The measures of the scores of same and different pairs; None where one of the two kinds is missing.

    same, different: the numbers of pairs. auc: the chance that a same pair scores above a different one, ties counting
    half. eer: the equal error rate. tprs: for each of `fprs`, the largest true positive rate of any threshold whose
    false positive rate is not above it. fpr, tpr, thresholds: (p,) float64, points of the ROC curve to draw, from
    accepting nothing (threshold inf) to accepting all; empty where a kind is missing.
    """

    same: int
    different: int
    auc: float | None
    eer: float | None
    fprs: tuple[float, ...]
    tprs: tuple[float | None, ...]
    fpr: np.ndarray
    tpr: np.ndarray
    thresholds: np.ndarray


class Range(Protocol):
    """The same (kind 0) and different (kind 1) scores between two values. A rank is a place in rising order.

    sizes: the number of scores of each kind.
    """

    sizes: tuple[int, int]

    def at(self, kind: int, ranks: np.ndarray) -> np.ndarray:
        """The scores (m,) at these ranks (m,) int64."""

    def below(self, kind: int, values: np.ndarray, side: str = "left") -> np.ndarray:
        """How many scores are below each value (m,), (m,) int64; with side "right", how many are not above it."""

    def twice_wins(self) -> int:
        """Twice the number of (same, different) with same > different, plus the number of equal ones."""


class Sorted:
    """A range with all of its scores: same (n,) and different (n',) float, each sorted, rising."""

    def __init__(self, same: np.ndarray, different: np.ndarray) -> None:
        self._scores = same, different
        self.sizes = len(same), len(different)

    def at(self, kind: int, ranks: np.ndarray) -> np.ndarray:
        """See Range."""
        return self._scores[kind][ranks]

    def below(self, kind: int, values: np.ndarray, side: str = "left") -> np.ndarray:
        """See Range."""
        return np.searchsorted(self._scores[kind], values, side)  # type: ignore[call-overload]

    def twice_wins(self) -> int:
        """See Range."""
        return twice_wins(*self._scores)


class Counted:
    """A range that only knows how many scores have each of some values (m,) float, rising.

    same, different: (m,) integers, how many scores of that kind have the value.
    """

    def __init__(self, values: np.ndarray, same: np.ndarray, different: np.ndarray) -> None:
        self._values, self._counts = values, (same, different)
        self._upto = [np.append(0, np.cumsum(counts)) for counts in self._counts]
        self.sizes = int(self._upto[SAME][-1]), int(self._upto[DIFFERENT][-1])

    def at(self, kind: int, ranks: np.ndarray) -> np.ndarray:
        """See Range."""
        return self._values[np.searchsorted(self._upto[kind], ranks, "right") - 1]

    def below(self, kind: int, values: np.ndarray, side: str = "left") -> np.ndarray:
        """See Range."""
        return self._upto[kind][np.searchsorted(self._values, values, side)]  # type: ignore[call-overload]

    def twice_wins(self) -> int:
        """See Range."""
        same, different = self._counts
        below = self._upto[DIFFERENT][:-1]
        return sum(int(s) * int(b) for s, b in zip(same, 2 * below + different, strict=True) if s)


def summed(ranges: Iterable[Range], same: int, different: int, fprs: Sequence[float], points: int) -> Curve:
    """The curve of `same` and `different` scores that come in rising ranges.

    points: about how many points of the ROC to keep; with fewer scores, every one. They are spaced evenly in TPR, in
    FPR, and in the logarithm of FPR, where small rates are read.
    """
    forbidden = [different - 1 - allowed_accepts(different, fpr) for fpr in fprs]
    if not same or not different:
        empty = np.empty(0)
        return Curve(same, different, None, None, tuple(fprs), (None,) * len(fprs), empty, empty, empty)
    sums = _Sums((same, different), forbidden, _ranks_to_draw(same, different, max(3, points)))
    for range_ in ranges:
        sums.add(range_)
        del range_  # before the next range is made: only one is held
    fpr, tpr, thresholds = sums.roc()
    return Curve(
        same, different, sums.wins / (2 * same * different), sums.eer, tuple(fprs), sums.tprs(), fpr, tpr, thresholds
    )


class _Sums:
    """The state after the scores below some value."""

    def __init__(self, sizes: tuple[int, int], forbidden: list[int], ranks: tuple[np.ndarray, np.ndarray]) -> None:
        self.wins = 0  # twice the pairs of pairs won, as Python integers: they outgrow 64 bits
        self.eer = 0.0
        self._sizes, self._forbidden, self._ranks = sizes, forbidden, ranks
        self._before = [0, 0]
        self._tpr_of = {rank: 1.0 for rank in forbidden if rank < 0}
        self._points = [np.array([[0.0, 0.0, np.inf]])]

    def add(self, range_: Range) -> None:
        """Add the next range. Equal scores must not be divided between two ranges."""
        self.wins += range_.twice_wins() + 2 * range_.sizes[SAME] * self._before[DIFFERENT]
        self._stop_false_accepts(range_)
        self._draw(range_)
        self._cross(range_)
        for kind in (SAME, DIFFERENT):
            self._before[kind] += range_.sizes[kind]

    def tprs(self) -> tuple[float, ...]:
        """The TPR above each forbidden rank."""
        return tuple(self._tpr_of[rank] for rank in self._forbidden)

    def roc(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The points to draw, by falling threshold."""
        points = np.concatenate(self._points)
        return tuple(points[np.unique(-points[:, 2], return_index=True)[1]].T)

    def _accepted(self, range_: Range, values: np.ndarray, side: str = "left") -> tuple[np.ndarray, np.ndarray]:
        """How many same and different scores are >= each value; with side "right", > it."""
        same, different = (self._sizes[kind] - self._before[kind] - range_.below(kind, values, side) for kind in (0, 1))
        return same, different

    def _stop_false_accepts(self, range_: Range) -> None:
        for rank in self._forbidden:
            place = rank - self._before[DIFFERENT]
            if 0 <= place < range_.sizes[DIFFERENT]:
                value = range_.at(DIFFERENT, np.array([place]))
                self._tpr_of[rank] = float(self._accepted(range_, value, "right")[SAME][0]) / self._sizes[SAME]

    def _draw(self, range_: Range) -> None:
        for kind in (SAME, DIFFERENT):
            places = self._ranks[kind] - self._before[kind]
            values = range_.at(kind, places[(places >= 0) & (places < range_.sizes[kind])])
            same, different = self._accepted(range_, values)
            points = different / self._sizes[DIFFERENT], same / self._sizes[SAME], values
            self._points.append(np.stack(points, axis=1).astype(np.float64))

    def _cross(self, range_: Range) -> None:
        """The equal error rate, if the ROC's line meets FPR = 1 - TPR here or later; later ranges correct it."""
        reached = [value for kind in (SAME, DIFFERENT) for value in self._last_in_excess(range_, kind)]
        if reached:
            value = np.array([max(reached)])
            (fpr, excess), (fpr_before, before) = (self._excess(range_, value, side) for side in ("left", "right"))
            self.eer = fpr_before + before / (before - excess) * (fpr - fpr_before)

    def _last_in_excess(self, range_: Range, kind: int) -> np.ndarray:
        """The largest score of a kind at which FPR >= 1 - TPR, if any; FPR - (1 - TPR) falls as scores rise: bisect."""
        inside, outside = -1, range_.sizes[kind]
        while outside - inside > 1:
            middle = (inside + outside) // 2
            if self._excess(range_, range_.at(kind, np.array([middle])), "left")[1] >= 0:
                inside = middle
            else:
                outside = middle
        return range_.at(
            kind, np.array([inside])[inside < 0 :]
        )  # not a Python float: its type stays that of the scores

    def _excess(self, range_: Range, value: np.ndarray, side: str) -> tuple[float, float]:
        """(FPR, FPR - (1 - TPR)) of accepting from `value` on, or above it; the sign of the second is exact."""
        same, different = (int(count[0]) for count in self._accepted(range_, value, side))
        exact = different * self._sizes[SAME] - (self._sizes[SAME] - same) * self._sizes[DIFFERENT]
        return different / self._sizes[DIFFERENT], exact / (self._sizes[SAME] * self._sizes[DIFFERENT])


def _ranks_to_draw(same: int, different: int, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Ranks of same and of different scores whose thresholds are drawn; the lowest ones accept everything."""
    each = points // 3
    even = [np.linspace(0, size - 1, min(each, size)).round().astype(np.int64) for size in (same, different)]
    rare = different - np.geomspace(1, different, min(each, different)).round().astype(np.int64)
    everything = same + different <= points
    if everything:
        return np.arange(same), np.arange(different)
    return np.append(0, even[SAME]), np.unique(np.concatenate([[0], even[DIFFERENT], rare]))
