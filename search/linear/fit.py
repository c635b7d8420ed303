"""Fitting a linear head: scikit-learn's multinomial logistic regression on unit rows, or on whitened ones.

Vectors of a trained embedder vary a thousand times more along some directions than along others, so that L-BFGS needs
hundreds of iterations. If there are enough rows to estimate these directions, the rows are first rotated and scaled to
equal variance (whitened; LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.3), and the head is
transformed back, so that it takes unit rows. Measured by benchmarks/linear_head.py on one core: 60,000 Fashion-MNIST
vectors of 64 numbers take 2.4 s and 66 iterations whitened (0.8745 of the test images right) and 6.7 s and 194
otherwise (0.8562); 20,000 rows of 1,000 made-up classes 18 s and 31 s, with no such gain. Newton's method
(newton-cholesky) took 40 times as long for 10 classes, and its matrix does not fit for 1,000.

L-BFGS runs in rounds, so that progress can be reported; each round continues from the weights of the last one. The same
rows in the same order give the same head on one machine. All computations are in float64, which is about four times
faster here than float32.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...store.progress import Progress, silent

ROUND = 10  # iterations between two calls of `progress`
_FULL_TOLERANCE = 100  # classes
_ENOUGH = 32  # rows per dimension; with fewer, whitening amplifies noise more than it helps
_FLOOR = 1e-3  # of the largest variance: smaller variances are not amplified further

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """inverse_penalty, most, tolerance: scikit-learn's C, max_iter and tol. whiten: "auto" from 32 rows per dimension.

    Whitened numbers have a variance of 1 instead of about 1/d, so C is divided by d for them, to give the same penalty.
    Beyond 100 classes the tolerance shrinks in proportion, as gradients do with the share of rows per class: at 1,000
    classes and tol 1e-3 scikit-learn stops before its first step.
    """

    inverse_penalty: float = 10.0
    most: int = 400
    tolerance: float = 1e-4
    whiten: bool | str = "auto"


@dataclass(frozen=True)
class Fitted:
    """weights (c, d) and biases (c,) float64, the iterations used, and whether the fit converged."""

    weights: Float64
    biases: Float64
    iterations: int
    converged: bool


def fit_logistic(
    rows: np.ndarray, codes: np.ndarray, count: int, settings: Settings, progress: Progress = silent
) -> Fitted:
    """Fit weights and biases for `count` classes.

    rows: (n, d) float. codes: (n,) integers, each of 0..count-1 at least once. For a single
    class all weights are zero. Of two classes each gets half of the one weight row that separates them, which is the
    form of the multinomial solution.
    """
    if count < 2:
        return Fitted(np.zeros((count, rows.shape[1])), np.zeros(count), 0, True)
    rows = rows.astype(np.float64)
    whiten = len(rows) >= _ENOUGH * rows.shape[1] if settings.whiten == "auto" else bool(settings.whiten)
    if not whiten:
        return _descend(rows, codes, count, settings, settings.inverse_penalty, progress)
    mean, turn = whitening(rows)
    fitted = _descend((rows - mean) @ turn, codes, count, settings, settings.inverse_penalty / rows.shape[1], progress)
    weights = fitted.weights @ turn.T
    return Fitted(weights, fitted.biases - weights @ mean, fitted.iterations, fitted.converged)


def whitening(rows: Float64) -> tuple[Float64, Float64]:
    """(mean (d,), turn (d, d)): (rows - mean) @ turn has variance 1 along each axis, less if below 1e-3 of the largest.

    rows: (n, d) float64. Rows that are all equal are not scaled.
    """
    mean = rows.mean(axis=0)
    centred = rows - mean
    variances, axes = np.linalg.eigh(centred.T @ centred / len(rows))
    spread = np.maximum(variances, 0.0) + _FLOOR * variances[-1]
    return mean, axes / np.sqrt(np.where(variances[-1] > 0, spread, 1.0))


def _descend(
    rows: Float64, codes: np.ndarray, count: int, settings: Settings, inverse_penalty: float, progress: Progress
) -> Fitted:
    """L-BFGS in rounds."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    tolerance = settings.tolerance * min(1.0, _FULL_TOLERANCE / count)
    model: Any = LogisticRegression(C=inverse_penalty, tol=tolerance, warm_start=True)
    used, converged = 0, False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        while used < settings.most and not converged:
            model.max_iter = min(ROUND, settings.most - used)
            model.fit(rows, codes)
            done = int(model.n_iter_.max())
            used, converged = used + done, done < model.max_iter
            progress(used, settings.most, "iterations of the linear head, at most")
    weights, biases = model.coef_, model.intercept_
    if count == 2:
        weights, biases = np.concatenate([-weights, weights]) / 2, np.concatenate([-biases, biases]) / 2
    return Fitted(weights, biases, used, converged)
