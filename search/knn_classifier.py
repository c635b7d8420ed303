"""k-NN as a scikit-learn estimator: the exact search and the vote that collections use."""

from typing import Any

import numpy as np

from ..indexer.exact import exact_top, in_chunks
from .deciding_classifier import DecidingClassifier, whole_number
from .vote import WEIGHTS, vote

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

    def _ranked(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        k = min(int(self.n_neighbors), len(self.rows_))
        found = [self._voted(rows[start : start + _QUERIES], k) for start in range(0, len(rows), _QUERIES)]
        return np.concatenate([scores for scores, _ in found]), np.concatenate([codes for _, codes in found])

    def _voted(self, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        blocks = in_chunks(np.arange(len(self.rows_)), lambda ids: self.rows_[ids])
        scores, hits = exact_top(rows, k, blocks)
        return vote(scores, self.codes_[hits], weights=self.weights)
