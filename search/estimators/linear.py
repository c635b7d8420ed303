"""The linear head as a scikit-learn estimator: logistic regression on unit rows, with a distance to reject by."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..deciding.rank import ranked_by
from ..linear.fit import Settings, fit_logistic
from .base import DecidingClassifier, whole_number
from .class_means import class_means, scores_of


class LinearClassifier(DecidingClassifier):
    """Scikit-learn's multinomial logistic regression orders the classes; the distance is to the answer's prototype.

    C, max_iter, tol: of LogisticRegression; whiten: fit on whitened rows, "auto" where there are enough; see
    linear_fit.py. threshold, unknown_label: see deciding_classifier.py. A class whose rows cancel out has no prototype
    and counts as distance 2 away. Fitted: coef_ (c, d) and intercept_ (c,) float64, one row a class (of two classes
    too); n_iter_; prototypes_ (c, d) float32.
    """

    def __init__(
        self,
        C: float = 10.0,
        *,
        max_iter: int = 400,
        tol: float = 1e-4,
        whiten: bool | str = "auto",
        threshold: Any = None,
        unknown_label: Any = None,
    ) -> None:
        self.C = C
        self.max_iter = max_iter
        self.tol = tol
        self.whiten = whiten
        self.threshold = threshold
        self.unknown_label = unknown_label

    def _learn(self, rows: np.ndarray, codes: np.ndarray) -> None:
        count = len(self.classes_)
        most = whole_number("max_iter", self.max_iter)
        if self.whiten not in (True, False, "auto"):
            raise ValueError(f"whiten is {self.whiten!r}: it is one of True, False, 'auto'")
        fitted = fit_logistic(rows, codes, count, Settings(self.C, most, self.tol, self.whiten))
        if not fitted.converged:
            warnings.warn(f"the linear head did not converge in max_iter={most} iterations", ConvergenceWarning)
        self.coef_, self.intercept_, self.n_iter_ = fitted.weights, fitted.biases, max(1, fitted.iterations)
        self.prototypes_, self._owners = class_means(rows, codes, count)

    def _ranked(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return ranked_by(self._logits(rows), scores_of(rows, self.prototypes_, self._owners))

    def decision_function(self, X: Any) -> np.ndarray:
        """The logit of each class, (nq, c) float64; of two classes the second's less the first's, (nq,)."""
        logits = self._logits(self._rows(X))
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (nq, c) float64: the softmax of the logits."""
        logits = self._logits(self._rows(X))
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def _logits(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(rows.astype(np.float64) @ self.coef_.T + self.intercept_)
