"""Fitting a linear head: scikit-learn's multinomial logistic regression on unit rows.

L-BFGS in rounds, so that the caller hears how far it is; each round goes on from the weights of the last one. The same
rows in the same order give the same head on one machine. In float64: for 60,000 rows of 64 numbers and 10 classes it
took 2.4 s of processor time, in float32 10.7 s, and by Newton's method (newton-cholesky) 102 s; for 20,000 rows and
1,000 classes 28 s (benchmarks/linear_head.py).
"""

import warnings
from dataclasses import dataclass

import numpy as np

from ..store.progress import Progress, silent

ROUND = 10  # iterations between two calls of `progress`
_FULL_TOLERANCE = 100  # classes


@dataclass(frozen=True)
class Fitted:
    """weights (c, d) and biases (c,) float64; iterations used; whether they sufficed."""

    weights: np.ndarray
    biases: np.ndarray
    iterations: int
    converged: bool


def fit_logistic(
    rows: np.ndarray,
    codes: np.ndarray,
    count: int,
    *,
    inverse_penalty: float,
    most: int,
    tolerance: float,
    progress: Progress = silent,
) -> Fitted:
    """Fit weights and biases for `count` classes.

    rows: (n, d) float. codes: (n,) integers, each of 0..count-1 at least once. inverse_penalty, tolerance, most:
    scikit-learn's C, tol and max_iter; beyond 100 classes the tolerance shrinks in proportion, as gradients do with a
    class's share of the rows: at 1,000 classes and tol 1e-3 scikit-learn stops before its first step. One class alone
    needs no weights: they are zeros. Of two classes each gets half of the one weight row that tells them apart, which
    is the multinomial solution's form.
    """
    if count < 2:
        return Fitted(np.zeros((count, rows.shape[1])), np.zeros(count), 0, True)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    rows = rows.astype(np.float64)
    tolerance = tolerance * min(1.0, _FULL_TOLERANCE / count)
    model = LogisticRegression(C=inverse_penalty, tol=tolerance, warm_start=True)
    used, converged = 0, False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        while used < most and not converged:
            model.max_iter = min(ROUND, most - used)
            model.fit(rows, codes)
            done = int(model.n_iter_.max())
            used, converged = used + done, done < model.max_iter
            progress(used, most, "iterations of the linear head, at most")
    weights, biases = model.coef_, model.intercept_
    if count == 2:
        weights, biases = np.concatenate([-weights, weights]) / 2, np.concatenate([-biases, biases]) / 2
    return Fitted(weights, biases, used, converged)
