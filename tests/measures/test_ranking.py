import numpy as np
import pytest

from lookalike.measures.ranking import found_of_truth

from .oracles import recall_at_k


def naive_recall(neighbours, truth):
    shares = [
        len({int(row) for row in found if row >= 0} & {int(row) for row in true if row >= 0}) / sum(true >= 0)
        for found, true in zip(neighbours, truth, strict=True)
        if (true >= 0).any()
    ]
    return pytest.approx(np.mean(shares)) if shares else None


@pytest.mark.parametrize("seed", range(20))
def test_recall_equals_a_loop_over_sets(seed):
    rng = np.random.default_rng(seed)
    nq, k, wide = rng.integers(0, 12), rng.integers(0, 9), rng.integers(0, 9)
    truth = np.array([rng.permutation(12)[:k] for _ in range(nq)], dtype=np.int64).reshape(nq, k)
    truth[rng.random(truth.shape) < 0.2] = -1
    neighbours = rng.integers(-1, 12, (nq, wide))  # doubled rows and missing hits among them
    assert recall_at_k(neighbours, truth) == naive_recall(neighbours, truth)


def test_recall_forgives_ties_where_scores_are_given():
    truth, truth_scores = np.array([[4, 7]]), np.array([[0.9, 0.5]])
    neighbours, scores = np.array([[4, 8, 9]]), np.array([[0.9, 0.5, 0.5]])
    assert recall_at_k(neighbours, truth) == 0.5
    assert recall_at_k(neighbours, truth, scores, truth_scores) == 1.0
    assert recall_at_k(neighbours, truth, scores - 0.1, truth_scores) == 0.5
    assert recall_at_k(np.array([[8, 8]]), truth, np.array([[0.5, 0.5]]), truth_scores) == 0.5
    assert recall_at_k(np.array([[-1, 8]]), truth, np.array([[np.inf, 0.5]]), truth_scores) == 0.5


def test_recall_of_nothing_is_undefined():
    assert recall_at_k(np.zeros((0, 3), dtype=np.int64), np.zeros((0, 3), dtype=np.int64)) is None
    assert recall_at_k(np.full((2, 3), -1), np.full((2, 3), -1)) is None
    assert recall_at_k(np.zeros((2, 0), dtype=np.int64), np.array([[1], [2]])) == 0.0


def test_counts_of_each_query():
    found, of = found_of_truth(np.array([[1, 2, 2], [5, -1, -1], [-1, -1, -1]]), np.array([[2, 3], [5, -1], [-1, -1]]))
    np.testing.assert_array_equal(found, [1, 1, 0])
    np.testing.assert_array_equal(of, [2, 1, 0])


def test_refuses_shapes_and_types_that_do_not_fit():
    with pytest.raises(ValueError, match="give integers"):
        recall_at_k(np.zeros((2, 2)), np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="2 rows of neighbours for 3"):
        recall_at_k(np.zeros((2, 2), int), np.zeros((3, 2), int))
