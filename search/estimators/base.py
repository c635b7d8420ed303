"""The base class of the scikit-learn estimators: unit rows in, decisions by `decide`, labels of y out.

Contract: any finite X is accepted and scaled to unit rows; a row of zeros has no direction and stays zeros, with score
0 to everything. `threshold=None`, the default, never rejects. With a threshold (a distance in [0, 2], or one for each
of `classes_`, with NaN for a class that is never rejected) a row whose nearest class is farther away gets
`unknown_label`, a value of the dtype of y: the given one, or -1 for integers, "unknown" for text and objects, NaN for
floats.
"""

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ...store.unit import unit_rows
from ..deciding.rule import Decided, decide

_DEFAULTS = {"i": -1, "f": np.nan, "U": "unknown", "O": "unknown"}


class DecidingClassifier(ClassifierMixin, BaseEstimator):
    """The base class. A subclass learns from unit rows and ranks classes for them.

    Attributes after `fit`: classes_ (c,), the sorted labels of y; n_features_in_; feature_names_in_ if X names its
    columns.
    """

    threshold: Any
    unknown_label: Any

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from X (n, d) and labels y (n,).

        Parameters
        ----------
        X : (n, d) floats
            Finite vectors; they are scaled to unit length.
        y : (n,) labels
            Integers, floats, booleans, text or objects.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For NaN, infinity, or y that does not hold classes.
        """
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if self.threshold is not None:
            unknown_of(self.classes_, self.unknown_label)
        self._learn(unit_or_zero(X), codes)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The label of each row of X (nq, d), or `unknown_label` where the threshold rejects it; (nq,)."""
        codes = self.decide(X).code
        if self.threshold is None:
            return self.classes_[codes]
        unknown = unknown_of(self.classes_, self.unknown_label)
        return np.concatenate([self.classes_, unknown])[codes]

    def decide(self, X: Any) -> Decided:
        """The decisions on X (nq, d); their codes are indices into classes_."""
        scores, codes = self._ranked(self._rows(X))
        return decide(scores, codes, self.threshold)

    def _rows(self, X: Any) -> np.ndarray:
        """X as unit rows (nq, d), checked to have the columns of the fitted X."""
        check_is_fitted(self, "classes_")
        return unit_or_zero(validate_data(self, X, dtype=(np.float64, np.float32), reset=False))

    @abstractmethod
    def _learn(self, rows: np.ndarray, codes: np.ndarray) -> None:
        """Learn from rows (n, d) float32, of unit length or zeros, with codes (n,) into classes_."""

    @abstractmethod
    def _ranked(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The arguments of `decide` for such rows (nq, d): scores (nq, m) float32 and codes (nq, m), best first."""


def unit_or_zero(matrix: np.ndarray) -> np.ndarray:
    """The rows of a finite float matrix (n, d) as float32 unit rows, as collections store them; zeros stay zeros."""
    rows = np.zeros(matrix.shape, dtype=np.float32)
    pointing = matrix.any(axis=1)
    rows[pointing] = unit_rows(matrix[pointing], normalise=True)
    return rows


def unknown_of(classes: np.ndarray, label: Any) -> np.ndarray:
    """The label of rejected rows as an array (1,), of the same kind of dtype as `classes` (c,).

    Raises ValueError if `label` has another dtype or is one of the classes, or if it is None and there is no default
    (for bool and unsigned integers).
    """
    kind = classes.dtype.kind
    if label is None:
        if kind not in _DEFAULTS:
            raise ValueError(
                f"y has dtype {classes.dtype}, for which there is no default: give an unknown_label, or other labels"
            )
        label = _DEFAULTS[kind]
    array = _as_dtype(label, classes.dtype)
    if (classes == array[0]).any():
        raise ValueError(f"unknown_label {label!r} is a class of y: give another")
    return array


def _as_dtype(label: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """`label` as an array (1,) of this kind of dtype; text is as long as it needs to be."""
    if dtype.kind == "O":
        array = np.empty(1, dtype=object)
        array[0] = label
        return array
    given = np.asarray([label])
    if dtype.kind == "U" and given.dtype.kind == "U":
        return given
    if dtype.kind in "iuf" and given.dtype.kind in "iuf" and given.ndim == 1:
        with np.errstate(all="ignore"):
            array = given.astype(dtype)
        if np.array_equal(array, given, equal_nan=given.dtype.kind == "f"):
            return array
    raise ValueError(f"unknown_label is {label!r}: it must be a value of y's dtype, {dtype}")
