"""Nearest prototype as a scikit-learn estimator: one mean per class, or several by k-means."""

from typing import Any

import numpy as np

from ...store.checks import whole_number
from ..deciding.rank import best_two
from .base import DecidingClassifier
from .class_means import class_means, scores_of


class PrototypeClassifier(DecidingClassifier):
    """Classifier by the nearest prototype, the mean of a class's unit rows scaled to length 1.

    There is no predict_proba: the distances to prototypes say which class is nearest, not how likely it is. Use
    `decision_function` or `decide`. A class whose rows cancel out has no direction and has distance 2 to everything.

    Parameters
    ----------
    per_class : int
        The largest number of prototypes per class, by k-means within the class if it is more than one.
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
    prototypes_ : (p, d) float32
        Unit rows.
    owners_ : (p,) int64
        The class of each prototype, as an index into `classes_`, ascending.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]]), np.array(["cat", "cat", "dog", "dog"])
    >>> model = PrototypeClassifier(threshold=0.5).fit(X, y)
    >>> model.predict([[2, 0], [0, 3], [-1, -1]])
    array(['cat', 'dog', 'unknown'], dtype='<U7')
    >>> model.decide([[2, 0]]).distance.round(3)
    array([0.055], dtype=float32)
    """

    def __init__(self, per_class: int = 1, *, threshold: Any = None, unknown_label: Any = None) -> None:
        self.per_class = per_class
        self.threshold = threshold
        self.unknown_label = unknown_label

    def _learn(self, rows: np.ndarray, codes: np.ndarray) -> None:
        per_class = whole_number("per_class", self.per_class, error=ValueError)
        self.prototypes_, self.owners_ = class_means(rows, codes, len(self.classes_), per_class)

    def _ranked(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return best_two(scores_of(rows, self.prototypes_, self.owners_))

    def decision_function(self, X: Any) -> np.ndarray:
        """The score of each class's nearest prototype, (nq, c) float64; for two classes second minus first, (nq,)."""
        scores = scores_of(self._rows(X), self.prototypes_, self.owners_)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores
