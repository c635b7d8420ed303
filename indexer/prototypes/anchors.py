"""Anchors: they divide the rows of a class among its prototypes, and are chosen by spherical k-means.

The nearest anchor is exact: it is the same with any number of threads and in any batch, so that a row is removed from
the sum to which it was added. Rows are rounded to multiples of 2^-26; then inner products of unit rows, and all their
partial sums, are whole numbers below 2^53, which float64 represents exactly. Among equally near anchors the first one
counts.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ..segments.order import Floats, Ints
from .fixed import directions

_WHOLE = 2.0**26
_STARTS = 4
_ROUNDS = 50

Whole = NDArray[np.float64]  # rows in units of 2^-26


def whole(rows: Floats) -> Whole:
    """Unit rows (m, d) in units of 2^-26, rounded to even, float64."""
    return np.rint(rows.astype(np.float64) * _WHOLE)


def nearest_of_own(rows: Floats, anchors: Floats, first: Ints, stop: Ints) -> Ints:
    """The place of the nearest anchor of each unit row (m, d) among those with first[i] <= place < stop[i], (m,).

    anchors: (p, d) unit rows. first, stop: (m,) int64; every row has at least one anchor.
    """
    chosen = first.astype(np.int64)
    several = np.flatnonzero(stop - first > 1)
    if len(several) == 0:
        return chosen
    points, first, stop = whole(rows[several]), first[several], stop[several]
    best = np.vecdot(points, whole(anchors[first]))
    for step in range(1, int((stop - first).max())):
        there = np.flatnonzero(first + step < stop)
        place = first[there] + step
        scores = np.vecdot(points[there], whole(anchors[place]))
        better = scores > best[there]
        best[there[better]] = scores[better]
        chosen[several[there[better]]] = place[better]
    return chosen


def anchors_of(rows: Floats, count: int) -> Floats:
    """At most `count` anchors for the unit rows (m, d) of a class, m > 0, (c', d) float32 unit rows.

    Lloyd's algorithm on the sphere (Dhillon and Modha, "Concept decompositions for large sparse text data using
    clustering", 2001) from four draws of k-means++ (Arthur and Vassilvitskii, 2007), which are always the same; the
    draw whose rows are closest to their anchors is used. There are fewer anchors if there are fewer different rows.
    """
    points = whole(rows)
    best, closest = rows[:0], -np.inf
    for start in range(_STARTS):
        anchors = _settled(points, rows[_drawn(points, count, np.random.default_rng(start))])
        closeness = math.fsum((points @ whole(anchors).T).max(axis=1, initial=-np.inf))
        if closeness > closest:
            best, closest = anchors, closeness
    return best


def _drawn(points: Whole, count: int, rng: np.random.Generator) -> list[int]:
    """Rows to start from: the first at random, each further one by its squared distance to the nearest so far."""
    places = [int(rng.integers(len(points)))]
    scores, squares = points @ points[places[0]], np.vecdot(points, points)
    while len(places) < count:
        far = np.cumsum(np.maximum(0.0, squares - scores))  # a copy of a chosen row is at 0
        if far[-1] <= 0:
            break
        places.append(int(np.searchsorted(far, rng.random() * far[-1], side="right")))
        scores = np.maximum(scores, points @ points[places[-1]])
    return places


def _settled(points: Whole, anchors: Floats) -> Floats:
    """Anchors moved to the means of their nearest rows until no row changes sides; anchors without rows are dropped."""
    sides = np.full(len(points), -1)
    for _ in range(_ROUNDS):
        now = (points @ whole(anchors).T).argmax(axis=1)
        if np.array_equal(now, sides):
            break
        sides = now
        counts = np.bincount(sides, minlength=len(anchors))
        anchors = directions(np.eye(len(anchors))[sides].T @ points, counts, _WHOLE)  # sums of whole numbers: exact
        anchors = anchors[anchors.any(axis=1)]
        if len(anchors) == 0:  # all rows cancel out
            break
    return anchors
