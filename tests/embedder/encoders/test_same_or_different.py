"""The threshold that training stores: chosen where both errors meet, measured on other images, with wide intervals."""

import numpy as np
import pytest

from lookalike.embedder.encoders.same_or_different import _measured, choose_threshold, equal_error_distance


def unit(matrix):
    return (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)


def cloud(n, classes, spread, seed=0, d=6):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, classes, n)
    return unit(np.eye(classes, d)[codes] + spread * rng.normal(size=(n, d))), codes


def loop(vectors, codes, threshold):
    """(wrong different pairs, different pairs, wrong same pairs, same pairs), pair by pair."""
    counts = [0, 0, 0, 0]
    for i in range(len(codes)):
        for j in range(i):
            near = np.linalg.norm(vectors[i].astype(float) - vectors[j]) <= threshold
            kind = 2 if codes[i] == codes[j] else 0
            counts[kind + 1] += 1
            counts[kind] += near != (kind == 2)
    return counts


@pytest.mark.parametrize("seed", range(4))
def test_no_other_threshold_makes_the_larger_error_smaller(seed):
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(size=300), 1).astype(np.float32) / 4
    same = scores + rng.normal(size=300) > 0.2
    cut = equal_error_distance(scores, same)

    def worse(limit):
        near = np.sqrt(2 - 2 * scores.astype(np.float64)) <= limit
        return max(near[~same].mean(), (~near[same]).mean())

    every = np.sqrt(2 - 2 * np.unique(scores).astype(np.float64)) + 1e-6
    assert worse(cut) == pytest.approx(min(map(worse, every)))


def test_the_errors_are_those_of_the_pairs_that_did_not_choose():
    vectors, codes = cloud(60, 3, 0.5)
    chosen = choose_threshold(vectors, codes, trained=False, seed=4)
    assert chosen.apart and not chosen.trained and chosen.classes == 3
    assert 28 <= chosen.images <= 31
    from lookalike.embedder.encoders.same_or_different import _halves

    first, second = _halves(codes, 4)
    assert sorted([*first, *second]) == list(range(60)) and len(second) == chosen.images
    assert max(abs(np.bincount(codes[first]) - np.bincount(codes[second]))) <= 1
    wrong, different, missed, same = loop(vectors[second], codes[second], chosen.threshold)
    assert (chosen.different_pairs, chosen.same_pairs) == (different, same)
    assert chosen.false_accept_rate == pytest.approx(wrong / different)
    assert chosen.false_reject_rate == pytest.approx(missed / same)
    assert chosen.false_accept_low <= chosen.false_accept_rate <= chosen.false_accept_high
    assert chosen.false_reject_low <= chosen.false_reject_rate <= chosen.false_reject_high
    assert choose_threshold(vectors, codes, trained=False, seed=4) == chosen


def test_the_intervals_cover_the_error_on_all_images():
    """Over 100 draws of 60 images the stored 95 % intervals miss the error rate of fresh pairs in a few at most."""
    fresh, fresh_codes = cloud(1500, 3, 0.6, seed=999)
    upper = np.triu_indices(1500, 1)
    far = np.sqrt(np.maximum(0, 2 - 2 * (fresh @ fresh.T)[upper]))
    same = fresh_codes[upper[0]] == fresh_codes[upper[1]]
    missed = {"accept": 0, "reject": 0}
    for seed in range(100):
        chosen = choose_threshold(*cloud(60, 3, 0.6, seed=seed), trained=False, seed=0)
        accepts, rejects = (far[~same] <= chosen.threshold).mean(), (far[same] > chosen.threshold).mean()
        missed["accept"] += not chosen.false_accept_low <= accepts <= chosen.false_accept_high
        missed["reject"] += not chosen.false_reject_low <= rejects <= chosen.false_reject_high
    assert missed["accept"] <= 5 and missed["reject"] <= 5


@pytest.mark.parametrize("sizes", [[4] * 50, [60] + [2] * 200, [100, 50, 50]])
def test_the_intervals_cover_where_classes_differ_in_size(sizes):
    """A tenth of the images lie with no class, so that 19 of 100 pairs of one class are rejected."""
    codes, missed = np.repeat(np.arange(len(sizes)), sizes), 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        centres = unit(random.normal(size=(len(sizes), 256)))
        strange = random.random(len(codes)) < 0.1
        vectors = unit(np.where(strange[:, None], random.normal(size=(len(codes), 256)), centres[codes]))
        found = _measured(1.0, vectors.astype(np.float32), codes, trained=False, apart=True)
        missed += not found.false_reject_low <= 0.19 <= found.false_reject_high
    assert missed <= 16  # 10 expected at most, and chance


def test_too_few_images_choose_and_measure_and_it_is_recorded():
    vectors, codes = unit(np.eye(3, 4) + 0.1), np.array([0, 0, 1])
    chosen = choose_threshold(vectors, codes, trained=True, seed=0)
    assert not chosen.apart and chosen.trained and chosen.images == 3
    assert (chosen.same_pairs, chosen.different_pairs) == (1, 2)
    assert "optimistic" in str(chosen) and "optimistic" not in str(
        choose_threshold(*cloud(60, 3, 0.5), trained=False, seed=0)
    )


@pytest.mark.parametrize("codes", [[0, 0, 0], [0, 1, 2], [0], []])
def test_without_both_kinds_of_pairs_there_is_no_threshold(codes):
    vectors = unit(np.ones((len(codes), 4)) + np.eye(len(codes), 4))
    assert choose_threshold(vectors, np.array(codes, int), trained=False, seed=0) is None


def test_images_that_cannot_be_told_apart_get_a_threshold_that_says_so():
    chosen = choose_threshold(unit(np.ones((20, 4))), np.arange(20) % 2, trained=False, seed=0)
    assert chosen.false_accept_rate == 1.0 and chosen.false_reject_rate == 0.0
