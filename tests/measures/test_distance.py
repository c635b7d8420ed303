import math

import numpy as np

from lookalike.measures.distances import distance_of


def test_equals_the_euclidean_distance_of_unit_rows():
    rows = np.random.default_rng(0).normal(size=(40, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    naive = [[math.dist(a, b) for b in rows] for a in rows]
    np.testing.assert_allclose(distance_of(rows @ rows.T), naive, atol=1e-7)


def test_is_float32_and_never_below_zero_and_missing_is_infinitely_far():
    got = distance_of(np.array([1.0000001, 1, 0, -1, -np.inf], dtype=np.float32))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, np.float32([0, 0, math.sqrt(2), 2, np.inf]))


def test_falls_as_scores_rise_in_every_last_bit():
    scores = np.nextafter(np.float32(0.5), np.float32(1)) + np.arange(1000, dtype=np.float32) * np.float32(6e-8)
    assert (np.diff(distance_of(np.sort(scores))) <= 0).all()
    assert len(np.unique(distance_of(scores))) > 400  # float32 arithmetic would merge far more near a score of 1
