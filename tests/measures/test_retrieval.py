"""recall@1 and MAP@R over whole collections, against a sort and a loop."""

import numpy as np
import pytest

from lookalike.measures.retrieval import retrieval


def naive(query, code, references, codes, own):
    """Sort everything, wrong classes first among equals, and walk down."""
    left = [j for j in range(len(references)) if j not in set(own.tolist())]
    wanted = sum(codes[j] == code for j in left)
    if wanted == 0:
        return np.nan, np.nan
    scores = references @ query
    ranked = sorted(left, key=lambda j: (-scores[j], codes[j] == code))
    hits, total = 0, 0.0
    for rank, j in enumerate(ranked[:wanted], 1):
        if codes[j] == code:
            hits += 1
            total += hits / rank
    return float(codes[ranked[0]] == code), total / wanted


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("levels", [0, 3])
def test_agrees_with_a_full_sort(seed, levels):
    rng = np.random.default_rng(seed)
    n, nq, d = int(rng.integers(1, 40)), int(rng.integers(1, 12)), 4
    references, queries = rng.normal(size=(n, d)), rng.normal(size=(nq, d))
    if levels:  # few distinct values: many ties
        references, queries = np.round(references), np.round(queries)
    references, queries = references.astype(np.float32), queries.astype(np.float32)
    codes, query_codes = rng.integers(-1, 4, n), rng.integers(0, 5, nq)
    own = [rng.choice(n, rng.integers(0, min(n, 3) + 1), replace=False) for _ in range(nq)]
    recall, precision = retrieval(queries, query_codes, references, codes, own)
    for i in range(nq):
        expected = naive(queries[i], query_codes[i], references, codes, own[i])
        np.testing.assert_allclose((recall[i], precision[i]), expected, rtol=1e-12)


def test_without_references_everything_is_undefined():
    recall, precision = retrieval(
        np.ones((2, 3), np.float32), np.zeros(2, int), np.empty((0, 3), np.float32), np.empty(0, int)
    )
    assert np.isnan(recall).all() and np.isnan(precision).all()


def test_perfect_and_worst_rankings():
    references = np.eye(4, dtype=np.float32)[[0, 0, 1, 1]]
    codes = np.array([0, 0, 1, 1])
    recall, precision = retrieval(references[[0, 2]], np.array([0, 0]), references, codes)
    assert recall.tolist() == [1.0, 0.0] and precision.tolist() == [1.0, 0.0]
