"""Verification over all pairs of a set of images, exact and within bounded memory.

The scores of all pairs are float32 inner products, computed block by block, the rows sorted by class so that each row's
same-class and different-class partners are two plain slices. While the scores fit the budget they are sorted at once.
Beyond it a first pass counts them by their leading 16 bits, and each further pass computes them again and keeps only
one range of values: a range that fits is sorted, and one that cannot be cut further by its leading bits is counted by
its trailing 16, which is exact too. Ranges are visited in rising order, so the sums over them are those over all pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .verification import allowed_accepts, twice_wins

_BUCKETS = 1 << 16
_Block = tuple[np.ndarray, np.ndarray]  # the scores of a block's same pairs, and of its different ones


@dataclass(frozen=True)
class PairCurve:
    """What all pairs i < j of a set say: how many pairs, and the measures, None where a kind is missing."""

    same: int
    different: int
    auc: float | None
    tpr: float | None  # the largest true positive rate of any threshold whose false positive rate is <= fpr
    fpr: float


def pair_curve(
    vectors: np.ndarray, labels: np.ndarray, fpr: float = 1e-3, block: int = 256, budget: int = 60_000_000
) -> PairCurve:
    """The exact AUC, and TPR at `fpr`, of "same class?" over all pairs i < j.

    vectors: (n, d) float32 unit rows. labels: (n,) integer codes; rows with -1 are left out. block: rows scored at
    once. budget: scores kept at once, at 4 bytes each; 10,000 images have 50 million pairs and take one pass, more
    images take more passes and no more memory. Ties are exact: see verification.py. ValueError for wrong shapes and
    NaN.
    """
    vectors, ends = _by_class(vectors, labels)
    sizes = np.unique(ends, return_counts=True)[1]
    same = int((sizes * (sizes - 1) // 2).sum())
    different = len(vectors) * (len(vectors) - 1) // 2 - same
    forbidden = different - 1 - allowed_accepts(different, fpr)  # rank of the best different pair to be refused
    if not same or not different:
        return PairCurve(same, different, None, None, fpr)
    sums = _Sums(same, different, forbidden)
    if same + different <= budget:
        sums.add_sorted(*_collect(_blocks(vectors, ends, block), same, different, -np.inf, np.inf))
    else:
        _in_ranges(vectors, ends, block, budget, sums)
    return PairCurve(same, different, sums.wins / (2 * same * different), sums.tpr, fpr)


class _Sums:
    """What is known after the scores below some value: they are added range by range, rising."""

    def __init__(self, same: int, different: int, forbidden: int) -> None:
        self.wins = 0  # twice the pairs of pairs won, as Python integers: they outgrow 64 bits
        self.tpr = 1.0 if forbidden < 0 else 0.0
        self._same_in_all, self._forbidden = same, forbidden
        self._same = self._different = 0

    def add_sorted(self, same: np.ndarray, different: np.ndarray) -> None:
        self.wins += twice_wins(same, different)
        rank = self._forbidden - self._different
        if 0 <= rank < len(different):
            self._stop_above(int(np.searchsorted(same, different[rank], "right")))
        self._pass(len(same), len(different))

    def add_counts(self, same: np.ndarray, different: np.ndarray) -> None:
        """same, different: how many scores have each of a rising list of values."""
        below = np.cumsum(different) - different
        self.wins += sum(int(s) * int(b) for s, b in zip(same, 2 * below + different, strict=True) if s)
        rank = self._forbidden - self._different
        if 0 <= rank < different.sum():
            value = int(np.searchsorted(np.cumsum(different), rank, "right"))
            self._stop_above(int(same[: value + 1].sum()))
        self._pass(int(same.sum()), int(different.sum()))

    def _stop_above(self, not_above: int) -> None:
        self.tpr = (self._same_in_all - self._same - not_above) / self._same_in_all

    def _pass(self, same: int, different: int) -> None:
        self.wins += 2 * same * self._different
        self._same += same
        self._different += different


def _in_ranges(vectors: np.ndarray, ends: np.ndarray, block: int, budget: int, sums: _Sums) -> None:
    counts = np.zeros((2, _BUCKETS), dtype=np.int64)
    for scores in _blocks(vectors, ends, block):
        for kind in (0, 1):
            counts[kind] += np.bincount(_rank_of(scores[kind]) >> 16, minlength=_BUCKETS)
    for first, stop in _ranges(counts.sum(axis=0), budget):
        same, different = (int(count) for count in counts[:, first:stop].sum(axis=1))
        blocks = _blocks(vectors, ends, block)
        if stop - first > 1 or same + different <= budget:
            sums.add_sorted(*_collect(blocks, same, different, _least(first), _least(stop)))
        else:
            sums.add_counts(*_count(blocks, first))


def _ranges(counts: np.ndarray, budget: int) -> Iterator[tuple[int, int]]:
    """Ranges of buckets, rising, which hold all scores: each within the budget unless it is a single bucket."""
    filled = [int(bucket) for bucket in np.flatnonzero(counts)]
    first, last, held = filled[0], filled[0], 0
    for bucket in filled:
        if held and held + counts[bucket] > budget:
            yield first, last + 1
            first, held = bucket, 0
        last = bucket
        held += int(counts[bucket])
    yield first, last + 1


def _by_class(vectors: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The labelled rows sorted by class, and for each row the end of its class."""
    vectors, labels = np.asarray(vectors, dtype=np.float32), np.asarray(labels)
    if vectors.ndim != 2 or labels.shape != vectors.shape[:1]:
        raise ValueError(f"vectors {vectors.shape} and labels {labels.shape}: give (n, d) and (n,)")
    if labels.dtype.kind not in "iu" and labels.size:
        raise ValueError(f"labels have type {labels.dtype}: give integer codes, -1 for no label")
    if not np.isfinite(vectors).all():
        raise ValueError(f"row {int(np.argmin(np.isfinite(vectors).all(axis=1)))} of vectors has NaN or Inf")
    order = np.argsort(labels, kind="stable")
    order = order[labels[order] >= 0]
    return vectors[order], np.searchsorted(labels[order], labels[order], "right")


