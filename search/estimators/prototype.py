"""Nearest prototype as a scikit-learn estimator: one mean a class, or several by k-means."""

from typing import Any

import numpy as np

from ..deciding.rank import best_two
from .base import DecidingClassifier, whole_number
from .class_means import class_means, scores_of


class PrototypeClassifier(DecidingClassifier):
    """The class of the nearest prototype, each the mean of unit rows brought to length 1.

    per_class: at most so many prototypes a class, by k-means within it where more than one. threshold, unknown_label:
    see deciding_classifier.py; the distance is to the answer's nearest prototype. A class whose rows cancel out has no
    direction and counts as distance 2 away from everything. There is no
    predict_proba: how far away prototypes are says which class is nearest, not how likely it is; see
    `decision_function` and `decide`. Fitted: prototypes_ (p, d) float32 unit rows, owners_ (p,) their classes,
    ascending.
    """

    def __init__(self, per_class: int = 1, *, threshold: Any = None, unknown_label: Any = None) -> None:
        self.per_class = per_class
        self.threshold = threshold
        self.unknown_label = unknown_label

    def _learn(self, rows: np.ndarray, codes: np.ndarray) -> None:
        per_class = whole_number("per_class", self.per_class)
        self.prototypes_, self.owners_ = class_means(rows, codes, len(self.classes_), per_class)

    def _ranked(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return best_two(scores_of(rows, self.prototypes_, self.owners_))

    def decision_function(self, X: Any) -> np.ndarray:
        """The score of each class's nearest prototype, (nq, c) float64; of two classes second less first, (nq,)."""
        scores = scores_of(self._rows(X), self.prototypes_, self.owners_)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores
