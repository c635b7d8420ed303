"""Purity and NMI against scikit-learn and a plain count."""

from collections import Counter

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from lookalike.measures.clusters import commonest, nmi, purity, shared


def naive_purity(clusters, classes):
    pairs = [(a, b) for a, b in zip(clusters, classes, strict=True) if a >= 0 and b >= 0]
    best = {}
    for a in {a for a, _ in pairs}:
        best[a] = Counter(b for other, b in pairs if other == a).most_common(1)[0][1]
    return sum(best.values()) / len(pairs)


@pytest.mark.parametrize("seed", range(20))
def test_against_scikit_learn_and_a_count(seed):
    rng = np.random.default_rng(seed)
    n, a, b = rng.integers(1, 200), rng.integers(1, 9), rng.integers(1, 9)
    classes = rng.integers(-1 if seed % 2 else 0, b, n)
    clusters = np.where(rng.random(n) < 0.6, classes * 2 % max(1, a), rng.integers(0, a, n))
    clusters[rng.random(n) < 0.1] = -1
    both = (clusters >= 0) & (classes >= 0)
    if not both.any():
        assert nmi(clusters, classes) is None
        return
    assert nmi(clusters, classes) == pytest.approx(
        normalized_mutual_info_score(classes[both], clusters[both]), abs=1e-9
    )
    assert purity(clusters, classes) == pytest.approx(naive_purity(clusters.tolist(), classes.tolist()))


@pytest.mark.parametrize(
    ("clusters", "classes", "pure", "shared"),
    [
        ([0, 0, 1, 1], [3, 3, 5, 5], 1.0, 1.0),
        ([0, 0, 0, 0], [0, 0, 1, 1], 0.5, 0.0),
        ([0, 0, 0], [2, 2, 2], 1.0, 1.0),  # one cluster, one class
        ([0, 1, 2, 3], [0, 0, 0, 0], 1.0, 0.0),
        ([0, 1, 0, 1], [0, 0, 1, 1], 0.5, 0.0),
        ([4], [1], 1.0, 1.0),
    ],
)
def test_known_values(clusters, classes, pure, shared):
    assert purity(np.array(clusters), np.array(classes)) == pure
    assert nmi(np.array(clusters), np.array(classes)) == pytest.approx(shared, abs=1e-12)


@pytest.mark.parametrize("empty", [([], []), ([-1, 0], [0, -1])])
def test_nothing_to_compare_is_undefined(empty):
    clusters, classes = (np.array(codes, dtype=int) for codes in empty)
    assert purity(clusters, classes) is None and nmi(clusters, classes) is None


def test_pairs_are_counted_and_the_commonest_class_found():
    pairs = shared(np.array([0, 0, 2, -1, 2, 2, 2]), np.array([1, 1, 4, 1, 0, 0, 4]))
    assert [column.tolist() for column in pairs] == [[0, 2, 2], [1, 0, 4], [2, 2, 2]]
    assert [column.tolist() for column in commonest(pairs)] == [[0, 2], [1, 0], [2, 2]]


@pytest.mark.parametrize("wrong", [([0, 1], [0]), ([0.5], [0]), ([[0]], [[0]])])
def test_wrong_arrays_are_refused(wrong):
    with pytest.raises(ValueError, match="give"):
        shared(*map(np.array, wrong))
