import tracemalloc

import numpy as np
import pytest

from lookalike.measures.intervals import clopper_pearson
from lookalike.measures.separation import LIMIT, Overlap, least_error, separation


def naive_least(own, others, rate):
    """Try every threshold, also the one below all."""
    cuts = [-np.inf, *own, *others]
    return min(
        max(rate(sum(o <= cut for o in others), len(others)), rate(sum(o > cut for o in own), len(own)))
        for cut in cuts
        if cut < np.inf
    )


def sets():
    """Random, tied, equal, apart, reversed, lopsided, of one each, and with nothing near."""
    rng = np.random.default_rng(0)
    for n, m in ((1, 1), (3, 50), (40, 40), (7, 5)):
        for decimals in (0, 1, 8):
            yield rng.normal(0.8, 0.3, n).round(decimals), rng.normal(1.0, 0.3, m).round(decimals)
    yield np.zeros(10), np.zeros(20)
    yield np.zeros(10), np.ones(20)
    yield np.ones(10), np.zeros(20)
    yield np.array([0.1, np.inf, np.inf]), np.array([0.5, np.inf])
    yield np.array([np.inf]), np.array([np.inf])


@pytest.mark.parametrize(("own", "others"), list(sets()))
def test_least_error_equals_trying_every_threshold(own, others):
    error, low = least_error(own, others, 0.05)
    assert error == pytest.approx(naive_least(own, others, lambda events, trials: events / trials))
    bound = naive_least(own, others, lambda events, trials: clopper_pearson(events, trials, 0.975, "lower")[0])
    assert low == pytest.approx(bound)
    assert 0 <= low <= error


def test_known_least_errors():
    assert least_error(np.array([0.1, 0.2]), np.array([0.8, 0.9]), 0.05)[0] == 0.0
    assert least_error(np.array([0.8, 0.9]), np.array([0.1, 0.2]), 0.05)[0] == 1.0
    assert least_error(np.array([0.1, 0.3]), np.array([0.2, 0.4]), 0.05)[0] == 0.5
    assert least_error(np.zeros(3), np.zeros(5), 0.05)[0] == 1.0  # all or nothing is accepted


@pytest.mark.parametrize("size", [3, 10, 60])
@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_the_lower_bound_is_rarely_above_the_true_least_error(size, shift):
    # Two normal distributions shift apart: the best threshold lies in the middle, with an error of Phi(-shift / 2).
    from scipy.stats import norm

    truth = norm.cdf(-shift / 2)
    rng = np.random.default_rng(size)
    lows = [least_error(rng.normal(0, 1, size), rng.normal(shift, 1, 2 * size), 0.2)[1] for _ in range(300)]
    assert np.mean(np.array(lows) > truth) <= 0.2 + 3 * np.sqrt(0.2 * 0.8 / 300)


def naive(distances, codes, limit):
    """All ordered pairs of classes, one by one; the worse direction of each, worst first."""
    kept = codes >= 0
    distances, codes = distances[kept], codes[kept]
    present = sorted(set(codes.tolist()))
    error = 0.05 / (1 + len(present) * (len(present) - 1))
    others = [
        min(value for code, value in enumerate(row) if code != own) for row, own in zip(distances, codes, strict=True)
    ]
    own = distances[np.arange(len(codes)), codes]
    pairs = [
        Overlap(a, b, *least_error(distances[codes == b, b], distances[codes == a, b], error))
        for a in present
        for b in present
        if a != b
    ]
    order = sorted((p for p in pairs if p.error > limit), key=lambda p: (-p.low, -p.error, p.taken, p.as_class))
    worst = {}
    for pair in order:
        worst.setdefault(frozenset((pair.taken, pair.as_class)), pair)
    return least_error(own, np.array(others), error), list(worst.values())


