"""The linear head as a scikit-learn estimator: logistic regression on unit rows that can reject by distance."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ...store.checks import whole_number
from ..deciding.rank import ranked_by
from ..linear.fit import Settings, fit_logistic
from .base import DecidingClassifier
from .class_means import class_means, scores_of


class LinearClassifier(DecidingClassifier):
    """Logistic regression on unit rows, which can reject rows by their distance to the prototype of the answer.

    scikit-learn's multinomial logistic regression orders the classes. The distance that is compared with `threshold` is
    that to the mean of the answer's rows, its prototype; a class whose rows cancel out has none and has distance 2.

    Parameters
    ----------
    C, max_iter, tol : float, int, float
        Those of sklearn.linear_model.LogisticRegression.
    whiten : bool or "auto"
        Whether to fit on whitened rows; "auto" does if there are at least 32 rows per dimension.
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
    coef_, intercept_ : (c, d) and (c,) float64
        One weight row and one bias per class, also for two classes.
    n_iter_ : int
        Iterations used.
    prototypes_ : (c, d) float32
        The prototype of each class.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]]), np.array(["cat", "cat", "dog", "dog"])
    >>> model = LinearClassifier(threshold=0.5).fit(X, y)
    >>> model.predict([[2, 0], [0, 3], [-1, -1]])
    array(['cat', 'dog', 'unknown'], dtype='<U7')
    >>> model.decide([[2, 0]]).distance.round(3)
    array([0.055], dtype=float32)
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
        most = whole_number("max_iter", self.max_iter, error=ValueError)
        if self.whiten not in (True, False, "auto"):
            raise ValueError(f"whiten is {self.whiten!r}: use True, False or 'auto'")
        fitted = fit_logistic(rows, codes, count, Settings(self.C, most, self.tol, self.whiten))
        if not fitted.converged:
            warnings.warn(f"the linear head did not converge in max_iter={most} iterations", ConvergenceWarning)
        self.coef_, self.intercept_, self.n_iter_ = fitted.weights, fitted.biases, max(1, fitted.iterations)
        self.prototypes_, self._owners = class_means(rows, codes, count)

    def _ranked(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return ranked_by(self._logits(rows), scores_of(rows, self.prototypes_, self._owners))

    def decision_function(self, X: Any) -> np.ndarray:
        """The logit of each class, (nq, c) float64; for two classes that of the second minus the first, (nq,)."""
        logits = self._logits(self._rows(X))
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (nq, c) float64: the softmax of the logits."""
        logits = self._logits(self._rows(X))
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def _logits(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(rows.astype(np.float64) @ self.coef_.T + self.intercept_)
