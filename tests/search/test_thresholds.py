import math

import numpy as np
import pytest

from lookalike.measures.distance import distance_of
from lookalike.measures.intervals import needed_trials
from lookalike.search.decide import accepts, decide
from lookalike.search.thresholds import (
    choose_cut,
    false_accept_rate,
    false_reject_rate,
    split_unknowns,
)
from lookalike.store.errors import LookalikeError

DRAWS = 1000


def continuous(rng, size):
    return (2 * rng.random(size)).astype(np.float32)


def few_values(rng, size):
    """Nineteen values, the lower ones rare: 0.1, 0.2 ... with chances that grow."""
    return (rng.choice(19, size, p=np.arange(1, 20) / 190) / 10 + 0.1).astype(np.float32)


def rate_of(draw):
    """The exact false-accept rate of a threshold, from the distribution and not from a sample."""
    if draw is continuous:
        return lambda cut: min(max(cut, 0), 2) / 2
    chances, values = np.arange(1, 20) / 190, (np.arange(19) / 10 + 0.1).astype(np.float32)
    return lambda cut: chances[values <= np.float32(cut)].sum()


@pytest.mark.parametrize("draw", [continuous, few_values])
@pytest.mark.parametrize(("fpr", "size"), [(0.05, 59), (0.05, 250), (0.01, 299), (0.01, 1000)])
def test_the_promise_is_kept_in_95_of_100_draws(fpr, size, draw):
    from scipy.stats import binom

    rng = np.random.default_rng(size)
    rates = np.array([rate_of(draw)(choose_cut(draw(rng, size), fpr).threshold) for _ in range(DRAWS)])
    broken = int((rates > fpr).sum())
    assert broken <= binom.ppf(0.999, DRAWS, 0.05)
    if draw is continuous:  # and it is not bought by being timid: the chance is what the exact argument says
        allowed = max(m for m in range(size) if binom.cdf(m, size, fpr) <= 0.05)
        assert broken >= binom.ppf(0.001, DRAWS, binom.cdf(allowed, size, fpr))


@pytest.mark.parametrize("seed", range(20))
def test_equals_trying_every_cut(seed):
    from scipy.stats import beta

    rng = np.random.default_rng(seed)
    size = int(rng.integers(60, 400))
    distances = (0.1 + 1.9 * rng.random(size)).round(int(rng.integers(1, 4))).astype(np.float32)

    def bound(count):
        return 1 - (1 - 0.95) ** (1 / size) if count == 0 else beta.ppf(0.95, count + 1, size - count)

    kept = [cut for cut in np.unique(distances) if bound((distances <= cut).sum()) <= 0.05]
    got = choose_cut(distances, 0.05)
    assert got.false_accepts == (distances <= (kept[-1] if kept else -1)).sum()
    assert got.bound == pytest.approx(bound(got.false_accepts))
    assert got.bound <= got.target == 0.05
    assert got.rate == got.false_accepts / got.unknowns
    above = distances[distances > got.threshold].min()
    assert 0 < above - got.threshold < 4e-5  # no larger cut would do


def test_a_cut_is_a_float32_that_decide_takes_as_it_is():
    rng = np.random.default_rng(2)
    scores = rng.uniform(-1, 1, 500).astype(np.float32)
    cut = choose_cut(distance_of(scores), 0.05)
    assert cut.threshold == float(np.float32(cut.threshold))
    decided = decide(scores[:, None], np.zeros((500, 1), int), cut.threshold)
    assert (decided.code == 0).sum() == cut.false_accepts > 10


def test_scores_that_differ_by_rounding_are_accepted_or_refused_together():
    rng = np.random.default_rng(3)
    scores = np.repeat(rng.uniform(0, 1, 100), 3)
    noisy = (scores[:, None] + rng.uniform(-3e-7, 3e-7, (300, 20))).astype(np.float32)
    cut = choose_cut(distance_of(noisy[:, 0]), 0.05)
    taken = accepts(distance_of(noisy).ravel(), cut.threshold).reshape(300, 20)
    assert (taken.all(axis=1) | ~taken.any(axis=1)).all()
    assert taken[:, 0].sum() == cut.false_accepts > 0


def test_one_value_is_refused_whole():
    cut = choose_cut(np.full(300, 0.7, dtype=np.float32), 0.01)
    assert (cut.false_accepts, cut.accepts_nothing) == (0, False)
    assert 0.69 < cut.threshold < 0.7
    assert cut.bound <= 0.01


