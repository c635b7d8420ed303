"""Fitting in rounds gives what one fit of scikit-learn gives, and says how far it is."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from lookalike.search.linear import fit as linear_fit
from lookalike.search.linear.fit import ROUND, Settings, fit_logistic, whitening

from ..conftest import clusters

SETTINGS = Settings(most=2000, tolerance=1e-6, whiten=False)


def data(classes: int, seed: int = 0):
    vectors, labels = clusters(seed, 200, classes=classes, spread=1.5)
    return vectors, np.array([int(label[1:]) for label in labels])


@pytest.mark.parametrize("classes", [2, 5])
def test_many_rounds_end_where_one_fit_ends(classes, monkeypatch):
    monkeypatch.setattr(linear_fit, "ROUND", 4)
    vectors, codes = data(classes)
    rows = vectors.astype(np.float64)
    said = []
    fitted = fit_logistic(rows, codes, classes, SETTINGS, lambda *state: said.append(state))
    assert fitted.converged and fitted.iterations > 4 and len(said) > 1
    assert [done for done, _, _ in said] == sorted(done for done, _, _ in said) and said[-1][0] == fitted.iterations
    peer = LogisticRegression(C=10.0, tol=1e-9, max_iter=5000).fit(rows, codes)
    logits = rows @ fitted.weights.T + fitted.biases
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, peer.predict_proba(rows), atol=1e-3)


def test_the_same_rows_give_the_same_head():
    vectors, codes = data(4)
    once, twice = (fit_logistic(vectors, codes, 4, SETTINGS) for _ in range(2))
    np.testing.assert_array_equal(once.weights, twice.weights)
    np.testing.assert_array_equal(once.biases, twice.biases)


def test_it_stops_at_the_most_iterations():
    vectors, codes = data(5)
    fitted = fit_logistic(vectors, codes, 5, replace(SETTINGS, most=ROUND + 1, tolerance=1e-12))
    assert fitted.iterations == ROUND + 1 and not fitted.converged


def test_one_class_has_nothing_to_weigh():
    fitted = fit_logistic(np.eye(3, dtype=np.float32), np.zeros(3, int), 1, SETTINGS)
    assert not fitted.weights.any() and fitted.weights.shape == (1, 3) and fitted.converged


def test_many_classes_are_not_given_up_before_the_first_step():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(600, 24))
    codes = np.repeat(np.arange(600), 3)
    rows = centres[codes] + 0.1 * rng.normal(size=(1800, 24))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    fitted = fit_logistic(rows, codes, 600, Settings(most=40, tolerance=2e-3, whiten=False))
    assert ((rows @ fitted.weights.T + fitted.biases).argmax(axis=1) == codes).mean() > 0.99


@pytest.mark.parametrize("classes", [2, 4])
def test_whitened_fits_are_those_of_whitened_rows_and_take_unit_rows(classes):
    vectors, codes = data(classes)
    rows = vectors.astype(np.float64) * np.logspace(0, -2, 8)
    mean, turn = whitening(rows)
    white = (rows - mean) @ turn
    fitted = fit_logistic(rows, codes, classes, Settings(most=2000, tolerance=1e-7, whiten=True))
    peer = LogisticRegression(C=10.0 / 8, tol=1e-9, max_iter=5000).fit(white, codes)
    logits = rows @ fitted.weights.T + fitted.biases
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, peer.predict_proba(white), atol=1e-3)


def test_whitened_rows_have_equal_spread_but_for_what_is_next_to_nothing():
    rows = np.random.default_rng(0).normal(size=(500, 3)) * [10.0, 2.0, 1e-6] @ np.linalg.qr(np.eye(3) + 1)[0]
    mean, turn = whitening(rows)
    white = (rows - mean) @ turn
    covariance = white.T @ white / 500
    np.testing.assert_allclose(covariance, np.diag([0, 1, 1]), atol=0.03)
    mean, turn = whitening(np.ones((5, 3)))
    assert np.isfinite(turn).all()


def test_many_rows_are_whitened_and_few_are_not():
    vectors, codes = data(3)
    several = Settings(tolerance=1e-7)
    few, never, always = (
        fit_logistic(vectors[:100], codes[:100], 3, replace(several, whiten=w)).weights for w in ("auto", False, True)
    )
    assert np.array_equal(few, never) and not np.array_equal(few, always)
    vectors, codes = np.tile(vectors, (2, 1)), np.tile(codes, 2)
    many, always = (fit_logistic(vectors, codes, 3, replace(several, whiten=w)).weights for w in ("auto", True))
    assert np.array_equal(many, always)
