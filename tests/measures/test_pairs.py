import numpy as np
import pytest

from lookalike.measures.pairs import _least, _rank_of, _values, pair_curve
from lookalike.measures.verification import roc

from .oracles import auc, eer, tpr_at_fpr


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def cases():
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(7, 16))
    labels = rng.integers(-1, 7, 300)
    # Small integers: inner products are exact, so any block shape gives the same bits, and ties abound.
    few = rng.integers(-1, 2, (200, 5)).astype(np.float32)
    yield "clusters", unit(centres[labels] + rng.normal(size=(300, 16))), labels
    yield "ties", few, rng.integers(0, 3, 200)
    yield "collapsed", np.tile(np.float32([1, 0]), (120, 1)), rng.integers(0, 4, 120)
    yield "duplicates", few[rng.integers(0, 9, 200)], rng.integers(0, 4, 200)
    yield "opposite", np.float32([[1, 0]] * 30 + [[-1, 0]] * 30), np.arange(60) % 5
    yield "many small classes", unit(rng.normal(size=(150, 4))), np.arange(150) // 2
    yield "one big class", unit(rng.normal(size=(150, 4))), np.where(np.arange(150) < 148, 40, 3)


def every_pair(vectors, labels):
    """(scores, same) of all pairs, one dot product after the other."""
    vectors, labels = vectors[labels >= 0], labels[labels >= 0]
    first, second = np.triu_indices(len(labels), 1)
    scores = np.array([vectors[i] @ vectors[j] for i, j in zip(first, second, strict=True)], dtype=np.float32)
    return scores, labels[first] == labels[second]


def measures(curve):
    return curve.same, curve.different, curve.auc, curve.eer, curve.tprs


def assert_equal(got, expected):
    assert measures(got) == measures(expected)
    for name in ("fpr", "tpr", "thresholds"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))


@pytest.mark.parametrize("fpr", [0.0, 1e-3, 0.05, 1.0])
@pytest.mark.parametrize(("vectors", "labels"), [pytest.param(*case, id=name) for name, *case in cases()])
def test_equals_all_pairs_at_once(vectors, labels, fpr):
    got = pair_curve(vectors, labels, (fpr,))
    scores, same = every_pair(vectors, labels)
    assert (got.same, got.different, got.fprs) == (same.sum(), (~same).sum(), (fpr,))
    # A matrix product rounds otherwise than a dot product; nowhere here does that change an order of two kinds by much.
    assert got.auc == pytest.approx(auc(scores, same), abs=1e-6)
    assert got.eer == pytest.approx(eer(scores, same), abs=1e-3)
    assert got.tprs == pytest.approx((tpr_at_fpr(scores, same, fpr),), abs=1e-3)


@pytest.mark.parametrize("name", ["ties", "collapsed", "duplicates", "opposite"])
def test_ties_are_exact(name):
    vectors, labels = next(case for kind, *case in cases() if kind == name)
    got = pair_curve(vectors, labels, (0.05, 0.3), points=10**6)
    scores, same = every_pair(vectors, labels)
    assert got.auc == auc(scores, same)
    assert got.eer == pytest.approx(eer(scores, same), abs=1e-12)
    assert got.tprs == (tpr_at_fpr(scores, same, 0.05), tpr_at_fpr(scores, same, 0.3))
    for drawn, whole in zip((got.fpr, got.tpr, got.thresholds), roc(scores, same), strict=True):
        np.testing.assert_allclose(drawn, whole, rtol=1e-14)


@pytest.mark.parametrize(
    ("budget", "fpr"), [(900, 0.0), (900, 0.05), (3000, 1e-3), (3000, 0.6), (9000, 0.05), (9000, 1.0)]
)
@pytest.mark.parametrize(("vectors", "labels"), [pytest.param(*case, id=name) for name, *case in cases()])
def test_many_passes_equal_one(vectors, labels, budget, fpr):
    assert_equal(
        pair_curve(vectors, labels, (fpr, 0.5), block=97, budget=budget),
        pair_curve(vectors, labels, (fpr, 0.5), block=97),
    )


@pytest.mark.parametrize("block", [1, 2, 64, 10_000])
def test_blocks_do_not_matter(block):
    vectors, labels = next(case for kind, *case in cases() if kind == "ties")
    assert_equal(pair_curve(vectors, labels, block=block), pair_curve(vectors, labels))


def test_order_of_rows_and_names_of_classes_do_not_matter():
    vectors, labels = next(case for kind, *case in cases() if kind == "ties")
    order = np.random.default_rng(0).permutation(len(labels))
    assert_equal(pair_curve(vectors[order], 1000 - 7 * labels[order]), pair_curve(vectors, labels))


@pytest.mark.parametrize("labels", [[], [0], [0, 0], [0, 1], [-1, -1, -1], [3, -1], [4, 4, 4]])
def test_a_missing_kind_is_undefined(labels):
    got = pair_curve(np.ones((len(labels), 1), dtype=np.float32), np.array(labels, dtype=np.int64), (0.1, 0.2))
    assert (got.auc, got.eer, got.tprs, len(got.fpr)) == (None, None, (None, None), 0)
    kept = sum(label >= 0 for label in labels)
    assert got.same + got.different == kept * (kept - 1) // 2


@pytest.mark.parametrize("name", ["collapsed", "opposite"])
def test_values_that_alone_exceed_the_budget_are_counted(name):
    vectors, labels = next(case for kind, *case in cases() if kind == name)
    assert_equal(pair_curve(vectors, labels, (0.05,), budget=1), pair_curve(vectors, labels, (0.05,)))


def test_memory_stays_below_the_scores_themselves():
    import tracemalloc

    vectors = unit(np.random.default_rng(1).normal(size=(2000, 8)))
    labels = np.arange(2000) % 10
    one_pass = pair_curve(vectors, labels, block=64)
    tracemalloc.start()
    got = pair_curve(vectors, labels, block=64, budget=500_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert_equal(got, one_pass)
    assert peak < 1_999_000 * 4 * 1.5  # the block being sorted out counts too; all scores at once take more than 2x


def test_ranks_rise_with_the_scores_and_buckets_begin_where_they_say():
    scores = np.sort(
        np.float32([-np.inf, -2, -1, -1e-30, -1e-45, 0, 1e-45, 0.5, np.nextafter(np.float32(1), 0), 1, 3e38])
    )
    ranks = _rank_of(scores)
    assert (np.diff(ranks) > 0).all()
    for score, rank in zip(scores, ranks, strict=True):
        assert _least(rank >> 16) <= score < _least((rank >> 16) + 1)
    assert _rank_of(np.float32([-0.0])) == _rank_of(np.float32([0.0]))
    assert _least(0) == -np.inf
    assert _least(1 << 16) == np.inf
    values = np.concatenate([_values(0x7FFF), _values(0x8000)])
    assert (np.diff(_rank_of(values[values != 0])) > 0).all() and (np.diff(values) >= 0).all()
    np.testing.assert_array_equal(_rank_of(_values(0xBF00)), (0xBF00 << 16) + np.arange(1 << 16))
