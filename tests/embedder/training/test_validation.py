"""Splits that keep their promise, and scores against a loop over every pair."""

import numpy as np
import pytest

from lookalike.embedder.training.validation import score, split, thinned
from lookalike.store.errors import LookalikeError, LookalikeWarning

LABELS = np.array([f"c{i % 7}" for i in range(700)] + ["rare"] * 3, dtype=object)


def naive(vectors, codes):
    """recall@1 and MAP@R by their definitions, a query at a time."""
    recalls, precisions = [], []
    for i in range(len(codes)):
        order = sorted((j for j in range(len(codes)) if j != i), key=lambda j: -float(vectors[i] @ vectors[j]))
        r = int((codes == codes[i]).sum()) - 1
        if r == 0:
            continue
        right = [codes[j] == codes[i] for j in order[:r]]
        recalls.append(right[0])
        precisions.append(sum(sum(right[: n + 1]) / (n + 1) for n in range(r) if right[n]) / r)
    return np.mean(recalls), np.mean(precisions)


def test_scores_are_those_of_the_definition():
    random = np.random.default_rng(0)
    codes = random.integers(0, 5, 600)
    codes[0] = 9  # alone: asks nothing
    vectors = random.standard_normal((600, 8)) + 2 * np.eye(8)[codes % 8]
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    scores = score(vectors, codes)
    assert (scores.recall_at_1, scores.map_at_r) == pytest.approx(naive(vectors, codes), abs=1e-6)
    assert scores.spread == pytest.approx(1 - np.linalg.norm(vectors.astype(np.float64).mean(axis=0)) ** 2)


def test_distances_are_means_over_pairs_of_one_class_and_of_two():
    vectors = np.float32([[1, 0], [0, 1], [0, 1], [-1, 0]])
    scores = score(vectors, np.array([0, 0, 1, 1]))
    root = 2**0.5
    assert scores.within == pytest.approx(root)
    assert scores.between == pytest.approx((root + 2 + 0 + root) / 4)
    assert scores.gap == pytest.approx(scores.between - scores.within)
    one = score(vectors, np.zeros(4, dtype=int))
    assert one.between is None and one.gap is None and one.within > 0


def test_without_a_pair_there_is_no_score():
    vectors = np.eye(3, dtype=np.float32)
    for count in (0, 1, 3):
        scores = score(vectors[:count], np.arange(count))
        assert (scores.recall_at_1, scores.map_at_r) == (None, None)


def test_equal_vectors_have_no_spread():
    assert score(np.tile(np.float32([0.6, 0.8]), (5, 1)), np.zeros(5, dtype=int)).spread == pytest.approx(0, abs=1e-6)


def test_a_share_keeps_whole_classes_out():
    fit, held = split(LABELS, 0.25, 0)
    assert sorted([*fit, *held]) == list(range(len(LABELS)))
    out = set(LABELS[held])
    assert len(out) == 2 and not out & set(LABELS[fit])
    assert np.array_equal(split(LABELS, 0.25, 0)[1], held)
    assert {frozenset(LABELS[split(LABELS, 0.25, seed)[1]]) for seed in range(9)} != {frozenset(out)}


@pytest.mark.parametrize("share", [0.01, 0.2])
@pytest.mark.parametrize("classes", [4, 5, 6, 7])
def test_a_share_is_never_one_class_which_would_always_find_itself(share, classes):
    labels = np.array([f"c{i % classes}" for i in range(100)], dtype=object)
    fit, held = split(labels, share, 0)
    assert len(set(labels[held])) == 2 and len(set(labels[fit])) == classes - 2


@pytest.mark.parametrize("classes", [2, 3])
def test_of_fewer_than_four_classes_images_are_kept_out_instead(classes):
    labels = np.array([f"c{i % classes}" for i in range(120)], dtype=object)
    with pytest.warns(LookalikeWarning, match=rf"0\.2: {classes} classes are too few") as said:
        fit, held = split(labels, 0.2, 0)
    assert len(said) == 1
    assert [part.tolist() for part in (fit, held)] == [part.tolist() for part in split(labels, 0, 0)]


