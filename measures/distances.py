"""Distances within and between classes: means over all pairs, and their histogram.

All pairs i < j of the labelled rows count, exactly, block by block. Time is O(n^2 d), memory one block of scores, and
some matrices (classes, classes) for `distance_matrix`. Distances are computed in float64, since those of near copies
cancel in float32.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .pairs import sorted_by_class

_CELLS = 1 << 22  # distances at once


class ClassDistances(NamedTuple):
    """Mean distances over all pairs i < j, None where there is no such pair."""

    within: float | None  # of pairs of one class
    between: float | None  # of pairs of two classes
    gap: float | None  # between - within: 0 where the classes cannot be told apart


def class_distances(vectors: np.ndarray, codes: np.ndarray) -> ClassDistances:
    """The mean distance within classes, between them, and the gap; every pair counts the same.

    vectors: (n, d) float32 unit rows. codes: (n,) integer classes, rows with -1 are left out. Raises ValueError for
    other shapes, NaN and Inf.
    """
    rows, sorted_codes = sorted_by_class(vectors, codes)
    ends = np.searchsorted(sorted_codes, sorted_codes, side="right")
    sums, pairs = np.zeros(2), np.zeros(2, dtype=np.int64)
    for first, distances in _blocks(rows):
        height, width = distances.shape
        distances[np.tri(height, width, dtype=bool)] = 0.0  # of a pair i < j only one place is left
        own = np.arange(width) < (ends[first : first + height] - first)[:, None]
        within = float(distances[own].sum())
        sums += within, float(distances.sum()) - within
    sizes = np.unique(sorted_codes, return_counts=True)[1].astype(np.int64)
    pairs[0] = (sizes * (sizes - 1) // 2).sum()
    pairs[1] = len(rows) * (len(rows) - 1) // 2 - pairs[0]
    mean_within, mean_between = (float(sums[i] / pairs[i]) if pairs[i] else None for i in range(2))
    gap = None if mean_within is None or mean_between is None else mean_between - mean_within
    return ClassDistances(mean_within, mean_between, gap)


def distance_matrix(vectors: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(classes, means): the mean distance between images of each two classes, and within each class.

    The arguments are those of `class_distances`. classes: (c,) int64, the codes that occur, rising. means: (c, c)
    float64, symmetric; the diagonal is nan for a class with one image.
    """
    rows, sorted_codes = sorted_by_class(vectors, codes)
    totals, pairs = _sums(rows, sorted_codes)
    upper = np.triu(totals) / np.maximum(pairs, 1)
    means = np.where(pairs > 0, upper + np.triu(upper, 1).T, np.nan)
    return np.unique(sorted_codes), means


def distance_histogram(
    vectors: np.ndarray, codes: np.ndarray, bins: int = 100
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(edges, same, different): how many pairs i < j of one class, and of two classes, have which distance.

    The first two arguments are those of `class_distances`. edges: (bins + 1,) float64 from 0 to 2; a bin includes its
    lower edge, the last bin both. same, different: (bins,) int64.
    """
    rows, sorted_codes = sorted_by_class(vectors, codes)
    edges = np.linspace(0.0, 2.0, bins + 1)
    counts = np.zeros((2, bins), dtype=np.int64)
    for first, distances in _blocks(rows):
        own = slice(first, first + len(distances))
        later = np.arange(first, len(rows)) > np.arange(own.start, own.stop)[:, None]
        same = sorted_codes[own, None] == sorted_codes[first:]
        for kind, chosen in enumerate((later & same, later & ~same)):
            counts[kind] += np.histogram(np.minimum(distances[chosen], 2.0), edges)[0]
    return edges, counts[0], counts[1]


def _sums(rows: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(totals, pairs), both (c, c): distances summed over the pairs of each two classes, and how many there are."""
    starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1])) if len(codes) else np.zeros(0, np.int64)
    sizes = np.diff(np.append(starts, len(codes)))
    place = np.repeat(np.arange(len(starts)), sizes)
    totals = np.zeros((len(starts), len(starts)))
    for first, distances in _blocks(rows):
        # The block begins inside a class: its columns are those from the row itself on.
        distances[np.tri(len(distances), distances.shape[1], dtype=bool)] = 0.0
        cuts = np.maximum(starts[place[first] :] - first, 0)
        of_rows = place[first : first + len(distances)]
        np.add.at(totals[:, place[first] :], of_rows, np.add.reduceat(distances, cuts, axis=1))
    pairs = np.triu(np.outer(sizes, sizes), 1) + np.diag(sizes * (sizes - 1) // 2)
    return totals + np.triu(totals, 1).T, pairs + np.triu(pairs, 1).T


def _blocks(rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """(i, distances (b, n - i)) of the rows i, i + 1, ... to row i and the rows after it."""
    exact = rows.astype(np.float64)
    step = max(1, _CELLS // max(1, len(rows)))
    for first in range(0, len(rows), step):
        scores = exact[first : first + step] @ exact[first:].T
        yield first, np.sqrt(np.maximum(0.0, 2.0 - 2.0 * scores))


def distance_of(scores: np.ndarray) -> np.ndarray:
    """The distance between unit rows with these inner products: sqrt(max(0, 2 - 2*score)).

    scores: any shape, float. Returns float32 of the same shape, in [0, 2] for unit rows; smaller is closer. It is
    computed in float64, since 2 - 2*score cancels for close rows. A missing hit (-inf) is infinitely far; NaN stays
    NaN.
    """
    exact = np.asarray(scores, dtype=np.float64)
    return np.sqrt(np.maximum(0.0, 2.0 - 2.0 * exact)).astype(np.float32)
