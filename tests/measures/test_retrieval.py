"""recall@k, R-precision and MAP@R over whole collections, against a sort and a loop, and pytorch-metric-learning."""

import numpy as np
import pytest

from lookalike.measures.retrieval import retrieval


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def naive(query, code, references, codes, own):
    """Sort everything, wrong classes first among equals, and walk down: first rank, AP@R, R-precision."""
    left = [j for j in range(len(references)) if j not in set(own.tolist())]
    wanted = sum(codes[j] == code for j in left)
    if wanted == 0 or code < 0:
        return np.nan, np.nan, np.nan
    scores = references @ query
    ranked = sorted(left, key=lambda j: (-scores[j], codes[j] == code))
    right = [codes[j] == code for j in ranked]
    hits = [sum(right[: i + 1]) / (i + 1) for i in range(wanted) if right[i]]
    return right.index(True) + 1, sum(hits) / wanted, len(hits) / wanted


def found(got):
    return np.array([got.first, got.average_precision, got.precision])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("levels", [0, 3])
def test_agrees_with_a_full_sort(seed, levels):
    rng = np.random.default_rng(seed)
    n, nq, d = int(rng.integers(1, 40)), int(rng.integers(1, 12)), 4
    references, queries = rng.normal(size=(n, d)), rng.normal(size=(nq, d))
    if levels:  # few distinct values: many ties
        references, queries = np.round(references), np.round(queries)
    references, queries = references.astype(np.float32), queries.astype(np.float32)
    codes, query_codes = rng.integers(-1, 4, n), rng.integers(-1, 5, nq)
    own = [rng.choice(n, rng.integers(0, min(n, 3) + 1), replace=False) for _ in range(nq)]
    got = retrieval(queries, query_codes, references, codes, own)
    expected = np.array([naive(queries[i], query_codes[i], references, codes, own[i]) for i in range(nq)]).T
    np.testing.assert_allclose(found(got), expected, rtol=1e-12)
    defined = ~np.isnan(expected[0])
    for k in (1, 2, 5, 100):
        assert got.recall_at(k) == (pytest.approx(np.mean(expected[0][defined] <= k)) if defined.any() else None)
    for mean, row in ((got.map_at_r(), 1), (got.r_precision(), 2)):
        assert mean == (pytest.approx(expected[row][defined].mean()) if defined.any() else None)


@pytest.mark.parametrize("one_set", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_equals_pytorch_metric_learning(needs, seed, one_set):
    needs("pytorch_metric_learning")
    import torch
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
    from pytorch_metric_learning.utils.inference import CustomKNN

    rng = np.random.default_rng(seed)
    codes, query_codes = rng.integers(0, 6, 90), rng.integers(0, 8, 40)  # two classes have no reference: R = 0
    codes[0] = 99  # and one of its own set has none but itself
    rows, queries = (unit(rng.normal(size=(len(of), 4)) + of[:, None] / 3) for of in (codes, query_codes))
    names = ("precision_at_1", "r_precision", "mean_average_precision_at_r")
    oracle = AccuracyCalculator(names, k="max_bin_count", device=torch.device("cpu"), knn_func=CustomKNN(LpDistance()))
    if one_set:
        expected = oracle.get_accuracy(torch.tensor(rows), torch.tensor(codes))
        got = retrieval(rows, codes, rows, codes, [np.array([i]) for i in range(90)])
    else:
        expected = oracle.get_accuracy(*(torch.tensor(x) for x in (queries, query_codes, rows, codes)))
        got = retrieval(queries, query_codes, rows, codes)
    values = got.recall_at(1), got.r_precision(), got.map_at_r()
    assert values == pytest.approx([expected[name] for name in names], abs=1e-6)


@pytest.mark.parametrize("queries", [0, 2])
def test_without_references_everything_is_undefined(queries):
    got = retrieval(
        np.ones((queries, 3), np.float32), np.zeros(queries, int), np.empty((0, 3), np.float32), np.empty(0, int)
    )
    assert np.isnan(found(got)).all() and found(got).shape == (3, queries)
    assert (got.recall_at(1), got.map_at_r(), got.r_precision()) == (None, None, None)


def test_known_values():
    # The ECCV paper's example: of ten right answers only the first is found, or the second.
    angles = np.float32([0.1, 0.2, *np.linspace(0.3, 0.9, 9), *np.linspace(1, 2, 9)])
    references = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    query = np.float32([[1, 0]])
    first, second = np.array([1, *[9] * 10, *[1] * 9]), np.array([9, 1, *[9] * 9, *[1] * 9])
    assert found(retrieval(query, np.array([1]), references, first))[:, 0] == pytest.approx([1, 0.1, 0.1])
    assert found(retrieval(query, np.array([1]), references, second))[:, 0] == pytest.approx([2, 0.05, 0.1])


def test_ties_never_flatter():
    got = retrieval(np.ones((1, 1), np.float32), np.array([1]), np.ones((4, 1), np.float32), np.array([1, 1, 2, 2]))
    assert found(got)[:, 0].tolist() == [3, 0, 0]