def skewed(*sizes):
    """Classes of these sizes, named by number."""
    return np.array([f"c{number}" for number, size in enumerate(sizes) for _ in range(size)], dtype=object)


@pytest.mark.parametrize(
    ("sizes", "share"),
    [((798, 20, 2, 1), 0.2), ((48, 40, 6, 6), 0.2), ((300, *[9] * 20, *[1] * 20), 0.2), ((9, 8, 7, 6), 0.5)],
)
def test_a_share_never_takes_most_of_the_images_nor_a_class_of_one(sizes, share):
    labels = skewed(*sizes)
    by_seed = set()
    for seed in range(12):
        fit, held = split(labels, share, seed)
        names, counts = np.unique(labels[held], return_counts=True)
        assert sorted([*fit, *held]) == list(range(len(labels)))
        assert len(names) >= 2 and counts.min() >= 2 and len(held) <= len(labels) / 2
        assert not set(names) & set(labels[fit])
        by_seed.add(tuple(names))
        assert np.array_equal(split(labels, share, seed)[1], held)
    assert len(by_seed) > 1 or sizes in ((798, 20, 2, 1), (48, 40, 6, 6))  # there only one pair will do


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.7])
@pytest.mark.parametrize("classes", [4, 7, 10, 23])
def test_of_classes_of_one_size_the_seeds_first_ones_are_kept_out(classes, share):
    for size in (2, 9):
        labels = skewed(*[size] * classes)
        names = sorted(set(labels))
        count = max(2, round(share * classes))
        if count > classes - 2:
            continue
        for seed in range(5):
            order = np.random.default_rng([seed, 1]).permutation(classes)
            assert set(labels[split(labels, share, seed)[1]]) == {names[i] for i in order[:count]}


@pytest.mark.parametrize("sizes", [(100, 60, 1, 1, 1), (9, 9, 1, 1), (6, 6, *[1] * 30)])
def test_where_no_two_classes_can_be_spared_a_tenth_is_kept_out_and_said_why(sizes):
    labels = skewed(*sizes)
    with pytest.warns(
        LookalikeWarning, match=rf"0\.2: no two classes .* half of the {len(labels)} images.*a tenth"
    ) as said:
        fit, held = split(labels, 0.2, 0)
    assert len(said) == 1
    assert [part.tolist() for part in (fit, held)] == [part.tolist() for part in split(labels, 0, 0)]


@pytest.mark.parametrize("wanted", [0.2, 0.0, ("a", "b")])
def test_one_class_is_said_to_be_one_class(wanted):
    with pytest.raises(LookalikeError, match=r"have 1 class \('a'\): a training needs two or more") as said:
        split(np.array(["a"] * 30, dtype=object), wanted, 0)
    assert "validation_classes" not in str(said.value)


def test_zero_keeps_a_tenth_of_every_class_and_loses_none():
    fit, held = split(LABELS, 0, 0)
    names, counts = np.unique(LABELS[held], return_counts=True)
    assert dict(zip(names, counts, strict=True)) == {f"c{i}": 10 for i in range(7)}
    assert set(LABELS[fit]) == set(LABELS) and not set(fit) & set(held)


def test_names_are_kept_out_and_unknown_ones_refused():
    _, held = split(LABELS, ("c1", "rare"), 0)
    assert set(LABELS[held]) == {"c1", "rare"} and len(held) == 103
    with pytest.raises(LookalikeError, match="'c9'"):
        split(LABELS, ("c1", "c9"), 0)


@pytest.mark.parametrize("wanted", [0.9, tuple(f"c{i}" for i in range(7))])
def test_fewer_than_two_classes_to_train_on_are_refused(wanted):
    with pytest.raises(LookalikeError, match="needs two or more"):
        split(LABELS, wanted, 0)


def test_thinning_is_even_and_keeps_small_sets():
    assert np.array_equal(thinned(np.arange(10), 20), np.arange(10))
    kept = thinned(np.arange(1000), 100)
    assert len(set(kept)) == 100 and set(np.diff(kept)) <= {10, 11}
