"""Fitting in rounds gives what one fit of scikit-learn gives, and says how far it is."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from lookalike.search import linear_fit
from lookalike.search.linear_fit import ROUND, fit_logistic

from .conftest import clusters

SETTINGS = {"inverse_penalty": 10.0, "most": 2000, "tolerance": 1e-6}


def data(classes: int, seed: int = 0):
    vectors, labels = clusters(seed, 200, classes=classes, spread=1.5)
    return vectors, np.array([int(label[1:]) for label in labels])


@pytest.mark.parametrize("classes", [2, 5])
def test_many_rounds_end_where_one_fit_ends(classes, monkeypatch):
    monkeypatch.setattr(linear_fit, "ROUND", 4)
    vectors, codes = data(classes)
    rows = vectors.astype(np.float64)
    said = []
    fitted = fit_logistic(rows, codes, classes, **SETTINGS, progress=lambda *state: said.append(state))
    assert fitted.converged and fitted.iterations > 4 and len(said) > 1
    assert [done for done, _, _ in said] == sorted(done for done, _, _ in said) and said[-1][0] == fitted.iterations
    peer = LogisticRegression(C=10.0, tol=1e-9, max_iter=5000).fit(rows, codes)
    logits = rows @ fitted.weights.T + fitted.biases
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, peer.predict_proba(rows), atol=1e-3)


def test_the_same_rows_give_the_same_head():
    vectors, codes = data(4)
    once, twice = (fit_logistic(vectors, codes, 4, **SETTINGS) for _ in range(2))
    np.testing.assert_array_equal(once.weights, twice.weights)
    np.testing.assert_array_equal(once.biases, twice.biases)


def test_it_stops_at_the_most_iterations():
    vectors, codes = data(5)
    fitted = fit_logistic(vectors, codes, 5, **{**SETTINGS, "most": ROUND + 1, "tolerance": 1e-12})
    assert fitted.iterations == ROUND + 1 and not fitted.converged


def test_one_class_has_nothing_to_weigh():
    fitted = fit_logistic(np.eye(3, dtype=np.float32), np.zeros(3, int), 1, **SETTINGS)
    assert not fitted.weights.any() and fitted.weights.shape == (1, 3) and fitted.converged


def test_many_classes_are_not_given_up_before_the_first_step():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(600, 24))
    codes = np.repeat(np.arange(600), 3)
    rows = centres[codes] + 0.1 * rng.normal(size=(1800, 24))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    fitted = fit_logistic(rows, codes, 600, inverse_penalty=10.0, most=40, tolerance=2e-3)
    assert ((rows @ fitted.weights.T + fitted.biases).argmax(axis=1) == codes).mean() > 0.99
