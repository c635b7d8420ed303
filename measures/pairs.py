"""Verification over all pairs of a set of images, exact and within bounded memory.

The scores of all pairs are float32 inner products, computed block by block, with the rows sorted by class so that the
same-class and different-class partners of each row are two plain slices. Scores within the budget are sorted at once.
Beyond it, a first pass counts them by their leading 16 bits, and each further pass computes them again and keeps only
one range of values: a range that fits is sorted, and one that cannot be divided further by its leading bits is counted
by its trailing 16, which is exact too. Ranges are visited in rising order, so the sums over them are those over all
pairs.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from .curve import Counted, Curve, Range, Sorted, summed

_BUCKETS = 1 << 16
_Block = tuple[np.ndarray, np.ndarray]  # the scores of same pairs in a block, and of different ones


def pair_curve(
    vectors: np.ndarray,
    labels: np.ndarray,
    fprs: Sequence[float] = (1e-3,),
    points: int = 300,
    block: int = 256,
    budget: int = 60_000_000,
) -> Curve:
    """The exact ROC of "same class?" over all pairs i < j: AUC, EER, TPR at each of `fprs`, and points to draw.

    vectors: (n, d) float32 unit rows. labels: (n,) integer codes; rows with -1 are left out. points: about how many
    points of the curve to keep. block: rows scored at once. budget: scores kept at once, at 4 bytes each; 10,000 images
    have 50 million pairs and take one pass, more images take more passes and no more memory. Ties are exact: see
    verification.py. Raises ValueError for wrong shapes and NaN.
    """
    vectors, codes = sorted_by_class(vectors, labels)
    ends = np.searchsorted(codes, codes, "right")
    sizes = np.unique(codes, return_counts=True)[1]
    same = int((sizes * (sizes - 1) // 2).sum())
    different = len(vectors) * (len(vectors) - 1) // 2 - same
    return summed(_ranges(vectors, ends, block, budget, (same, different)), same, different, fprs, points)


def _ranges(vectors: np.ndarray, ends: np.ndarray, block: int, budget: int, sizes: tuple[int, int]) -> Iterator[Range]:
    """All scores in rising ranges, each within the budget; a single bucket beyond it is counted."""
    if sum(sizes) <= budget:
        yield Sorted(*_collect(_blocks(vectors, ends, block), *sizes, -np.inf, np.inf))
        return
    counts = np.zeros((2, _BUCKETS), dtype=np.int64)
    for scores in _blocks(vectors, ends, block):
        for kind in (0, 1):
            counts[kind] += np.bincount(_rank_of(scores[kind]) >> 16, minlength=_BUCKETS)
    for first, stop in _cut(counts.sum(axis=0), budget):
        same, different = (int(count) for count in counts[:, first:stop].sum(axis=1))
        blocks = _blocks(vectors, ends, block)
        if stop - first > 1 or same + different <= budget:
            yield Sorted(*_collect(blocks, same, different, _least(first), _least(stop)))
        else:
            yield Counted(_values(first), *_count(blocks, first))


def _cut(counts: np.ndarray, budget: int) -> Iterator[tuple[int, int]]:
    """Ranges of buckets, rising, which hold all scores: each within the budget unless it is a single bucket."""
    filled = [int(bucket) for bucket in np.flatnonzero(counts)]
    first, last, size = filled[0], filled[0], 0
    for bucket in filled:
        if size and size + counts[bucket] > budget:
            yield first, last + 1
            first, size = bucket, 0
        last = bucket
        size += int(counts[bucket])
    yield first, last + 1


def _blocks(vectors: np.ndarray, ends: np.ndarray, block: int) -> Iterator[_Block]:
    """The scores of all pairs i < j: for each block of rows i, those of one class and those of two."""
    for first in range(0, len(vectors), block):
        stop = min(first + block, len(vectors))
        scores = vectors[first:stop] @ vectors[first:].T
        rows = range(stop - first)
        same = [scores[row, row + 1 : ends[first + row] - first] for row in rows]
        different = [scores[row, ends[first + row] - first :] for row in rows]
        yield np.concatenate(same), np.concatenate(different)


def _collect(blocks: Iterator[_Block], same: int, different: int, low: float, high: float) -> _Block:
    """All scores with low <= score < high, sorted, in two arrays of the given sizes."""
    kept = np.empty(same, dtype=np.float32), np.empty(different, dtype=np.float32)
    filled, sizes = [0, 0], (same, different)
    everything = np.isneginf(low) and np.isposinf(high)
    for scores in blocks:
        for kind in (0, 1):
            inside = scores[kind] if everything else scores[kind][(scores[kind] >= low) & (scores[kind] < high)]
            free = kept[kind][filled[kind] : filled[kind] + len(inside)]
            if len(free) < len(inside):
                raise RuntimeError(f"more than {sizes[kind]} scores in a range: they changed between two passes")
            free[:] = inside
            filled[kind] += len(inside)
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


def _values(bucket: int) -> np.ndarray:
    """The 65,536 scores of a bucket of finite scores, rising, float32."""
    ranks = (bucket << 16) + np.arange(_BUCKETS)
    return np.where(ranks >> 31, ranks - (1 << 31), 0xFFFFFFFF - ranks).astype(np.uint32).view(np.float32)


def _least(bucket: int) -> float:
    """The smallest score of a bucket of `_rank_of(score) >> 16`; beyond the buckets of finite scores, -inf or inf."""
    if not 0x0080 <= bucket <= 0xFF7F:
        return float("inf") if bucket > 0xFF7F else float("-inf")
    return float(_values(bucket)[0])


def sorted_by_class(vectors: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(vectors, codes) of the rows that have a class, with those of one class adjacent, in rising codes.

    vectors: (n, d) float32, finite. codes: (n,) integers; rows with -1 have no class and are left out. Raises
    ValueError for other shapes, codes that are not integers, NaN and Inf.
    """
    vectors, codes = np.asarray(vectors, dtype=np.float32), np.asarray(codes)
    if vectors.ndim != 2 or codes.shape != vectors.shape[:1]:
        raise ValueError(f"vectors {vectors.shape} and labels {codes.shape}: give (n, d) and (n,)")
    if codes.dtype.kind not in "iu" and codes.size:
        raise ValueError(f"labels have type {codes.dtype}: give integer codes, -1 for no label")
    if not np.isfinite(vectors).all():
        raise ValueError(f"row {int(np.argmin(np.isfinite(vectors).all(axis=1)))} of vectors has NaN or Inf")
    order = np.argsort(codes, kind="stable")
    order = order[codes[order] >= 0]
    return vectors[order], codes[order].astype(np.int64)
