"""Which classes come nearest to each query, by prototype or by a vote of neighbours, before any decision.

Contract: `Ranked.scores` (nq, c') float32 and `.codes` (nq, c') int64 into `.classes`, the answer first; missing
entries are score -inf and code -1. `own` lists, per query, stored rows that must not speak for it (its own content).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..store.errors import LookalikeError
from .vote import WEIGHTS, vote

if TYPE_CHECKING:
    from .collection import Collection

WAYS = ("prototype", "knn")


@dataclass(frozen=True)
class Ranked:
    """Classes by nearness: scores (nq, c') float32, codes (nq, c') int64 into classes."""

    scores: np.ndarray
    codes: np.ndarray
    classes: list[str]


@dataclass(frozen=True)
class Way:
    """How to decide: `by` "prototype" or "knn", the latter with k neighbours and their weights."""

    by: str = "prototype"
    k: int = 10
    weights: str = "uniform"
    exact: bool = False

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise LookalikeError(f"by is {self.by!r}: it is one of {', '.join(WAYS)}")
        if self.weights not in WEIGHTS:
            raise LookalikeError(f"weights is {self.weights!r}: it is one of {', '.join(WEIGHTS)}")
        if self.k < 1:
            raise LookalikeError(f"k is {self.k}: it must be at least 1")


def rank(collection: "Collection", vectors: np.ndarray, own: Sequence[np.ndarray] | None, way: Way) -> Ranked:
    """Rank the classes for unit `vectors` (nq, d), with the rows `own` of each query left out."""
    if not collection.store.classes:
        raise LookalikeError(f"{collection.path} has no labelled images: there is nothing to classify by")
    if way.by == "prototype":
        return _by_prototype(collection, vectors, own)
    return _by_vote(collection, vectors, own, way)


def rank_without_class(collection: "Collection", vectors: np.ndarray, labels: Sequence[str], way: Way) -> Ranked:
    """Rank as if each query's own class (`labels`, nq) were not in the collection."""
    if way.by == "prototype":
        prototypes = collection.prototypes
        scores = prototypes.scores(vectors)
        code_of = {name: code for code, name in enumerate(prototypes.classes)}
        own = np.array([code_of.get(label, -1) for label in labels], np.int64)  # -1: a class without a direction
        scores[np.flatnonzero(own >= 0), own[own >= 0]] = -np.inf
        return _best_two(scores, prototypes.classes)
    return _vote_without_class(collection, vectors, np.asarray(labels, dtype=object), way)


def _by_prototype(collection: "Collection", vectors: np.ndarray, own: Sequence[np.ndarray] | None) -> Ranked:
    prototypes = collection.prototypes
    touched = [] if own is None else [i for i, rows in enumerate(own) if len(rows)]
    if not touched:
        scores, codes = prototypes.search(vectors, 2)
        return Ranked(scores, codes, prototypes.classes)
    scores = prototypes.scores(vectors)
    for i in touched:
        for code, units in prototypes.left_out(collection.store, own[i]).items():  # type: ignore[index]
            scores[i, code] = (units @ vectors[i]).max(initial=-np.inf)
    return _best_two(scores, prototypes.classes)


def _best_two(scores: np.ndarray, classes: list[str]) -> Ranked:
    """The two best columns of scores (nq, c), ties by smaller code; a class at -inf is missing."""
    codes = np.argsort(-scores, axis=1, kind="stable")[:, :2]
    best = np.take_along_axis(scores, codes, axis=1).astype(np.float32)
    return Ranked(best, np.where(np.isfinite(best), codes, -1), classes)


def _by_vote(collection: "Collection", vectors: np.ndarray, own: Sequence[np.ndarray] | None, way: Way) -> Ranked:
    most = max((len(rows) for rows in own), default=0) if own is not None else 0
    scores, rows = collection.instances.search(vectors, way.k + most, exact=way.exact, allowed=collection.view.labelled)
    if most and own is not None:
        scores, rows = _without(scores, rows, own, way.k)
    return _voted(collection, scores, rows, way)


def _without(scores: np.ndarray, rows: np.ndarray, own: Sequence[np.ndarray], k: int) -> tuple[np.ndarray, np.ndarray]:
    """The first k hits of each query that are not among its own rows."""
    drop = np.array([np.isin(hits, mine) for hits, mine in zip(rows, own, strict=True)])
    order = np.argsort(drop, axis=1, kind="stable")[:, :k]
    gone = np.take_along_axis(drop, order, axis=1)
    kept, kept_rows = np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)
    return np.where(gone, np.float32(-np.inf), kept), np.where(gone, -1, kept_rows)


def _vote_without_class(collection: "Collection", vectors: np.ndarray, labels: np.ndarray, way: Way) -> Ranked:
    store = collection.store
    rows = store.live_rows()
    codes = store.codes(rows)
    found = np.full((len(vectors), way.k), -1, np.int64)
    scores = np.full((len(vectors), way.k), -np.inf, np.float32)
    for code, name in enumerate(store.classes):
        mine = np.flatnonzero(labels == name)
        if len(mine):
            allowed = np.zeros(store.next_row, bool)
            allowed[rows[(codes != code) & (codes >= 0)]] = True
            scores[mine], found[mine] = collection.instances.search(
                np.ascontiguousarray(vectors[mine]), way.k, exact=way.exact, allowed=allowed
            )
    return _voted(collection, scores, found, way)


def _voted(collection: "Collection", scores: np.ndarray, rows: np.ndarray, way: Way) -> Ranked:
    codes = collection.store.codes(rows.ravel()).reshape(rows.shape)
    ranked, winners = vote(scores, codes, weights=way.weights)
    return Ranked(ranked, winners, collection.store.classes)
