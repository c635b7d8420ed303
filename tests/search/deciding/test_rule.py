import json

import numpy as np
import pytest

from lookalike.measures.distances import distance_of
from lookalike.search.deciding.rule import accepts, decide


def naive(scores, classes, thresholds):
    """One query, in plain Python: (code, nearest, distance, threshold, margin)."""
    places = [(int(c), float(distance_of(s))) for s, c in zip(scores, classes, strict=True)]
    found = [c >= 0 and np.isfinite(s) for s, c in zip(scores, classes, strict=True)]
    nearest, distance = places[0] if found[:1] == [True] else (-1, np.inf)
    threshold = np.nan
    if thresholds is not None and np.ndim(thresholds) == 0:
        threshold = float(np.float32(thresholds))
    elif thresholds is not None and nearest >= 0:
        threshold = float(np.float32(thresholds[nearest]))
    refused = nearest < 0 or (not np.isnan(threshold) and distance > threshold)
    margin = places[1][1] - distance if nearest >= 0 and found[1:2] == [True] else np.nan
    return -1 if refused else nearest, nearest, distance, threshold, margin


@pytest.mark.parametrize("thresholds", [None, 0.0, 0.7, 2.0, -1.0, np.array([0.2, 0.9, np.nan, 1.2, 0.0])])
@pytest.mark.parametrize("wide", [0, 1, 2, 5])
def test_equals_plain_python(wide, thresholds):
    rng = np.random.default_rng(wide)
    scores = -np.sort(-rng.uniform(-1, 1, (200, wide)).astype(np.float32), axis=1)
    classes = np.array([rng.permutation(5)[:wide] for _ in range(200)], dtype=np.int64).reshape(200, wide)
    missing = np.arange(wide) >= rng.integers(0, wide + 1, 200)[:, None]
    scores[missing], classes[missing] = -np.inf, -1
    got = decide(scores, classes, thresholds)
    expected = np.array([naive(s, c, thresholds) for s, c in zip(scores, classes, strict=True)]).reshape(200, 5).T
    for name, column, values in zip(got._fields, got, expected, strict=True):
        np.testing.assert_allclose(column, values, atol=2e-7, err_msg=name)  # the naive margin is not rounded


def test_types_and_shapes_also_without_queries():
    for nq in (0, 3):
        got = decide(np.zeros((nq, 2), dtype=np.float32), np.tile(np.int32([0, 1]), (nq, 1)), 0.5)
        assert [column.dtype for column in got] == ["int64", "int64", "float32", "float32", "float32"]
        assert [column.shape for column in got] == [(nq,)] * 5


@pytest.mark.parametrize("thresholds", [None, 2.0, np.inf, np.array([2.0]), np.array([np.nan])])
@pytest.mark.parametrize(
    ("score", "code"), [(-np.inf, -1), (-np.inf, 0), (0.9, -1), (np.nan, 0), (np.inf, 0), (1.0, -7)]
)
def test_a_missing_hit_never_reaches_a_label(score, code, thresholds):
    got = decide(np.array([[score, 0.5]]), np.array([[code, 0]]), thresholds)
    assert (got.code[0], got.nearest[0], got.distance[0]) == (-1, -1, np.inf)
    assert np.isnan(got.margin[0])


def test_a_distance_equal_to_the_threshold_is_accepted_and_the_next_one_is_not():
    scores = np.float32([[0.8], [0.8 - 1e-6], [0.8 + 1e-6]])
    cut = distance_of(scores)[0, 0]
    np.testing.assert_array_equal(decide(scores, np.zeros((3, 1), int), float(cut)).code, [0, -1, 0])
    below = np.nextafter(cut, np.float32(0))
    np.testing.assert_array_equal(decide(scores, np.zeros((3, 1), int), float(below)).code, [-1, -1, 0])


def test_every_cut_means_the_same_after_it_was_stored():
    rng = np.random.default_rng(1)
    scores = rng.uniform(-1, 1, (5000, 1)).astype(np.float32)
    distances = distance_of(scores)[:, 0]
    codes = np.zeros((5000, 1), dtype=np.int64)
    for cut in (*distances[:50], np.float32(0.61)):
        stored = json.loads(json.dumps(float(cut)))
        for given in (cut, stored, np.float64(cut), np.array([stored])):
            np.testing.assert_array_equal(decide(scores, codes, given).code == 0, distances <= cut)
    # A threshold that people type is a double; the distance they were shown is its float32.
    assert accepts(np.float32([0.61]), 0.61)[0]


def test_a_threshold_of_each_class_is_that_of_the_nearest():
    got = decide(np.float32([[0.5, 0.4], [0.5, 0.4]]), np.array([[0, 1], [1, 0]]), np.array([0.9, 1.1]))
    np.testing.assert_array_equal(got.code, [-1, 1])
    np.testing.assert_array_equal(got.nearest, [0, 1])
    np.testing.assert_allclose(got.threshold, [0.9, 1.1])


def test_none_never_refuses_and_has_no_threshold():
    got = decide(np.float32([[-1.0]]), np.array([[4]]), None)
    assert (got.code[0], got.distance[0]) == (4, 2.0)
    assert np.isnan(got.threshold[0])
    assert np.isnan(got.margin[0])


def test_margin_is_negative_where_a_vote_put_a_farther_class_first():
    got = decide(np.float32([[0.5, 0.875]]), np.array([[3, 1]]))
    assert got.margin[0] == distance_of(0.875) - distance_of(0.5) == -0.5


@pytest.mark.parametrize("thresholds", [None, 0.5, np.nan])
def test_accepts_no_infinite_distance(thresholds):
    np.testing.assert_array_equal(accepts(np.array([np.inf, 0.1]), thresholds), [False, True])


@pytest.mark.parametrize(
    ("scores", "classes", "thresholds", "said"),
    [
        (np.zeros((2, 1)), np.zeros((2, 2), int), None, "two"),
        (np.zeros(2), np.zeros(2, int), None, "two"),
        (np.zeros((2, 1)), np.zeros((2, 1)), None, "two"),
        (np.zeros((2, 1)), np.zeros((2, 1), int), np.nan, "threshold is NaN"),
        (np.zeros((2, 1)), np.array([[0], [3]]), np.array([0.1, 0.2, 0.3]), "for class 3"),
        (np.zeros((2, 1)), np.zeros((2, 1), int), np.zeros((1, 1)), "one per class"),
    ],
)
def test_refuses_what_does_not_fit(scores, classes, thresholds, said):
    with pytest.raises(ValueError, match=said):
        decide(scores, classes, thresholds)
