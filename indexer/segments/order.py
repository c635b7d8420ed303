"""The order of hits: larger scores first, then smaller rows, whatever kernel computed the scores.

FAISS makes an arbitrary choice among equal scores, and a matrix product may round the scores of two identical vectors
differently. Neighbouring scores closer than `TIE` are computed again, pair by pair, and then ordered; otherwise FAISS's
own order is used.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...measures.scores import NEAR, pair_scores

TIE = 1e-6  # more than two ways of summing a float32 inner product of unit rows differ by
_AT_ONCE = 1 << 22  # floats gathered at once by `rescored`

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Vectors = Callable[[Ints], Floats]  # ids (m,) -> their unit rows (m, d)
Hits = tuple[Floats, Ints]  # scores (nq, k), ids (nq, k); missing hits are -inf, -1 and come last


def padded(scores: Floats, ids: Ints, k: int) -> Hits:
    """The first `k` of hits (nq, m), (nq, k), filled up with -inf and -1."""
    missing = k - scores.shape[1]
    if missing <= 0:
        return scores[:, :k], ids[:, :k]
    fill = ((0, 0), (0, missing))
    return np.pad(scores, fill, constant_values=-np.inf), np.pad(ids, fill, constant_values=-1)


def ordered(scores: Floats, ids: Ints, k: int) -> Hits:
    """The best `k` of hits (nq, m) by (-score, id), for each query; missing hits last."""
    order = np.lexsort((np.where(ids < 0, np.iinfo(np.int64).max, ids), -scores), axis=1)[:, :k]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)


def kept(scores: Floats, ids: Ints, mask: NDArray[np.bool_]) -> Hits:
    """Hits (nq, m) whose id is in `mask` (n,); the others become missing hits at the end."""
    inside = (ids >= 0) & mask[np.maximum(ids, 0)]
    order = np.argsort(~inside, axis=1, kind="stable")
    scores = np.where(inside, scores, np.float32(-np.inf))
    return (
        np.take_along_axis(scores, order, axis=1),
        np.take_along_axis(np.where(inside, ids, -1), order, axis=1),
    )


def without_own(scores: Floats, ids: Ints, own: Ints) -> Hits:
    """The first k of hits (nq, k + 1) that are not the query's own id (nq,). An own id of -1 excludes nothing."""
    is_own = (ids == own[:, None]) & (own[:, None] >= 0)
    is_own[~is_own.any(axis=1), -1] = True
    shape = len(ids), ids.shape[1] - 1
    return scores[~is_own].reshape(shape), ids[~is_own].reshape(shape)


def rescored(queries: Floats, ids: Ints, vectors: Vectors) -> Floats:
    """Exact scores (nq, m) of queries (nq, d) and the stored rows of ids (nq, m); -inf where the id is -1.

    Each pair is summed by itself, so that equal vectors get equal scores (see measures.scores).
    """
    nq, m = ids.shape
    scores = np.full((nq, m), -np.inf, dtype=np.float32)
    step = max(1, _AT_ONCE // max(1, m * queries.shape[1]))
    for start in range(0, nq if m else 0, step):
        batch = ids[start : start + step]
        there = batch >= 0
        if there.any():
            pairs = np.broadcast_to(queries[start : start + step, None, :], (*batch.shape, queries.shape[1]))
            scores[start : start + step][there] = pair_scores(pairs[there], vectors(batch[there]))
    return scores


def bounded(queries: Floats, scores: Floats, ids: Ints, vectors: Vectors) -> Floats:
    """The scores (nq, m) that FAISS gave the hits `ids`, corrected to 1 for equal vectors and to at most 1 for others.

    The order of hits that are not tied stays: a score changes by less than half of TIE.
    """
    query, place = np.nonzero(scores > NEAR)
    beyond = (scores < -1) & (scores > -np.inf)
    if len(query) == 0 and not beyond.any():
        return scores
    scores = np.where(beyond, np.float32(-1), scores)
    step = max(1, _AT_ONCE // max(1, queries.shape[1]))
    for start in range(0, len(query), step):
        q, p = query[start : start + step], place[start : start + step]
        scores[q, p] = pair_scores(queries[q], vectors(ids[q, p]))
    return scores


def settled(queries: Floats, hits: Hits, k: int, vectors: Vectors, around: Callable[[Floats, float], Ints]) -> Hits:
    """The best `k` of exact hits by (-score, id), with ties resolved, including ties between hit k and rows left out.

    hits: (nq, m), best first, m >= k + 1 unless no row was left out. around(query, floor) returns the ids of all
    searchable rows that score above `floor`.
    """
    scores, ids = hits
    raw, scores = scores, bounded(queries, scores, ids, vectors)
    with np.errstate(invalid="ignore"):  # -inf - -inf
        close = np.flatnonzero(((raw[:, :-1] - raw[:, 1:]) < TIE).any(axis=1))
    if len(close) == 0:
        return scores[:, :k], ids[:, :k]
    scores, ids = scores.copy(), ids.copy()
    width = scores.shape[1]
    left_out = np.zeros(len(close), dtype=bool)
    if width > k:
        left_out = raw[close, k - 1] - raw[close, width - 1] < TIE
    again = rescored(queries[close], ids[close], vectors)
    scores[close], ids[close] = ordered(again, ids[close], width)
    for i in close[left_out]:
        more = around(queries[i], float(scores[i, k - 1]) - 4 * TIE)
        again = rescored(queries[i : i + 1], more[None], vectors)
        best = padded(*ordered(again, more[None], k), k)
        scores[i, :k], ids[i, :k] = best[0][0], best[1][0]
    return scores[:, :k], ids[:, :k]
