"""Scores within [-1, 1], 1 for equal rows, against float64; and the rule by which near ones are computed again."""

import numpy as np
import pytest

from lookalike.measures.distances import distance_of
from lookalike.measures.scores import NEAR, TOLERANCE, correct, pair_scores


def unit(rows):
    rows = np.asarray(rows, dtype=np.float64)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def near_copies(rng, n, d):
    """Rows, and copies of them at all distances from 1e-9 to 2, some equal and some opposite."""
    rows = unit(rng.standard_normal((n, d)))
    away = unit(rng.standard_normal((n, d))) * 10.0 ** rng.uniform(-9, 0.5, (n, 1))
    copies = unit(rows + away)
    copies[::7], copies[1::7] = rows[::7], -rows[1::7]
    return rows, copies


@pytest.mark.parametrize("d", [1, 2, 3, 64, 100, 1280, 4096])
def test_scores_lie_within_bounds_and_distances_are_right(d):
    rng = np.random.default_rng(d)
    left, right = near_copies(rng, 300, d)
    true = np.linalg.norm(left.astype(np.float64) - right, axis=1)
    matrix = correct(left @ right.T, left, right)
    for scores in (pair_scores(left, right), np.diagonal(matrix)):
        assert scores.dtype == np.float32 and scores.min() >= -1 and scores.max() <= 1
        assert np.abs(distance_of(scores) - true)[true < 1.9].max() <= TOLERANCE
        assert (scores[::7] == 1).all() and (distance_of(scores[::7]) == 0).all()
    assert matrix.min() >= -1 and matrix.max() <= 1


def test_the_error_of_a_float32_product_is_far_below_what_is_computed_again():
    rng = np.random.default_rng(0)
    for d in (64, 1280, 4096):
        rows = unit(rng.standard_normal((400, d)))
        assert np.abs(np.diagonal(rows @ rows.T) - 1.0).max() < (1 - NEAR) / 20


def test_float64_scores_keep_their_type_and_nan_stays():
    rows = np.array([[1.0, 0.0], [np.nan, 0.0]], dtype=np.float32)
    scores = correct(rows.astype(np.float64) @ rows.T.astype(np.float64), rows, rows)
    assert scores.dtype == np.float64 and scores[0, 0] == 1 and np.isnan(scores[1]).all()


def test_many_near_pairs_are_computed_piece_by_piece(monkeypatch):
    monkeypatch.setattr("lookalike.measures.scores._CELLS", 10)
    rows = np.repeat(unit([[1, 2, 3, 4]]), 9, axis=0)
    assert (correct(rows @ rows.T, rows, rows) == 1).all() and (pair_scores(rows, rows) == 1).all()
    assert pair_scores(rows[:0], rows[:0]).shape == (0,)