def _blocks(vectors: np.ndarray, ends: np.ndarray, block: int) -> Iterator[_Block]:
    """The scores of all pairs i < j: for each block of rows i those of one class, and those of two."""
    for first in range(0, len(vectors), block):
        stop = min(first + block, len(vectors))
        scores = vectors[first:stop] @ vectors[first:].T
        rows = range(stop - first)
        same = [scores[row, row + 1 : ends[first + row] - first] for row in rows]
        different = [scores[row, ends[first + row] - first :] for row in rows]
        yield np.concatenate(same), np.concatenate(different)


def _collect(blocks: Iterator[_Block], same: int, different: int, low: float, high: float) -> _Block:
    """All scores with low <= score < high, sorted, in two arrays of the sizes announced."""
    kept = np.empty(same, dtype=np.float32), np.empty(different, dtype=np.float32)
    filled, sizes = [0, 0], (same, different)
    everything = np.isneginf(low) and np.isposinf(high)
    for scores in blocks:
        for kind in (0, 1):
            some = scores[kind] if everything else scores[kind][(scores[kind] >= low) & (scores[kind] < high)]
            free = kept[kind][filled[kind] : filled[kind] + len(some)]
            if len(free) < len(some):
                raise RuntimeError(f"more than {sizes[kind]} scores in a range: they changed between two passes")
            free[:] = some
            filled[kind] += len(some)
    for kind in (0, 1):
        if filled[kind] != sizes[kind]:
            raise RuntimeError(f"{filled[kind]} scores, not {sizes[kind]}, in a range: they changed between two passes")
        kept[kind].sort()
    return kept


def _count(blocks: Iterator[_Block], bucket: int) -> tuple[np.ndarray, np.ndarray]:
    """How many same and different scores have each of a bucket's 65,536 values."""
    counts = np.zeros((2, _BUCKETS), dtype=np.int64)
    for scores in blocks:
        for kind in (0, 1):
            rank = _rank_of(scores[kind])
            counts[kind] += np.bincount(rank[rank >> 16 == bucket] & 0xFFFF, minlength=_BUCKETS)
    return counts[0], counts[1]


def _rank_of(scores: np.ndarray) -> np.ndarray:
    """Integers in [0, 2^32) that rise as the float32 scores do: the bits, flipped below zero."""
    bits = (scores + np.float32(0)).view(np.uint32)  # -0 becomes 0, which it equals
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31)).astype(np.int64)


def _least(bucket: int) -> float:
    """The smallest score of a bucket of `_rank_of(score) >> 16`; beyond the buckets of finite scores, -inf or inf."""
    if not 0x0080 <= bucket <= 0xFF7F:
        return float("inf") if bucket > 0xFF7F else float("-inf")
    rank = bucket << 16
    bits = rank - (1 << 31) if rank >> 31 else 0xFFFFFFFF - rank
    return float(np.uint32(bits).view(np.float32))
