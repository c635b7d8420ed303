"""The nearest stored rows: of all classes, a key's own row left out; and exactly, of other classes or of each class.

All neighbours of a vote are mostly of one class, and how far the next one lies decides its margin. Asking the index
for it does not do: tuned to find the k nearest rows, it visits no lists where nearer rows of other classes may lie.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from ...indexer.segments.instances import Instances
from ...indexer.segments.order import without_own
from ...measures.scores import correct
from ...store.version.store import Store
from ..view import View
from .hits import Hits
from .queries import Asked
from .ready import check_k


def neighbours(view: View, asked: Asked, k: int = 10, where: str | None = None, exact: bool = False) -> Hits:
    """The hits (m, k) of the queries that were read: one row for each of `asked.names`; `where` is an SQL condition."""
    scores, rows = nearest(view.instances, asked.vectors, asked.own, k, exact, view.meeting(where))
    return Hits(view.store, rows, scores, asked.names)


def nearest(
    instances: Instances,
    vectors: np.ndarray,
    own: np.ndarray,
    k: int,
    exact: bool,
    allowed: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (nq, k) float32 and rows (nq, k) int64 of unit `vectors` (nq, d); rows `own` (nq,) are left out.

    allowed: (next_row,) bool, the rows that may be hits, or None for all.
    """
    check_k(k, len(vectors), instances.store.next_row)
    if not (own >= 0).any():
        return instances.search(vectors, k, exact=exact, allowed=allowed)
    scores, rows = instances.search(vectors, k + 1, exact=exact, allowed=allowed)
    return without_own(scores, rows, own)


_QUERIES, _ROWS = 2048, 4096  # scores that are held at once: 32 MB


def nearest_of_others(store: Store, vectors: np.ndarray, own: Sequence[np.ndarray], codes: np.ndarray) -> np.ndarray:
    """The score of each query's nearest row that has a label, but not its class: (nq,) float32, -inf for none.

    vectors: (nq, d) float32 unit rows. own: for each the rows, int64, that do not count. codes: (nq,) int, places in
    `store.classes`.
    """
    best = np.full(len(vectors), -np.inf, np.float32)
    for some, labels, scores in _scores(store, vectors, own):
        scores[labels[:, None] == codes[some]] = -np.inf
        np.maximum(best[some], scores.max(axis=0), out=best[some])
    return best


def nearest_of_each(store: Store, vectors: np.ndarray, own: Sequence[np.ndarray]) -> np.ndarray:
    """The score of each query's nearest row of each class: (nq, c) float32, -inf for none; as `nearest_of_others`."""
    best = np.full((len(vectors), len(store.classes)), -np.inf, np.float32)
    for some, labels, scores in _scores(store, vectors, own):
        present, starts = np.unique(labels, return_index=True)
        best[some, present] = np.maximum(best[some, present], np.maximum.reduceat(scores, starts, axis=0).T)
    return best


def _scores(
    store: Store, vectors: np.ndarray, own: Sequence[np.ndarray]
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Block by block which queries, the codes of m live rows with a label, and scores (m, b), -inf for rows `own`.

    The rows of a block come class by class: so their maxima are taken of whole lines, several times as fast.
    """
    whose = np.repeat(np.arange(len(vectors)), [len(rows) for rows in own])
    mine = np.concatenate([np.empty(0, np.int64), *own])
    for rows, stored in store.blocks(size=_ROWS):
        labels = store.codes(rows)
        order = np.argsort(labels, kind="stable")[np.count_nonzero(labels < 0) :]
        sorted_rows, place = stored[order], np.full(len(rows), -1)
        place[order] = np.arange(len(order))
        for first in range(0, len(vectors) if len(order) else 0, _QUERIES):
            some = slice(first, first + _QUERIES)
            scores = correct(sorted_rows @ vectors[some].T, sorted_rows, vectors[some])
            here = (whose >= first) & (whose < first + _QUERIES) & (mine >= rows[0]) & (mine <= rows[-1])
            column = np.searchsorted(rows, mine[here])
            there = (rows[column] == mine[here]) & (place[column] >= 0)
            scores[place[column[there]], whose[here][there] - first] = -np.inf
            yield some, labels[order], scores
