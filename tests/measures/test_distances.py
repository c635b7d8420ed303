import math

import numpy as np
import pytest

from lookalike.measures.distances import class_distances, distance_histogram, distance_matrix


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def cases():
    """Random clusters, sizes that cut classes at blocks' edges, copies, one row a class, opposite rows."""
    rng = np.random.default_rng(5)
    labels = rng.integers(-1, 7, 80)
    yield "clusters", unit(rng.normal(size=(8, 6))[labels] + rng.normal(size=(80, 6)) / 2), labels
    yield "copies", unit(rng.normal(size=(4, 3)))[rng.integers(0, 4, 50)], rng.integers(0, 3, 50)
    yield "one row a class", unit(rng.normal(size=(9, 3))), np.arange(9)
    yield "opposite", np.float32([[1, 0]] * 5 + [[-1, 0]] * 4), np.array([3] * 5 + [0] * 4)
    yield "one of each size", unit(rng.normal(size=(36, 4))), np.repeat(np.arange(8), np.arange(1, 9))


CASES = [pytest.param(*case, id=name) for name, *case in cases()]


def pairs(vectors, codes):
    """(one code, other code, distance) of all pairs, in a loop over Python floats."""
    kept = [(v.tolist(), int(c)) for v, c in zip(vectors, codes, strict=True) if c >= 0]
    return [(a, b, math.dist(v, w)) for i, (v, a) in enumerate(kept) for w, b in kept[:i]]


def mean(values):
    return np.mean(values) if values else None


@pytest.fixture(params=[1, 100, 1 << 22], autouse=True)
def cells(request, monkeypatch):
    """Blocks of one row, of a few, and of all."""
    monkeypatch.setattr("lookalike.measures.distances._CELLS", request.param)


@pytest.mark.parametrize(("vectors", "codes"), CASES)
def test_class_distances_equal_a_loop(vectors, codes):
    every = pairs(vectors, codes)
    got = class_distances(vectors, codes)
    within, between = mean([d for a, b, d in every if a == b]), mean([d for a, b, d in every if a != b])
    assert got.within == (None if within is None else pytest.approx(within, abs=2e-4))
    assert got.between == pytest.approx(between, abs=2e-4)
    assert got.gap == (None if within is None else pytest.approx(between - within, abs=4e-4))


@pytest.mark.parametrize(("vectors", "codes"), CASES)
def test_matrix_equals_a_loop(vectors, codes):
    every = pairs(vectors, codes)
    classes, means = distance_matrix(vectors, codes)
    assert classes.tolist() == sorted({int(c) for c in codes if c >= 0})
    for i, one in enumerate(classes):
        for j, other in enumerate(classes):
            expected = mean([d for a, b, d in every if {a, b} == {one, other}])
            assert means[i, j] == pytest.approx(np.nan if expected is None else expected, abs=2e-4, nan_ok=True)


@pytest.mark.parametrize("bins", [1, 7, 100])
@pytest.mark.parametrize(("vectors", "codes"), CASES)
def test_histogram_equals_a_loop(vectors, codes, bins):
    every = pairs(vectors, codes)
    edges, same, different = distance_histogram(vectors, codes, bins)
    assert (edges[0], edges[-1], len(edges)) == (0.0, 2.0, bins + 1)
    for got, wanted in ((same, [d for a, b, d in every if a == b]), (different, [d for a, b, d in every if a != b])):
        # A distance at an edge may fall on either side: sums up to each edge differ by those alone.
        assert got.sum() == len(wanted)
        for edge, below in zip(edges[1:], np.cumsum(got), strict=True):
            assert sum(d < edge - 1e-3 for d in wanted) <= below <= sum(d < edge + 1e-3 for d in wanted)


@pytest.mark.parametrize("codes", [[], [4], [-1, -1], [-1, 0]])
def test_without_pairs_nothing_is_defined(codes):
    vectors = np.ones((len(codes), 1), dtype=np.float32)
    assert class_distances(vectors, np.array(codes, dtype=np.int64)) == (None, None, None)
    classes, means = distance_matrix(vectors, np.array(codes, dtype=np.int64))
    assert means.shape == (len(classes), len(classes)) and np.isnan(means).all()


def test_one_class_has_no_between():
    got = class_distances(np.float32([[1, 0], [0, 1]]), np.zeros(2, int))
    assert (got.within, got.between, got.gap) == (pytest.approx(math.sqrt(2)), None, None)


def test_copies_are_at_distance_zero_not_at_float32_noise():
    row = unit(np.random.default_rng(0).normal(size=(1, 300)))
    assert class_distances(np.tile(row, (5, 1)), np.array([0, 0, 1, 1, 1])).within < 4e-4
