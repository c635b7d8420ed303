import numpy as np
import pytest

from lookalike.measures.pairs import _least, _rank_of, pair_curve
from lookalike.measures.verification import auc, tpr_at_fpr


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


def naive(vectors, labels, fpr):
    vectors, labels = vectors[labels >= 0], labels[labels >= 0]
    first, second = np.triu_indices(len(labels), 1)
    scores = np.array([vectors[i] @ vectors[j] for i, j in zip(first, second, strict=True)], dtype=np.float32)
    same = labels[first] == labels[second]
    return same.sum(), (~same).sum(), auc(scores, same), tpr_at_fpr(scores, same, fpr)


@pytest.mark.parametrize("fpr", [0.0, 1e-3, 0.05, 1.0])
@pytest.mark.parametrize(("vectors", "labels"), [pytest.param(*case, id=name) for name, *case in cases()])
def test_equals_all_pairs_at_once(vectors, labels, fpr):
    got = pair_curve(vectors, labels, fpr)
    same, different, area, tpr = naive(vectors, labels, fpr)
    assert (got.same, got.different, got.fpr) == (same, different, fpr)
    # A matrix product rounds otherwise than a dot product; nowhere here does that change an order of two kinds by much.
    assert got.auc == pytest.approx(area, abs=1e-6)
    assert got.tpr == pytest.approx(tpr, abs=1e-3)


@pytest.mark.parametrize("name", ["ties", "collapsed", "duplicates", "opposite"])
def test_ties_are_exact(name):
    vectors, labels = next(case for kind, *case in cases() if kind == name)
    got = pair_curve(vectors, labels, 0.05)
    assert (got.same, got.different, got.auc, got.tpr) == naive(vectors, labels, 0.05)


@pytest.mark.parametrize(
    ("budget", "fpr"), [(900, 0.0), (900, 0.05), (3000, 1e-3), (3000, 0.6), (9000, 0.05), (9000, 1.0)]
)
@pytest.mark.parametrize(("vectors", "labels"), [pytest.param(*case, id=name) for name, *case in cases()])
def test_many_passes_equal_one(vectors, labels, budget, fpr):
    assert pair_curve(vectors, labels, fpr, block=97, budget=budget) == pair_curve(vectors, labels, fpr, block=97)


@pytest.mark.parametrize("block", [1, 2, 64, 10_000])
def test_blocks_do_not_matter(block):
    vectors, labels = next(case for kind, *case in cases() if kind == "ties")
    assert pair_curve(vectors, labels, block=block) == pair_curve(vectors, labels)


def test_order_of_rows_and_names_of_classes_do_not_matter():
    vectors, labels = next(case for kind, *case in cases() if kind == "ties")
    order = np.random.default_rng(0).permutation(len(labels))
    assert pair_curve(vectors[order], 1000 - 7 * labels[order]) == pair_curve(vectors, labels)


@pytest.mark.parametrize("labels", [[], [0], [0, 0], [0, 1], [-1, -1, -1], [3, -1], [4, 4, 4]])
def test_a_missing_kind_is_undefined(labels):
    got = pair_curve(np.ones((len(labels), 1), dtype=np.float32), np.array(labels, dtype=np.int64))
    assert got.auc is None
    assert got.tpr is None
    kept = sum(label >= 0 for label in labels)
    assert got.same + got.different == kept * (kept - 1) // 2


@pytest.mark.parametrize("name", ["collapsed", "opposite"])
def test_values_that_alone_exceed_the_budget_are_counted(name):
    vectors, labels = next(case for kind, *case in cases() if kind == name)
    assert pair_curve(vectors, labels, 0.05, budget=1) == pair_curve(vectors, labels, 0.05)


def test_memory_stays_below_the_scores_themselves():
    import tracemalloc

    vectors = unit(np.random.default_rng(1).normal(size=(3000, 8)))
    labels = np.arange(3000) % 10
    one_pass = pair_curve(vectors, labels)
    tracemalloc.start()
    assert pair_curve(vectors, labels, budget=500_000) == one_pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_498_500 * 4 * 1.5  # the block being sorted out counts too; all scores at once take more than 2x


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


@pytest.mark.parametrize(
    ("vectors", "labels", "said"),
    [
        (np.ones((3, 2)), np.zeros(2, int), "give"),
        (np.ones(3), np.zeros(3, int), "give"),
        (np.ones((2, 2)), np.array(["a", "b"]), "integer codes"),
        (np.array([[1, 0], [np.nan, 0]]), np.zeros(2, int), "row 1 of vectors"),
    ],
)
def test_refuses_what_has_no_scores(vectors, labels, said):
    with pytest.raises(ValueError, match=said):
        pair_curve(vectors, labels)
