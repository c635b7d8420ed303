"""The classes of each query in order, by prototypes, a vote of neighbours or a linear head, before any decision.

Contract: `Ranked.scores` (nq, c') float32 and `.codes` (nq, c') int64 into `.classes`, the answer first; missing
entries are score -inf and code -1. The score of a class is that of its nearest prototype or, for a vote, of its nearest
row; a linear head does not order classes by these scores. `excluded` gives, for each query, the stored rows of its own
content, which are left out of prototypes and votes. A linear head has been fitted on them all the same, because it is
not fitted again for each query: on images that the collection holds its order is optimistic.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...measures.scores import correct
from ...store.checks import choice, whole_number
from ...store.errors import LookalikeError
from ...store.progress import Progress, silent
from ...store.version.lookups import codes_of
from ..view import View
from .vote import WEIGHTS, vote

_MOST_CELLS = 25_000_000  # scores of classes in memory at once
_Pair = tuple[np.ndarray, np.ndarray]
RULES = ("prototype", "knn", "linear")


@dataclass(frozen=True)
class Ranked:
    """Classes in order, the answer first: scores (nq, c') float32, codes (nq, c') int64 into classes."""

    scores: np.ndarray
    codes: np.ndarray
    classes: list[str]


@dataclass(frozen=True)
class DecisionRule:
    """How to decide: `by` is "prototype", "linear" or "knn"; k, weights and exact are for the vote of "knn"."""

    by: str = "prototype"
    k: int = 10
    weights: str = "uniform"
    exact: bool = False

    def __post_init__(self) -> None:
        choice("by", self.by, RULES)
        choice("weights", self.weights, WEIGHTS)
        object.__setattr__(self, "k", whole_number("k", self.k))


def refuse_no_classes(view: View) -> None:
    """Raise LookalikeError if no row of the collection has a label."""
    if not view.store.classes:
        raise LookalikeError(f"{view.store.path} has no labelled images: classify and calibrate need some")


def rank(
    view: View,
    vectors: np.ndarray,
    excluded: Sequence[np.ndarray] | None,
    rule: DecisionRule,
    progress: Progress = silent,
) -> Ranked:
    """Rank the classes for unit `vectors` (nq, d), with the `excluded` rows of each query left out.

    progress: for fitting a linear head if none is stored.
    """
    refuse_no_classes(view)
    if rule.by == "prototype":
        return _by_prototype(view, vectors, excluded)
    if rule.by == "linear":
        head = view.head(progress)
        classes = view.prototypes.classes
        return _in_blocks(view, vectors, excluded, lambda batch, s: ranked_by(head.logits(vectors[batch], classes), s))
    return _by_vote(view, vectors, excluded, rule)


def rank_without_class(view: View, vectors: np.ndarray, labels: Sequence[str], rule: DecisionRule) -> Ranked:
    """Rank for `vectors` (nq, d) as if the class of each query, `labels` (nq,), were not in the collection.

    A linear head is not fitted again without that class; the class is only removed from its order.
    """
    if rule.by == "knn":
        return _vote_without_class(view, vectors, np.asarray(labels, dtype=object), rule)
    classes = view.prototypes.classes
    codes = codes_of(labels, classes)
    head = view.head() if rule.by == "linear" else None

    def ranked(batch: slice, scores: np.ndarray) -> _Pair:
        there = np.flatnonzero(codes[batch] >= 0)
        scores[there, codes[batch][there]] = -np.inf
        return best_two(scores) if head is None else ranked_by(head.logits(vectors[batch], classes), scores)

    return _in_blocks(view, vectors, None, ranked)


def _in_blocks(
    view: View,
    vectors: np.ndarray,
    excluded: Sequence[np.ndarray] | None,
    ranked: Callable[[slice, np.ndarray], _Pair],
) -> Ranked:
    """Apply `ranked` to blocks of queries and their scores (b, c), so that no (nq, c) array is ever in memory."""
    prototypes = view.prototypes
    step = max(1, _MOST_CELLS // max(1, len(prototypes.matrix)))
    blocks = [slice(first, first + step) for first in range(0, max(1, len(vectors)), step)]
    pairs = [
        ranked(batch, prototype_scores(view, vectors[batch], excluded[batch] if excluded is not None else None))
        for batch in blocks
    ]
    scores, codes = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return Ranked(scores, codes, prototypes.classes)


def _by_prototype(view: View, vectors: np.ndarray, excluded: Sequence[np.ndarray] | None) -> Ranked:
    prototypes = view.prototypes
    if excluded is None or not any(map(len, excluded)):
        scores, codes = prototypes.search(vectors, 2)
        return Ranked(scores, codes, prototypes.classes)
    return _in_blocks(view, vectors, excluded, lambda batch, scores: best_two(scores))


def prototype_scores(view: View, vectors: np.ndarray, excluded: Sequence[np.ndarray] | None) -> np.ndarray:
    """The score of the nearest prototype of each class, (nq, c) float32; -inf for a class without one.

    vectors: (nq, d) float32 unit rows. excluded: for each query the rows (r,) int64 that are left out.
    """
    prototypes = view.prototypes
    scores = prototypes.scores(vectors)
    for i, rows in enumerate(excluded or ()):
        if len(rows):
            for code, units in prototypes.left_out(view.store, rows).items():
                scores[i, code] = correct(units @ vectors[i : i + 1].T, units, vectors[i : i + 1]).max(initial=-np.inf)
    return scores


def best_two(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two best columns of scores (nq, c): scores (nq, 2) float32, codes (nq, 2) int64; ties go to the smaller code.

    There is one column if c is 1. A score of -inf is a missing class, which gets code -1.
    """
    return ranked_by(scores, scores)


