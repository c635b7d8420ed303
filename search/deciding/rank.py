"""Which classes come first for each query, by prototype, a vote of neighbours or a linear head, before any decision.

Contract: `Ranked.scores` (nq, c') float32 and `.codes` (nq, c') int64 into `.classes`, the answer first; missing
entries are score -inf and code -1. A score is that of the class's nearest prototype or, by votes, nearest row; a head
orders classes otherwise than their scores do. `own` lists, per query, stored rows that must not speak for it (its own
content): they are left out of prototypes and of votes. A head has learned from them all the same: it is not fitted
anew for each query, so on images that the collection holds its order is optimistic.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...measures.scores import correct
from ...store.errors import LookalikeError
from ...store.progress import Progress, silent
from ..neighbours.ready import check_whole
from ..view import View
from .vote import WEIGHTS, vote

_MOST_CELLS = 25_000_000  # scores of classes that are held at once
_Pair = tuple[np.ndarray, np.ndarray]
WAYS = ("prototype", "knn", "linear")


@dataclass(frozen=True)
class Ranked:
    """Classes by nearness: scores (nq, c') float32, codes (nq, c') int64 into classes."""

    scores: np.ndarray
    codes: np.ndarray
    classes: list[str]


@dataclass(frozen=True)
class Way:
    """How to decide: `by` "prototype", "linear" or "knn", the last with k neighbours and their weights."""

    by: str = "prototype"
    k: int = 10
    weights: str = "uniform"
    exact: bool = False

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise LookalikeError(f"by is {self.by!r}: it is one of {', '.join(WAYS)}")
        if self.weights not in WEIGHTS:
            raise LookalikeError(f"weights is {self.weights!r}: it is one of {', '.join(WEIGHTS)}")
        object.__setattr__(self, "k", check_whole("k", self.k))


def refuse_no_classes(view: View) -> None:
    """LookalikeError where no row of the collection has a label."""
    if not view.store.classes:
        raise LookalikeError(f"{view.store.path} has no labelled images: there is nothing to classify by")


def rank(
    view: View,
    vectors: np.ndarray,
    own: Sequence[np.ndarray] | None,
    way: Way,
    progress: Progress = silent,
) -> Ranked:
    """Rank the classes for unit `vectors` (nq, d), with the rows `own` of each query left out.

    progress: of fitting a linear head, where none is stored.
    """
    refuse_no_classes(view)
    if way.by == "prototype":
        return _by_prototype(view, vectors, own)
    if way.by == "linear":
        head = view.head(progress)
        classes = view.prototypes.classes
        return _in_blocks(view, vectors, own, lambda some, s: ranked_by(head.logits(vectors[some], classes), s))
    return _by_vote(view, vectors, own, way)


def rank_without_class(view: View, vectors: np.ndarray, labels: Sequence[str], way: Way) -> Ranked:
    """Rank for `vectors` (nq, d) as if each query's own class, `labels` (nq,), were not in the collection.

    A linear head is not fitted without that class; the class is only taken out of its order.
    """
    if way.by == "knn":
        return _vote_without_class(view, vectors, np.asarray(labels, dtype=object), way)
    classes = view.prototypes.classes
    code_of = {name: code for code, name in enumerate(classes)}
    codes = np.array([code_of.get(label, -1) for label in labels], np.int64)
    head = view.head() if way.by == "linear" else None

    def ranked(some: slice, scores: np.ndarray) -> _Pair:
        there = np.flatnonzero(codes[some] >= 0)
        scores[there, codes[some][there]] = -np.inf
        return best_two(scores) if head is None else ranked_by(head.logits(vectors[some], classes), scores)

    return _in_blocks(view, vectors, None, ranked)


def _in_blocks(
    view: View,
    vectors: np.ndarray,
    own: Sequence[np.ndarray] | None,
    ranked: Callable[[slice, np.ndarray], _Pair],
) -> Ranked:
    """What `ranked` gives for blocks of queries and the scores (b, c) of their classes: no (nq, c) is ever held."""
    prototypes = view.prototypes
    step = max(1, _MOST_CELLS // max(1, len(prototypes.matrix)))
    blocks = [slice(first, first + step) for first in range(0, max(1, len(vectors)), step)]
    found = [
        ranked(some, prototype_scores(view, vectors[some], own[some] if own is not None else None)) for some in blocks
    ]
    scores, codes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Ranked(scores, codes, prototypes.classes)


def _by_prototype(view: View, vectors: np.ndarray, own: Sequence[np.ndarray] | None) -> Ranked:
    prototypes = view.prototypes
    if own is None or not any(map(len, own)):
        scores, codes = prototypes.search(vectors, 2)
        return Ranked(scores, codes, prototypes.classes)
    return _in_blocks(view, vectors, own, lambda some, scores: best_two(scores))


def prototype_scores(view: View, vectors: np.ndarray, own: Sequence[np.ndarray] | None) -> np.ndarray:
    """The score of each class's nearest prototype (nq, c) float32; -inf for none.

    vectors: (nq, d) float32 unit rows. own: for each the rows (r,) int64 that are left out.
    """
    prototypes = view.prototypes
    scores = prototypes.scores(vectors)
    for i, rows in enumerate(own or ()):
        if len(rows):
            for code, units in prototypes.left_out(view.store, rows).items():
                scores[i, code] = correct(units @ vectors[i : i + 1].T, units, vectors[i : i + 1]).max(initial=-np.inf)
    return scores


def best_two(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two best columns of scores (nq, c): scores (nq, 2) float32, codes (nq, 2) int64, ties by smaller code.

    One column where c is 1. -inf is a missing class: score -inf, code -1.
    """
    return ranked_by(scores, scores)


