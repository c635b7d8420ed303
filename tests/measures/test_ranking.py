import numpy as np
import pytest

from lookalike.measures.ranking import (
    average_precision_at_r,
    found_of_truth,
    label_recall_at_1,
    map_at_r,
    r_precision,
    recall_at_k,
)


def nearest(queries, rows, k):
    """(scores, rows) of exact search, in float64."""
    scores = queries.astype(np.float64) @ rows.T.astype(np.float64)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, axis=1), order


def naive_recall(neighbours, truth):
    shares = [
        len({int(row) for row in found if row >= 0} & {int(row) for row in true if row >= 0}) / sum(true >= 0)
        for found, true in zip(neighbours, truth, strict=True)
        if (true >= 0).any()
    ]
    return pytest.approx(np.mean(shares)) if shares else None


def naive_average_precision(label, hits, r):
    right = [hit == label for hit in hits[:r]]
    return sum(sum(right[: i + 1]) / (i + 1) for i in range(len(right)) if right[i]) / r


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


@pytest.mark.parametrize("seed", range(3))
def test_labels_equal_pytorch_metric_learning(needs, seed):
    needs("pytorch_metric_learning")
    import torch
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
    from pytorch_metric_learning.utils.inference import CustomKNN

    rng = np.random.default_rng(seed)
    labels, query_labels = rng.integers(0, 6, 90), rng.integers(0, 8, 40)  # two classes have no row: R = 0
    rows, queries = rng.normal(size=(90, 4)) + labels[:, None] / 3, rng.normal(size=(40, 4)) + query_labels[:, None] / 3
    rows, queries = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (rows, queries))
    names = ("precision_at_1", "r_precision", "mean_average_precision_at_r")
    oracle = AccuracyCalculator(names, k="max_bin_count", device=torch.device("cpu"), knn_func=CustomKNN(LpDistance()))
    tensors = [torch.tensor(x) for x in (queries, query_labels, rows, labels)]
    expected = oracle.get_accuracy(*tensors)
    counts = np.array([(labels == label).sum() for label in query_labels])
    hit_labels = labels[nearest(queries, rows, counts.max())[1]]
    got = [measure(query_labels, hit_labels, counts) for measure in (label_recall_at_1, r_precision, map_at_r)]
    assert got == pytest.approx([expected[name] for name in names], abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_labels_equal_pytorch_metric_learning_within_one_set(needs, seed):
    needs("pytorch_metric_learning")
    import torch
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
    from pytorch_metric_learning.utils.inference import CustomKNN

    rng = np.random.default_rng(seed)
    labels = np.append(rng.integers(0, 5, 60), 99)  # a class with one image: R = 0
    rows = rng.normal(size=(61, 4)) + labels[:, None] / 3
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    names = ("precision_at_1", "r_precision", "mean_average_precision_at_r")
    oracle = AccuracyCalculator(names, k="max_bin_count", device=torch.device("cpu"), knn_func=CustomKNN(LpDistance()))
    expected = oracle.get_accuracy(torch.tensor(rows), torch.tensor(labels))
    order = nearest(rows, rows, 61)[1]
    others = np.array([[row for row in line if row != query] for query, line in enumerate(order)])
    counts = np.array([(labels == label).sum() - 1 for label in labels])
    got = [measure(labels, labels[others], counts) for measure in (label_recall_at_1, r_precision, map_at_r)]
    assert got == pytest.approx([expected[name] for name in names], abs=1e-6)


@pytest.mark.parametrize("cells", [1, 50, 1 << 22])
def test_average_precision_equals_a_loop(monkeypatch, cells):
    monkeypatch.setattr("lookalike.measures.ranking._CELLS", cells)
    rng = np.random.default_rng(11)
    query_labels, hit_labels = rng.integers(-1, 4, 60), rng.integers(-1, 4, (60, 20))
    counts = rng.integers(0, 21, 60)
    got = average_precision_at_r(query_labels, hit_labels, counts)
    for value, label, hits, r in zip(got, query_labels, hit_labels, counts, strict=True):
        if label < 0 or r == 0:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(naive_average_precision(label, hits, r))
    assert map_at_r(query_labels, hit_labels, counts) == pytest.approx(np.nanmean(got))


def test_known_values():
    # The ECCV paper's example: of ten right answers only the first is found, or the second.
    first, second = np.full((1, 10), 9), np.full((1, 10), 9)
    first[0, 0], second[0, 1] = 1, 1
    label, ten = np.array([1]), np.array([10])
    assert map_at_r(label, first, ten) == pytest.approx(0.1)
    assert map_at_r(label, second, ten) == pytest.approx(0.05)
    assert r_precision(label, second, ten) == pytest.approx(0.1)
    assert (label_recall_at_1(label, first, ten), label_recall_at_1(label, second, ten)) == (1.0, 0.0)


@pytest.mark.parametrize("measure", [map_at_r, r_precision, label_recall_at_1])
def test_undefined_without_a_known_query(measure):
    assert measure(np.array([1, -1]), np.full((2, 3), -1), np.array([0, 3])) is None
    assert measure(np.zeros(0, int), np.zeros((0, 0), int), np.zeros(0, int)) is None


def test_unlabelled_queries_and_missing_hits_never_match():
    assert map_at_r(np.array([2]), np.array([[-1, 2]]), np.array([2])) == pytest.approx(0.25)
    assert label_recall_at_1(np.array([-1, 2]), np.array([[-1], [-1]]), np.array([5, 1])) == 0.0


@pytest.mark.parametrize("measure", [map_at_r, r_precision])
def test_refuses_too_few_hits(measure):
    with pytest.raises(ValueError, match="R = 3 but 2 hits"):
        measure(np.array([1]), np.array([[1, 1]]), np.array([3]))


def test_refuses_shapes_and_types_that_do_not_fit():
    with pytest.raises(ValueError, match="give integers"):
        recall_at_k(np.zeros((2, 2)), np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="2 rows of neighbours for 3"):
        recall_at_k(np.zeros((2, 2), int), np.zeros((3, 2), int))
    with pytest.raises(ValueError, match="have shapes"):
        map_at_r(np.zeros(2, int), np.zeros((3, 2), int), np.zeros(2, int))
    with pytest.raises(ValueError, match="no columns"):
        label_recall_at_1(np.zeros(1, int), np.zeros((1, 0), int), np.ones(1, int))
