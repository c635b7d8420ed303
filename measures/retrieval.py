"""Recall@1 and MAP@R of queries against a whole collection, without keeping any ranking.

MAP@R as Musgrave, Belongie and Lim (A Metric Learning Reality Check, ECCV 2020, equation 3): for a query whose class
has R references, the mean over ranks 1..R of the precision at those ranks that hold a reference of its class.
A reference of another class that ties with one of the query's own counts as ranked before it, so ties never flatter.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

_BLOCK_BYTES = 64 << 20


def retrieval(
    queries: np.ndarray,
    query_codes: np.ndarray,
    references: np.ndarray,
    codes: np.ndarray,
    own: Sequence[np.ndarray] | None = None,
    threads: int = 2,
) -> tuple[np.ndarray, np.ndarray]:
    """Recall@1 and average precision at R of each query, two float64 (nq,), NaN where its class has no reference.

    queries (nq, d) and references (n, d) float32 unit rows; query_codes (nq,) and codes (n,) integer classes, -1 in
    `codes` belongs to none; own: per query, positions in `references` that are left out (the query itself).
    Memory: two score blocks of 64 MiB; time O(nq n (d + log n)).
    """
    recall = np.full(len(queries), np.nan)
    precision = np.full(len(queries), np.nan)
    if not len(queries) or not len(references):
        return recall, precision
    order = np.argsort(codes, kind="stable")
    sorted_codes = codes[order]
    sorted_references = np.ascontiguousarray(references[order])
    places = _places(order, own)
    block = max(1, _BLOCK_BYTES // (4 * len(references)))

    def one(i: int, scores: np.ndarray) -> None:
        first, last = np.searchsorted(sorted_codes, [query_codes[i], query_codes[i] + 1])
        if places is not None:
            scores[places(i)] = np.nan
        recall[i], precision[i] = _of_one(scores[first:last], np.concatenate((scores[:first], scores[last:])))

    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(queries), block):
            scores = queries[start : start + block] @ sorted_references.T
            list(pool.map(one, range(start, start + len(scores)), scores))
    return recall, precision


def _places(order: np.ndarray, own: Sequence[np.ndarray] | None):  # type: ignore[no-untyped-def]
    """From a query to its own references' places after sorting by class; None where nothing is left out."""
    if own is None or not any(len(rows) for rows in own):
        return None
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return lambda i: place[own[i]]


def _of_one(same: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """(recall@1, average precision at R) from the scores of a query's own class and of the others; NaN is left out."""
    same = np.sort(same[~np.isnan(same)])[::-1]
    wanted = len(same)
    if wanted == 0:
        return np.nan, np.nan
    other = other[~np.isnan(other)]
    if len(other) > wanted:
        # Only the R best of the others can push one of the R ranks away.
        other = np.partition(other, len(other) - wanted)[-wanted:]
    before = len(other) - np.searchsorted(np.sort(other), same, side="left")
    hits = np.arange(1, wanted + 1)
    ranks = hits + before
    return float(before[0] == 0), float((hits / ranks)[ranks <= wanted].sum() / wanted)
