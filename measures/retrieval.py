"""What queries find in a whole collection: recall@k, R-precision and MAP@R, without keeping any ranking.

R of a query is the number of references of its class. MAP@R and R-precision are those of Musgrave, Belongie and Lim (A
Metric Learning Reality Check, ECCV 2020, section 3.2, equations 3 and 4): the mean over ranks 1..R of the precision at
those ranks that have a reference of the query's class, and the share of the first R ranks that do. recall@k is that of
Oh Song, Xiang, Jegelka and Savarese (CVPR 2016): the share of queries with a reference of their class among the first
k. A reference of another class that ties with one of the query's class counts as ranked before it, so ties never
flatter.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

_BLOCK_BYTES = 64 << 20


@dataclass(frozen=True, eq=False)
class Retrieval:
    """The results of each query, float64 (nq,), nan if its class has no reference; a mean over nothing is None."""

    first: np.ndarray  # the rank of the nearest reference of its class, from 1
    average_precision: np.ndarray  # at R
    precision: np.ndarray  # R-precision

    def recall_at(self, k: int) -> float | None:
        """The share of queries with a reference of their class among the first k."""
        return _mean(np.where(np.isnan(self.first), np.nan, self.first <= k))

    def map_at_r(self) -> float | None:
        """MAP@R: the mean of the average precisions."""
        return _mean(self.average_precision)

    def r_precision(self) -> float | None:
        """The mean of the R-precisions."""
        return _mean(self.precision)


def retrieval(
    queries: np.ndarray,
    query_codes: np.ndarray,
    references: np.ndarray,
    codes: np.ndarray,
    own: Sequence[np.ndarray] | np.ndarray | None = None,
    threads: int = 2,
) -> Retrieval:
    """Compare each query with all references.

    queries (nq, d) and references (n, d): float32 unit rows. query_codes (nq,) and codes (n,): integer classes; -1 for
    none, which matches nothing. own: for each query, positions (r,) in `references` that are left out (the query
    itself). Memory: two score blocks of 64 MiB; time O(nq n (d + log n)).
    """
    results = np.full((3, len(queries)), np.nan)
    if not len(queries) or not len(references):
        return Retrieval(*results)
    order = np.argsort(codes, kind="stable")
    sorted_codes = codes[order]
    sorted_references = np.ascontiguousarray(references[order])
    places = _places(order, own)
    block = max(1, _BLOCK_BYTES // (4 * len(references)))

    def one(i: int, scores: np.ndarray) -> None:
        if query_codes[i] < 0:
            return
        first, last = np.searchsorted(sorted_codes, [query_codes[i], query_codes[i] + 1])
        if places is not None:
            scores[places(i)] = np.nan
        results[:, i] = _of_one(scores[first:last], np.concatenate((scores[:first], scores[last:])))

    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(queries), block):
            scores = queries[start : start + block] @ sorted_references.T
            list(pool.map(one, range(start, start + len(scores)), scores))
    return Retrieval(*results)


def _places(order: np.ndarray, own: Sequence[np.ndarray] | np.ndarray | None):  # type: ignore[no-untyped-def]
    """Maps a query to the places of its own references after sorting by class; None where nothing is left out."""
    if own is None or not any(len(rows) for rows in own):
        return None
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return lambda i: place[own[i]]


def _of_one(same: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """(rank of the first, average precision at R, R-precision) from the scores of a query's own class and of others.

    NaN is left out.
    """
    same = np.sort(same[~np.isnan(same)])[::-1]
    relevant = len(same)
    if relevant == 0:
        return np.nan, np.nan, np.nan
    other = other[~np.isnan(other)]
    first = 1.0 + float(np.count_nonzero(other >= same[0]))
    if len(other) > relevant:
        # Only the R best of the others can push one of the R ranks away.
        other = np.partition(other, len(other) - relevant)[-relevant:]
    before = len(other) - np.searchsorted(np.sort(other), same, side="left")
    hits = np.arange(1, relevant + 1)
    inside = hits + before <= relevant
    return first, float((hits / (hits + before))[inside].sum() / relevant), float(np.count_nonzero(inside) / relevant)


def _mean(values: np.ndarray) -> float | None:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None
