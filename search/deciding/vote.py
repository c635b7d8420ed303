"""The vote of the k nearest rows for a class.

A ballot is a hit with a label; a missing hit (row -1, score -inf) and a hit without a label (code -1) have no vote. The
result ranks the classes that have a ballot: most votes first; ties go to the class with the nearer row, then to the
smaller code. It has the form that `decide` takes, with the score of each class's nearest row, so the second class may
be nearer than the winner, and the margin negative.
"""

import numpy as np

from ...measures.distances import distance_of
from ...store.checks import choice

WEIGHTS = ("uniform", "distance")


def vote(scores: np.ndarray, classes: np.ndarray, weights: str = "uniform") -> tuple[np.ndarray, np.ndarray]:
    """Rank the classes of each query's hits by their votes.

    scores: (nq, k) float inner products of the hits, in any order. classes: (nq, k) integer codes of their labels, -1
    for none. weights: "uniform" gives each ballot one vote; "distance" gives 1/distance or, if hits are at distance
    0, one vote to each of these and none to the others (as scikit-learn's KNeighborsClassifier; the idea is from
    Dudani, "The distance-weighted k-nearest-neighbor rule", 1976). Returns (scores (nq, k) float32, classes (nq, k)
    int64): the score of each class's nearest row and its code, winner first, padded with -inf and -1. Raises
    ValueError for other weights or shapes.
    """
    scores, classes, ballots, worth = _ballots(scores, classes, weights)
    return _ranked(scores, classes, ballots, worth)


def shares(scores: np.ndarray, classes: np.ndarray, count: int, weights: str = "uniform") -> np.ndarray:
    """The share of the votes that each class gets, (nq, count) float64; zeros for a query without ballots.

    scores, classes (nq, k), weights: as in `vote`. count: number of classes. Raises ValueError as `vote` does.
    """
    _, classes, ballots, worth = _ballots(scores, classes, weights)
    votes = np.zeros((len(classes), count))
    query, _ = np.nonzero(ballots)
    np.add.at(votes, (query, classes[ballots]), worth[ballots])
    total = votes.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(votes, total, out=np.zeros_like(votes), where=total > 0))


def _ballots(
    scores: np.ndarray, classes: np.ndarray, weights: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The checked scores and classes, which of them are ballots, and the weight of each ballot; (nq, k) each."""
    scores, classes = np.asarray(scores, dtype=np.float32), np.asarray(classes)
    choice("weights", weights, WEIGHTS, ValueError)
    if scores.ndim != 2 or scores.shape != classes.shape or (classes.dtype.kind not in "iu" and classes.size):
        raise ValueError(f"scores {scores.shape} and classes {classes.shape} {classes.dtype}: give two (nq, k) arrays")
    ballots = (classes >= 0) & np.isfinite(scores)
    worth = np.ones(scores.shape) if weights == "uniform" else _closeness(distance_of(scores), ballots)
    return scores, classes, ballots, worth


def _closeness(distances: np.ndarray, ballots: np.ndarray) -> np.ndarray:
    exact = ballots & (distances == 0)
    with np.errstate(divide="ignore"):
        inverse = 1.0 / distances.astype(np.float64)
    return np.where(exact.any(axis=1, keepdims=True), exact, inverse)


def _ranked(
    scores: np.ndarray, classes: np.ndarray, ballots: np.ndarray, worth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count the ballots of each (query, class), then sort each query's classes."""
    best, ranked = np.full(scores.shape, -np.inf, dtype=np.float32), np.full(scores.shape, -1, dtype=np.int64)
    query, _ = np.nonzero(ballots)
    score, code, value = scores[ballots], classes[ballots].astype(np.int64), worth[ballots]
    if not len(query):
        return best, ranked
    order = np.lexsort((-score, code, query))
    query, score, code, value = query[order], score[order], code[order], value[order]
    first = np.flatnonzero(np.append(True, (query[1:] != query[:-1]) | (code[1:] != code[:-1])))
    votes = np.add.reduceat(value, first)
    query, score, code = query[first], score[first], code[first]
    order = np.lexsort((code, -score, -votes, query))
    place = np.arange(len(query)) - np.searchsorted(query, query)
    best[query, place], ranked[query, place] = score[order], code[order]
    return best, ranked
