"""The false-accept rate: its promise, held against every cut there is and against populations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.measures.distances import distance_of
from lookalike.measures.intervals import clopper_pearson, needed_trials
from lookalike.search.calibrating.thresholds.fpr import FalseAcceptRate
from lookalike.search.deciding.rule import accepts, decide
from lookalike.store.errors import LookalikeError

from .samples import joined, known, unknown

DRAWS = 1000


def choose_cut(distances, fpr):
    return FalseAcceptRate(fpr).choose(unknown(distances))


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
    assert got.chosen_on["false_accepts"] == (distances <= (kept[-1] if kept else -1)).sum()
    assert got.chosen_on["bound"] == pytest.approx(bound(got.chosen_on["false_accepts"]))
    assert got.chosen_on["bound"] <= 0.05
    assert got.chosen_on["rate"] == got.chosen_on["false_accepts"] / size and got.chosen_on["images"] == size
    above = distances[distances > got.threshold].min()
    assert 0 < above - got.threshold < 4e-5  # no larger cut would do


def test_a_cut_is_a_float32_that_decide_takes_as_it_is():
    rng = np.random.default_rng(2)
    scores = rng.uniform(-1, 1, 500).astype(np.float32)
    cut = choose_cut(distance_of(scores), 0.05)
    assert cut.threshold == float(np.float32(cut.threshold))
    decided = decide(scores[:, None], np.zeros((500, 1), int), cut.threshold)
    assert (decided.code == 0).sum() == cut.chosen_on["false_accepts"] > 10


def test_scores_that_differ_by_rounding_are_accepted_or_refused_together():
    rng = np.random.default_rng(3)
    scores = np.repeat(rng.uniform(0, 1, 100), 3)
    noisy = (scores[:, None] + rng.uniform(-3e-7, 3e-7, (300, 20))).astype(np.float32)
    cut = choose_cut(distance_of(noisy[:, 0]), 0.05)
    taken = accepts(distance_of(noisy).ravel(), cut.threshold).reshape(300, 20)
    assert (taken.all(axis=1) | ~taken.any(axis=1)).all()
    assert taken[:, 0].sum() == cut.chosen_on["false_accepts"] > 0


def test_one_value_is_refused_whole():
    cut = choose_cut(np.full(300, 0.7, dtype=np.float32), 0.01)
    assert (cut.chosen_on["false_accepts"], cut.threshold < 0) == (0, False)
    assert 0.69 < cut.threshold < 0.7
    assert cut.chosen_on["bound"] <= 0.01


def test_unknowns_upon_a_class_leave_no_cut_and_it_says_so():
    distances = np.concatenate([np.zeros(10), np.ones(290)]).astype(np.float32)
    cut = choose_cut(distances, 0.01)
    assert cut.threshold < 0
    assert not accepts(np.float32([0, 1e-4, 1]), cut.threshold).any()
    assert (cut.chosen_on["false_accepts"], cut.chosen_on["rate"]) == (0, 0.0)
    assert choose_cut(distances, 0.2).threshold >= 0


def test_unknowns_without_a_hit_are_never_accepted():
    cut = choose_cut(np.append(np.full(298, np.inf), 0.5).astype(np.float32), 0.05)
    assert (cut.threshold, cut.chosen_on["false_accepts"]) == (pytest.approx(2.0, abs=1e-6), 1)


@pytest.mark.parametrize(
    ("count", "fpr", "missing"), [(0, 0.01, 299), (298, 0.01, 1), (58, 0.05, 1), (300, 0.001, 2695)]
)
def test_too_few_are_refused_and_the_missing_ones_counted(count, fpr, missing):
    with pytest.raises(LookalikeError, match=rf"there are only {count}: add {missing} more") as caught:
        FalseAcceptRate(fpr).part(count)
    assert "\n" not in str(caught.value)
    assert FalseAcceptRate(fpr).part(count + missing) == count + missing


def test_the_rate_that_is_offered_instead_works():
    with pytest.raises(LookalikeError, match=r"120 are enough for fpr 0.025") as caught:
        FalseAcceptRate(0.01).part(120)
    offered = float(str(caught.value).split()[-1].rstrip(")"))
    assert FalseAcceptRate(offered).part(120) <= 120
    assert choose_cut(np.ones(120), offered).chosen_on["bound"] <= offered


@pytest.mark.parametrize("fpr", [0, 1, -0.1, 7, math.nan])
def test_refuses_an_impossible_rate(fpr):
    with pytest.raises(LookalikeError, match="between 0 and 1"):
        choose_cut(np.ones(5000), fpr)


@pytest.mark.parametrize(("count", "choosing"), [(59, 59), (60, 59), (118, 59), (119, 60), (1001, 501)])
def test_half_of_them_choose_or_as_many_as_are_needed(count, choosing):
    assert FalseAcceptRate(0.05).part(count) == choosing >= needed_trials(0.05)


def test_several_groups_share_the_chance_of_error():
    assert FalseAcceptRate(0.01).needed(1) == 299
    assert FalseAcceptRate(0.01).needed(10) == needed_trials(0.01, 0.995) == 528
    cut = FalseAcceptRate(0.01).choose(unknown(np.linspace(0.5, 1, 600)), groups=10)
    count = cut.chosen_on["false_accepts"]
    assert clopper_pearson(count, 600, 0.995, "upper")[1] == cut.chosen_on["bound"] <= 0.01


def test_only_unknown_images_concern_it_and_are_measured():
    sample = joined(unknown([0.1, 0.2, 0.3, 0.4]), known([0.1, 0.9]))
    criterion = FalseAcceptRate(0.3)
    assert sample.of(criterion.of).tolist() == [True] * 4 + [False] * 2
    measured = criterion.measure(sample, accepts(sample.distances, 0.3))
    assert (measured["false_accepts"], measured["images"], measured["rate"]) == (3, 4, 0.75)
    assert (measured["low"], measured["high"]) == clopper_pearson(3, 4)
    assert criterion.measure(sample, np.ones(6, bool), np.array([False, True])) is None
    assert criterion.measure(known([0.1]), np.ones(1, bool)) is None


distances = st.lists(
    st.one_of(st.floats(0, 2, width=32), st.sampled_from([0.0, 1e-4, 0.5, 0.5000001, 1.0, 1.4142135, 2.0, math.inf])),
    min_size=59,
    max_size=200,
)


@given(distances, st.sampled_from([0.05, 0.1, 0.5]))
def test_no_distances_lead_to_a_cut_beyond_its_bound(values, fpr):
    values = np.array(values, np.float32)
    cut = choose_cut(values, fpr)
    count = int(accepts(values, cut.threshold).sum())
    assert count == cut.chosen_on["false_accepts"]
    assert clopper_pearson(count, len(values), 0.95, "upper")[1] <= fpr
    # Computed again with other rounding, no more are accepted.
    moved = np.sqrt(np.maximum(0, values.astype(np.float64) ** 2 - 1e-6)).astype(np.float32)
    assert accepts(moved, cut.threshold).sum() <= count