def overlapping(seed, classes=6, images=20, spread=0.5, same=()):
    """Distances of images to class centres; `same` classes share the centre of the first of them."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, 8))
    centres[list(same)] = centres[list(same)[:1]]
    codes = np.repeat(np.arange(classes), images)
    rows = centres[codes] + spread * rng.normal(size=(len(codes), 8))
    return np.linalg.norm(rows[:, None] - centres, axis=2), codes


@pytest.mark.parametrize("cells", [1, 200, 1 << 22])
@pytest.mark.parametrize("limit", [0.05, LIMIT])
@pytest.mark.parametrize(("spread", "same"), [(0.3, ()), (1.0, ()), (3.0, ()), (0.3, (1, 4)), (0.5, (0, 2, 5))])
def test_equals_looking_at_every_pair(spread, same, limit, cells, monkeypatch):
    monkeypatch.setattr("lookalike.measures.separation._CELLS", cells)  # blocks of one class, of two, of all
    distances, codes = overlapping(1, spread=spread, same=same)
    codes[::13] = -1
    distances[::17, 3] = np.inf
    got = separation(distances, codes, limit)
    pooled, pairs = naive(distances, codes, limit)
    assert (got.error, got.low) == pytest.approx(pooled)
    assert list(got.pairs) == pairs
    assert got.overlapping == (max([pooled[1], *(pair.low for pair in pairs)]) > limit)
    assert got.images == (codes >= 0).sum()


@pytest.mark.parametrize("most", [1, 7])
def test_of_many_pairs_the_same_few_are_looked_at_however_classes_are_cut(most, monkeypatch):
    distances, codes = overlapping(3, classes=9, images=11, spread=3.0)
    monkeypatch.setattr("lookalike.measures.separation._MOST_PAIRS", most)
    found = []
    for cells in (1, 300, 1 << 22):
        monkeypatch.setattr("lookalike.measures.separation._CELLS", cells)
        found.append(separation(distances, codes))
    assert found[0] == found[1] == found[2] and len(found[0].pairs) in range(1, most + 1)


def test_many_classes_need_no_matrix_of_classes(monkeypatch):
    monkeypatch.setattr("lookalike.measures.separation._CELLS", 1 << 16)
    codes = np.arange(2000) % 1500
    distances = np.full((2000, 1500), 1.5, np.float32)
    distances[np.arange(2000), codes] = 0.1
    tracemalloc.start()
    try:
        assert separation(distances, codes).pairs == ()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1500 * 1500 / 2  # half of one matrix of float64


def test_two_names_for_one_class_are_found_among_many_that_are_apart():
    distances, codes = overlapping(2, classes=12, images=40, spread=0.3, same=(3, 8))
    got = separation(distances, codes)
    assert got.overlapping
    assert {got.pairs[0].taken, got.pairs[0].as_class} == {3, 8} and got.pairs[0].error > 0.4
    assert all(pair.low < LIMIT for pair in got.pairs[1:])


def test_many_small_classes_that_all_overlap_are_found_together():
    distances, codes = overlapping(3, classes=60, images=4, spread=4.0)
    got = separation(distances, codes)
    assert got.overlapping and got.low > LIMIT
    assert max(pair.low for pair in got.pairs) < LIMIT  # four images of a class prove nothing by themselves


@pytest.mark.parametrize("images", [1, 2, 3])
def test_chance_in_tiny_classes_warns_of_nothing(images):
    # Well apart: whatever few images do, the warning may be false in one case out of twenty.
    warned = [separation(*overlapping(seed, classes=5, images=images, spread=0.5)).overlapping for seed in range(60)]
    assert np.mean(warned) <= 0.05


def test_collapsed_classes_overlap():
    got = separation(np.zeros((40, 2)), np.arange(40) % 2)
    assert got.overlapping and got.error == 1.0 and len(got.pairs) == 1


@pytest.mark.parametrize(
    ("distances", "codes"),
    [(np.zeros((0, 3)), []), (np.zeros((3, 1)), [0, 0, 0]), (np.zeros((3, 2)), [-1, -1, -1]), (np.zeros((0, 0)), [])],
)
def test_without_images_or_another_class_nothing_is_said(distances, codes):
    got = separation(distances, np.array(codes, int))
    assert (got.error, got.low, got.pairs, got.overlapping) == (None, None, (), False)


def test_one_class_asked_is_held_against_the_others():
    got = separation(np.array([[0.1, 0.9], [0.2, 0.8]]), np.zeros(2, int))
    assert (got.error, got.pairs) == (0.0, ())


@pytest.mark.parametrize(
    ("distances", "codes", "said"),
    [
        (np.zeros((2, 2)), np.zeros(3, int), "give"),
        (np.zeros((2, 2)), np.array([0, 2]), "up to 2: give -1 to 1"),
        (np.zeros((2, 2)), np.array([0.0, 1.0]), "codes float64"),
        (np.array([[np.nan, 0], [0, 0]]), np.array([0, 1]), "NaN"),
    ],
)
def test_refuses_what_cannot_be_judged(distances, codes, said):
    with pytest.raises(ValueError, match=said):
        separation(distances, codes)