def test_unknowns_upon_a_class_leave_no_cut_and_it_says_so():
    distances = np.concatenate([np.zeros(10), np.ones(290)]).astype(np.float32)
    cut = choose_cut(distances, 0.01)
    assert cut.accepts_nothing
    assert not accepts(np.float32([0, 1e-4, 1]), cut.threshold).any()
    assert (cut.false_accepts, cut.rate) == (0, 0.0)
    assert "no threshold keeps fpr 0.01" in str(cut)
    assert "everything is unknown" in str(cut)
    assert not choose_cut(distances, 0.2).accepts_nothing
    assert "10 of 300 unknown images" in str(choose_cut(distances, 0.2))


def test_unknowns_without_a_hit_are_never_accepted():
    cut = choose_cut(np.append(np.full(298, np.inf), 0.5).astype(np.float32), 0.05)
    assert (cut.threshold, cut.false_accepts) == (pytest.approx(2.0, abs=1e-6), 1)


@pytest.mark.parametrize(
    ("count", "fpr", "missing"), [(0, 0.01, 299), (298, 0.01, 1), (58, 0.05, 1), (300, 0.001, 2695)]
)
def test_too_few_are_refused_and_the_missing_ones_counted(count, fpr, missing):
    with pytest.raises(LookalikeError, match=rf"there are {count}, {missing} are missing") as caught:
        choose_cut(np.ones(count, dtype=np.float32), fpr)
    assert "\n" not in str(caught.value)
    with pytest.raises(LookalikeError, match=f"{missing} are missing"):
        split_unknowns(count, fpr)
    choose_cut(np.ones(count + missing, dtype=np.float32), fpr)


def test_the_rate_that_is_offered_instead_works():
    with pytest.raises(LookalikeError, match=r"120 are enough for fpr 0.025") as caught:
        choose_cut(np.ones(120), 0.01)
    offered = float(str(caught.value).split()[-1].rstrip(")"))
    assert choose_cut(np.ones(120), offered).bound <= offered


@pytest.mark.parametrize("fpr", [0, 1, -0.1, 7, math.nan])
def test_refuses_an_impossible_rate(fpr):
    with pytest.raises(LookalikeError, match="between 0 and 1"):
        choose_cut(np.ones(5000), fpr)


def test_refuses_nan_and_tables():
    with pytest.raises(LookalikeError, match="distance 7 is NaN"):
        choose_cut(np.where(np.arange(400) == 7, np.nan, 1.0), 0.05)
    with pytest.raises(LookalikeError, match="one a query"):
        choose_cut(np.ones((400, 1)), 0.05)


@pytest.mark.parametrize(("count", "choosing"), [(59, 59), (60, 59), (118, 59), (119, 60), (1001, 501)])
def test_split_gives_the_choosing_part_what_it_needs(count, choosing):
    chosen, measured = split_unknowns(count, 0.05, seed=4)
    assert len(chosen) == choosing >= needed_trials(0.05)
    assert sorted([*chosen, *measured]) == list(range(count))
    again, other = split_unknowns(count, 0.05, seed=4), split_unknowns(count, 0.05, seed=5)
    np.testing.assert_array_equal(chosen, again[0])
    assert count == choosing or (chosen != other[0]).any()


def test_rates_are_counted_with_their_intervals():
    from scipy.stats import beta

    distances = np.float32([0.1, 0.2, 0.3, 0.4, np.inf])
    taken, lost = false_accept_rate(distances, 0.3), false_reject_rate(distances, 0.3)
    assert (taken.events, taken.trials, taken.rate) == (3, 5, 0.6)
    assert (lost.events, lost.trials, lost.rate) == (2, 5, 0.4)
    assert (lost.low, lost.high) == pytest.approx((beta.ppf(0.025, 2, 4), beta.ppf(0.975, 3, 3)))
    assert false_accept_rate(distances, np.float32([0, 1, 1, 1, 1])).events == 3
    assert false_accept_rate(distances, None).events == 4
    assert false_accept_rate(np.array([]), 0.3) is None
    assert false_reject_rate(np.array([]), 0.3) is None


def test_neither_scipy_nor_sklearn_is_loaded_before_it_is_used():
    import subprocess
    import sys

    code = "import sys, lookalike.search.thresholds, lookalike.search.vote, lookalike.measures.pairs; "
    code += "print([name for name in ('scipy', 'sklearn', 'torch', 'faiss') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
