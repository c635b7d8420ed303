"""The nearest stored rows of each query: of all classes, or exactly, of every other class or of each class.

The neighbours in a vote are mostly of one class, and the distance to the nearest row of another class gives the margin.
The index cannot answer that: it is tuned for the k nearest rows, and skips lists in which the nearest rows of other
classes may lie.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from ...indexer.segments.instances import Instances
from ...indexer.segments.order import without_own
from ...measures.scores import correct
from ...store.version.store import Store
from ..view import View
from .hits import Hits
from .queries import Queries
from .ready import check_k


def neighbours(view: View, queries: Queries, k: int = 10, where: str | None = None, exact: bool = False) -> Hits:
    """The hits (m, k) of queries, one row for each of `queries.names`; `where` is an SQL condition on the hits."""
    scores, rows = nearest(view.instances, queries.vectors, queries.excluded, k, exact, view.meeting(where))
    return Hits(view.store, rows, scores, queries.names)


def nearest(
    instances: Instances,
    vectors: np.ndarray,
    excluded: np.ndarray,
    k: int,
    exact: bool,
    allowed: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (nq, k) float32 and rows (nq, k) int64 of the rows nearest to unit `vectors` (nq, d).

    excluded: (nq,) int64, a row that may not be a hit of each query, or -1. allowed: (next_row,) bool, the rows that
    may be hits, or None for all.
    """
    check_k(k, len(vectors), instances.store.next_row)
    if not (excluded >= 0).any():
        return instances.search(vectors, k, exact=exact, allowed=allowed)
    scores, rows = instances.search(vectors, k + 1, exact=exact, allowed=allowed)
    return without_own(scores, rows, excluded)


_QUERIES, _ROWS = 2048, 4096  # block size: 32 MB of scores in memory


def nearest_of_others(
    store: Store, vectors: np.ndarray, excluded: Sequence[np.ndarray], codes: np.ndarray
) -> np.ndarray:
    """The score of the nearest row of another class, for each query: (nq,) float32, -inf where there is none.

    vectors: (nq, d) float32 unit rows. excluded: for each query the rows, int64, that do not count. codes: (nq,) int,
    the class of each query as an index into `store.classes`.
    """
    best = np.full(len(vectors), -np.inf, np.float32)
    for batch, labels, scores in _scores(store, vectors, excluded):
        scores[labels[:, None] == codes[batch]] = -np.inf
        np.maximum(best[batch], scores.max(axis=0), out=best[batch])
    return best


def nearest_of_each(store: Store, vectors: np.ndarray, excluded: Sequence[np.ndarray]) -> np.ndarray:
    """The score of the nearest row of each class, for each query: (nq, c) float32, -inf where a class has none.

    The parameters are those of `nearest_of_others`.
    """
    best = np.full((len(vectors), len(store.classes)), -np.inf, np.float32)
    for batch, labels, scores in _scores(store, vectors, excluded):
        present, starts = np.unique(labels, return_index=True)
        best[batch, present] = np.maximum(best[batch, present], np.maximum.reduceat(scores, starts, axis=0).T)
    return best


def _scores(
    store: Store, vectors: np.ndarray, excluded: Sequence[np.ndarray]
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield for each block: a slice of the queries, the codes of m labelled live rows, and their scores (m, b).

    The scores of `excluded` rows are -inf. The rows of a block are sorted by class, so that maxima run over contiguous
    lines, which is several times as fast.
    """
    query_of = np.repeat(np.arange(len(vectors)), [len(rows) for rows in excluded])
    hidden = np.concatenate([np.empty(0, np.int64), *excluded])
    for rows, stored in store.blocks(size=_ROWS):
        labels = store.codes(rows)
        order = np.argsort(labels, kind="stable")[np.count_nonzero(labels < 0) :]
        sorted_rows, place = stored[order], np.full(len(rows), -1)
        place[order] = np.arange(len(order))
        for first in range(0, len(vectors) if len(order) else 0, _QUERIES):
            batch = slice(first, first + _QUERIES)
            scores = correct(sorted_rows @ vectors[batch].T, sorted_rows, vectors[batch])
            here = (query_of >= first) & (query_of < first + _QUERIES) & (hidden >= rows[0]) & (hidden <= rows[-1])
            column = np.searchsorted(rows, hidden[here])
            there = (rows[column] == hidden[here]) & (place[column] >= 0)
            scores[place[column[there]], query_of[here][there] - first] = -np.inf
            yield batch, labels[order], scores
