"""k-NN as a scikit-learn estimator: the exact search and the vote that collections use."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ...indexer.segments.exact import exact_top, in_chunks
from ...measures.distances import distance_of
from ..deciding.vote import WEIGHTS, shares, vote
from .base import DecidingClassifier, whole_number

_QUERIES = 4096  # at once


class KNNClassifier(DecidingClassifier):
    """The `n_neighbors` nearest rows, by distance between unit rows, elect a class.

    weights: "uniform", or "distance" for votes of 1/distance; see vote.py for ties. threshold, unknown_label: see
    deciding_classifier.py; the distance is to the answer's nearest row among the neighbours. With fewer rows than
    `n_neighbors` all of them vote. Fitted: rows_ (n, d) float32 unit rows, codes_ (n,) their classes.
    """

    def __init__(
        self,
        n_neighbors: int = 10,
        *,
        weights: str = "uniform",
        threshold: Any = None,
        unknown_label: Any = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.threshold = threshold
        self.unknown_label = unknown_label

    def _learn(self, rows: np.ndarray, codes: np.ndarray) -> None:
        if self.weights not in WEIGHTS:
            raise ValueError(f"weights is {self.weights!r}: it is one of {', '.join(WEIGHTS)}")
        whole_number("n_neighbors", self.n_neighbors)
        self.rows_, self.codes_ = rows, codes

    def kneighbors(
        self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True
    ) -> tuple[np.ndarray, np.ndarray] | np.ndarray:
        """Find the nearest rows of those learned from, as scikit-learn's KNeighborsClassifier gives them.

        Parameters
        ----------
        X : (nq, d) floats, brought to unit rows; None for the rows learned from, of which each leaves itself out.
        n_neighbors : how many; the estimator's own number, or all rows where there are fewer, where None.
        return_distance : whether to return the distances too.

        Returns
        -------
        distances : (nq, k) float64 in [0, 2], nearest first; only with `return_distance`.
        indices : (nq, k) int64, places in the X that was learned from.

        Raises
        ------
        ValueError : for NaN, infinity, another number of columns, and more neighbours than there are rows.
        """
        check_is_fitted(self, "rows_")
        there = len(self.rows_) - (X is None)
        k = min(int(self.n_neighbors), there) if n_neighbors is None else whole_number("n_neighbors", n_neighbors)
        if not 1 <= k <= there:
            raise ValueError(f"n_neighbors is {k}: there are {there} rows to choose from")
        rows = self.rows_ if X is None else self._rows(X)
        scores, hits = self._nearest(rows, k + (X is None))
        if X is None:
            scores, hits = _without_own(scores, hits)
        return (distance_of(scores).astype(np.float64), hits) if return_distance else hits

    def predict_proba(self, X: Any) -> np.ndarray:
        """The share of the neighbours' votes that each class gets, (nq, c) float64; `threshold` plays no part in it.

        The largest is the answer of `predict`: where classes have as many votes, that has a last bit more.
        """
        scores, hits = self._nearest(self._rows(X), min(int(self.n_neighbors), len(self.rows_)))
        codes = self.codes_[hits]
        found = shares(scores, codes, len(self.classes_), weights=self.weights)
        winner = vote(scores, codes, weights=self.weights)[1][:, 0]
        tied = np.flatnonzero(found.argmax(axis=1) != winner)
        found[tied, winner[tied]] = np.nextafter(found[tied].max(axis=1), 2)
        return found

    def _ranked(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores, hits = self._nearest(rows, min(int(self.n_neighbors), len(self.rows_)))
        return vote(scores, self.codes_[hits], weights=self.weights)

    def _nearest(self, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores and places (nq, k) of the nearest rows, best first."""
        found = [self._searched(rows[start : start + _QUERIES], k) for start in range(0, len(rows), _QUERIES)]
        return np.concatenate([scores for scores, _ in found]), np.concatenate([hits for _, hits in found])

    def _searched(self, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        blocks = in_chunks(np.arange(len(self.rows_)), lambda ids: self.rows_[ids])
        return exact_top(rows, k, blocks)


def _without_own(scores: np.ndarray, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave row i's own place i out of its hits (n, k + 1), or the farthest hit where copies crowded it out."""
    out = hits == np.arange(len(hits))[:, None]
    out[~out.any(axis=1), -1] = True
    shape = (len(hits), hits.shape[1] - 1)
    return scores[~out].reshape(shape), hits[~out].reshape(shape)