def ranked_by(order: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Like `best_two`, but with the classes sorted by `order` (nq, c), largest first, not by their scores (nq, c)."""
    remaining = np.where(np.isfinite(scores), order, -np.inf)
    every = np.arange(len(remaining))
    best = np.empty((len(remaining), min(2, remaining.shape[1])), np.float32)
    codes = np.empty(best.shape, np.int64)
    for place in range(best.shape[1]):
        code = remaining.argmax(axis=1)
        present = remaining[every, code] > -np.inf
        best[:, place], codes[:, place] = np.where(present, scores[every, code], -np.inf), np.where(present, code, -1)
        remaining[every, code] = -np.inf
    return best, codes


def _by_vote(view: View, vectors: np.ndarray, excluded: Sequence[np.ndarray] | None, rule: DecisionRule) -> Ranked:
    most = max((len(rows) for rows in excluded), default=0) if excluded is not None else 0
    k = min(rule.k, max(1, view.store.next_row))
    scores, rows = view.instances.search(vectors, k + most, exact=rule.exact, allowed=view.labelled)
    if most and excluded is not None:
        scores, rows = _without(scores, rows, excluded, k)
    return _voted(view, scores, rows, rule)


def _without(
    scores: np.ndarray, rows: np.ndarray, excluded: Sequence[np.ndarray], k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The first k hits of each query that are not among its excluded rows."""
    drop = np.array([np.isin(hits, hidden) for hits, hidden in zip(rows, excluded, strict=True)])
    order = np.argsort(drop, axis=1, kind="stable")[:, :k]
    dropped = np.take_along_axis(drop, order, axis=1)
    first, first_rows = np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)
    return np.where(dropped, np.float32(-np.inf), first), np.where(dropped, -1, first_rows)


def _vote_without_class(view: View, vectors: np.ndarray, labels: np.ndarray, rule: DecisionRule) -> Ranked:
    store = view.store
    rows = store.live_rows()
    codes = store.codes(rows)
    k = min(rule.k, max(1, store.next_row))
    hits = np.full((len(vectors), k), -1, np.int64)
    scores = np.full((len(vectors), k), -np.inf, np.float32)
    for code, name in enumerate(store.classes):
        places = np.flatnonzero(labels == name)
        if len(places):
            allowed = np.zeros(store.next_row, bool)
            allowed[rows[(codes != code) & (codes >= 0)]] = True
            scores[places], hits[places] = view.instances.search(
                np.ascontiguousarray(vectors[places]), k, exact=rule.exact, allowed=allowed
            )
    return _voted(view, scores, hits, rule)


def _voted(view: View, scores: np.ndarray, rows: np.ndarray, rule: DecisionRule) -> Ranked:
    codes = view.store.codes(rows.ravel()).reshape(rows.shape)
    ranked, winners = vote(scores, codes, weights=rule.weights)
    return Ranked(ranked, winners, view.store.classes)