def ranked_by(order: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `best_two`, the classes ordered by `order` (nq, c), larger first, instead of by their scores (nq, c)."""
    left = np.where(np.isfinite(scores), order, -np.inf)
    every = np.arange(len(left))
    best = np.empty((len(left), min(2, left.shape[1])), np.float32)
    codes = np.empty(best.shape, np.int64)
    for place in range(best.shape[1]):
        code = left.argmax(axis=1)
        there = left[every, code] > -np.inf
        best[:, place], codes[:, place] = np.where(there, scores[every, code], -np.inf), np.where(there, code, -1)
        left[every, code] = -np.inf
    return best, codes


def _by_vote(view: View, vectors: np.ndarray, own: Sequence[np.ndarray] | None, way: Way) -> Ranked:
    most = max((len(rows) for rows in own), default=0) if own is not None else 0
    k = min(way.k, max(1, view.store.next_row))
    scores, rows = view.instances.search(vectors, k + most, exact=way.exact, allowed=view.labelled)
    if most and own is not None:
        scores, rows = _without(scores, rows, own, k)
    return _voted(view, scores, rows, way)


def _without(scores: np.ndarray, rows: np.ndarray, own: Sequence[np.ndarray], k: int) -> tuple[np.ndarray, np.ndarray]:
    """The first k hits of each query that are not among its own rows."""
    drop = np.array([np.isin(hits, mine) for hits, mine in zip(rows, own, strict=True)])
    order = np.argsort(drop, axis=1, kind="stable")[:, :k]
    gone = np.take_along_axis(drop, order, axis=1)
    kept, kept_rows = np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)
    return np.where(gone, np.float32(-np.inf), kept), np.where(gone, -1, kept_rows)


def _vote_without_class(view: View, vectors: np.ndarray, labels: np.ndarray, way: Way) -> Ranked:
    store = view.store
    rows = store.live_rows()
    codes = store.codes(rows)
    k = min(way.k, max(1, store.next_row))
    found = np.full((len(vectors), k), -1, np.int64)
    scores = np.full((len(vectors), k), -np.inf, np.float32)
    for code, name in enumerate(store.classes):
        mine = np.flatnonzero(labels == name)
        if len(mine):
            allowed = np.zeros(store.next_row, bool)
            allowed[rows[(codes != code) & (codes >= 0)]] = True
            scores[mine], found[mine] = view.instances.search(
                np.ascontiguousarray(vectors[mine]), k, exact=way.exact, allowed=allowed
            )
    return _voted(view, scores, found, way)


def _voted(view: View, scores: np.ndarray, rows: np.ndarray, way: Way) -> Ranked:
    codes = view.store.codes(rows.ravel()).reshape(rows.shape)
    ranked, winners = vote(scores, codes, weights=way.weights)
    return Ranked(ranked, winners, view.store.classes)
