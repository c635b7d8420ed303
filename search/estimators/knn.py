"""k-NN as a scikit-learn estimator: the exact search and the vote that collections use."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ...indexer.segments.exact import exact_top, in_chunks
from ...measures.distances import distance_of
from ...store.checks import choice, whole_number
from ..deciding.vote import WEIGHTS, shares, vote
from .base import DecidingClassifier

_QUERIES = 4096  # per batch


class KNNClassifier(DecidingClassifier):
    """Classifier by a vote of the nearest rows, measured by the distance between unit rows.

    Ties go to the class with the nearer row. The distance that is compared with `threshold` is that to the nearest row
    of the answer among the neighbours.

    Parameters
    ----------
    n_neighbors : int
        The number of rows that vote; all of them if there are fewer.
    weights : str
        "uniform", or "distance" for votes of weight 1/distance.
    threshold : float or (c,) floats, optional
        The largest accepted distance, in [0, 2], for all classes or for each of `classes_` (NaN: the class is never
        rejected). Rows beyond it get `unknown_label`. The default, None, never rejects.
    unknown_label : optional
        The label of rejected rows, of the dtype of y. The default is -1 for integers, "unknown" for text and objects,
        and NaN for floats.

    Attributes
    ----------
    classes_ : (c,) array
        The sorted labels of y.
    rows_ : (n, d) float32
        The unit rows that were learned from.
    codes_ : (n,) int64
        The class of each of these rows, as an index into `classes_`.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]]), np.array(["cat", "cat", "dog", "dog"])
    >>> model = KNNClassifier(n_neighbors=3, threshold=0.5).fit(X, y)
    >>> model.predict([[2, 0], [0, 3], [-1, -1]])
    array(['cat', 'dog', 'unknown'], dtype='<U7')
    >>> model.predict_proba([[2, 0]]).round(2)
    array([[0.67, 0.33]])
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
        choice("weights", self.weights, WEIGHTS, ValueError)
        whole_number("n_neighbors", self.n_neighbors, error=ValueError)
        self.rows_, self.codes_ = rows, codes

    def kneighbors(
        self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True
    ) -> tuple[np.ndarray, np.ndarray] | np.ndarray:
        """The nearest of the rows that were learned from, in the form of scikit-learn's KNeighborsClassifier.

        Parameters
        ----------
        X : (nq, d) floats, optional
            Scaled to unit rows. None stands for the rows that were learned from, each of which is left out of its own
            neighbours.
        n_neighbors : int, optional
            The number of neighbours. None is that of the estimator, or all rows if there are fewer.
        return_distance : bool
            Whether to return the distances too.

        Returns
        -------
        distances : (nq, k) float64
            In [0, 2], nearest first; only with `return_distance`.
        indices : (nq, k) int64
            Places in the X that was learned from.

        Raises
        ------
        ValueError
            For NaN, infinity, another number of columns, or more neighbours than there are rows.
        """
        check_is_fitted(self, "rows_")
        rows_left = len(self.rows_) - (X is None)
        k = (
            min(int(self.n_neighbors), rows_left)
            if n_neighbors is None
            else whole_number("n_neighbors", n_neighbors, error=ValueError)
        )
        if not 1 <= k <= rows_left:
            raise ValueError(f"n_neighbors is {k}: it must be at most {rows_left}, the number of rows to choose from")
        rows = self.rows_ if X is None else self._rows(X)
        scores, hits = self._nearest(rows, k + (X is None))
        if X is None:
            scores, hits = _without_itself(scores, hits)
        return (distance_of(scores).astype(np.float64), hits) if return_distance else hits

    def predict_proba(self, X: Any) -> np.ndarray:
        """The share of the neighbours' votes that each class gets, (nq, c) float64, whatever the `threshold`.

        The largest is the answer of `predict`: if classes are tied, it is larger by one unit in the last place.
        """
        scores, hits = self._nearest(self._rows(X), min(int(self.n_neighbors), len(self.rows_)))
        codes = self.codes_[hits]
        votes = shares(scores, codes, len(self.classes_), weights=self.weights)
        winner = vote(scores, codes, weights=self.weights)[1][:, 0]
        tied = np.flatnonzero(votes.argmax(axis=1) != winner)
        votes[tied, winner[tied]] = np.nextafter(votes[tied].max(axis=1), 2)
        return votes

    def _ranked(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores, hits = self._nearest(rows, min(int(self.n_neighbors), len(self.rows_)))
        return vote(scores, self.codes_[hits], weights=self.weights)

    def _nearest(self, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores and places (nq, k) of the nearest rows, best first."""
        parts = [self._searched(rows[start : start + _QUERIES], k) for start in range(0, len(rows), _QUERIES)]
        return np.concatenate([scores for scores, _ in parts]), np.concatenate([hits for _, hits in parts])

    def _searched(self, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        blocks = in_chunks(np.arange(len(self.rows_)), lambda ids: self.rows_[ids])
        return exact_top(rows, k, blocks)


def _without_itself(scores: np.ndarray, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Remove row i from its own hits (n, k + 1), or the farthest hit if copies take its place."""
    out = hits == np.arange(len(hits))[:, None]
    out[~out.any(axis=1), -1] = True
    shape = (len(hits), hits.shape[1] - 1)
    return scores[~out].reshape(shape), hits[~out].reshape(shape)
