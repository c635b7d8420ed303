"""What the scikit-learn estimators of this room share: unit rows in, `decide` in the middle, y's own labels out.

Contract: any finite X is accepted and brought to unit rows; a row of zeros has no direction and stays zeros, at score 0
from everything. `threshold=None`, the default, never rejects. With a threshold (a distance in [0, 2], or one for each
of `classes_`, NaN for a class that never rejects) a row whose nearest class is farther away gets `unknown_label`, a
value of y's own dtype: as given, or -1 for integers, "unknown" for text and objects, NaN for floats.
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
    """The base class; a subclass learns from unit rows and ranks classes for them.

    Attributes after `fit`: classes_ (c,), the labels of y, sorted; n_features_in_; feature_names_in_ where X names its
    columns.
    """

    threshold: Any
    unknown_label: Any

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from X (n, d) and labels y (n,); returns self. ValueError for NaN, infinity, or y without classes."""
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if self.threshold is not None:
            unknown_of(self.classes_, self.unknown_label)
        self._learn(unit_or_zero(X), codes)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The label of each row of X (nq, d), or `unknown_label` where a threshold rejects it; (nq,)."""
        made = self.decide(X)
        if self.threshold is None:
            return self.classes_[made.code]
        unknown = unknown_of(self.classes_, self.unknown_label)
        return np.concatenate([self.classes_, unknown])[made.code]

    def decide(self, X: Any) -> Decided:
        """The decisions on X (nq, d): class, nearest, distance, threshold, margin; codes are places in classes_."""
        scores, codes = self._ranked(self._rows(X))
        return decide(scores, codes, self.threshold)

    def _rows(self, X: Any) -> np.ndarray:
        """X checked against what was fitted, as unit rows (nq, d)."""
        check_is_fitted(self, "classes_")
        return unit_or_zero(validate_data(self, X, dtype=(np.float64, np.float32), reset=False))

    @abstractmethod
    def _learn(self, rows: np.ndarray, codes: np.ndarray) -> None:
        """Learn from rows (n, d) float32, of unit length or zeros, with codes (n,) into classes_."""

    @abstractmethod
    def _ranked(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For such rows (nq, d) what `decide` takes: scores (nq, m) float32 and codes (nq, m), best first."""


def whole_number(name: str, value: Any) -> int:
    """`value` as an int from 1 on; ValueError that names the parameter for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} is {value!r}: a whole number from 1 works")
    return int(value)


def unit_or_zero(matrix: np.ndarray) -> np.ndarray:
    """The rows of a finite float matrix (n, d) as float32 unit rows, as collections store them; zeros stay zeros."""
    rows = np.zeros(matrix.shape, dtype=np.float32)
    pointing = matrix.any(axis=1)
    rows[pointing] = unit_rows(matrix[pointing], normalise=True)
    return rows


def unknown_of(classes: np.ndarray, wanted: Any) -> np.ndarray:
    """The label of rejected rows as an array (1,) that joins `classes` (c,) without changing their kind of dtype.

    ValueError where `wanted` is no value of that dtype or a class itself, or there is no default (bool, unsigned).
    """
    kind = classes.dtype.kind
    if wanted is None:
        if kind not in _DEFAULTS:
            raise ValueError(
                f"y has dtype {classes.dtype}, which no default fits: give an unknown_label, or other labels"
            )
        wanted = _DEFAULTS[kind]
    label = _as_dtype(wanted, classes.dtype)
    if (classes == label[0]).any():
        raise ValueError(f"unknown_label {wanted!r} is a class of y: give another")
    return label


def _as_dtype(wanted: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """`wanted` as an array (1,) of this kind of dtype, text as long as it needs to be."""
    if dtype.kind == "O":
        label = np.empty(1, dtype=object)
        label[0] = wanted
        return label
    given = np.asarray([wanted])
    if dtype.kind == "U" and given.dtype.kind == "U":
        return given
    if dtype.kind in "iuf" and given.dtype.kind in "iuf" and given.ndim == 1:
        with np.errstate(all="ignore"):
            label = given.astype(dtype)
        if np.array_equal(label, given, equal_nan=given.dtype.kind == "f"):
            return label
    raise ValueError(f"unknown_label {wanted!r} is no value of y's dtype {dtype}")
