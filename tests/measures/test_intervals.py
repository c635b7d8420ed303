import math

import numpy as np
import pytest

from lookalike.measures.intervals import (
    binomial_tail,
    clopper_pearson,
    f_beta_interval,
    mean_interval,
    most_events,
    needed_trials,
)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
@pytest.mark.parametrize(
    ("successes", "trials"), [(0, 1), (1, 1), (0, 300), (3, 300), (150, 300), (300, 300), (7, 50_000)]
)
def test_equals_the_beta_quantiles(successes, trials, confidence):
    from scipy.stats import beta

    def quantiles(error):
        low = beta.ppf(error, successes, trials - successes + 1) if successes else 0.0
        high = beta.ppf(1 - error, successes + 1, trials - successes) if successes < trials else 1.0
        return low, high

    two, one = quantiles((1 - confidence) / 2), quantiles(1 - confidence)
    assert clopper_pearson(successes, trials, confidence) == pytest.approx(two, rel=1e-9)
    assert clopper_pearson(successes, trials, confidence, "upper") == pytest.approx((0.0, one[1]), rel=1e-9)
    assert clopper_pearson(successes, trials, confidence, "lower") == pytest.approx((one[0], 1.0), rel=1e-9)


@pytest.mark.parametrize("rate", [0.003, 0.2, 0.5])
def test_covers_the_rate_as_often_as_promised(rate):
    from scipy.stats import binom

    covered = {"two": 0.0, "upper": 0.0, "lower": 0.0}
    for count in range(61):  # every outcome with its chance: no sampling
        for side in covered:
            low, high = clopper_pearson(count, 60, 0.9, side)
            covered[side] += binom.pmf(count, 60, rate) * (low <= rate <= high)
    assert min(covered.values()) >= 0.9


def test_no_trials_tell_nothing():
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert clopper_pearson(0, 0, side="upper") == (0.0, 1.0)


def test_the_interval_of_a_mean_of_ones_and_noughts_is_the_rate_s():
    for successes in range(11):
        assert mean_interval(successes, 10) == clopper_pearson(successes, 10)
        assert mean_interval(sum([successes / 3] * 3), 10) == clopper_pearson(successes, 10)  # but for the last bit


def test_the_interval_of_a_mean_reaches_from_the_whole_sum_below_to_that_above():
    assert mean_interval(7.5, 10) == (clopper_pearson(7, 10)[0], clopper_pearson(8, 10)[1])
    assert mean_interval(9.9, 10)[1] == 1 and mean_interval(0.1, 10)[0] == 0
    for total in (-1, 10.1):
        with pytest.raises(ValueError, match="in 10 trials"):
            mean_interval(total, 10)


def test_the_interval_of_a_mean_covers_it_as_often_as_promised():
    draws = np.random.default_rng(3).binomial(10, 0.93, (2000, 40)) / 10
    ends = [mean_interval(total, 40) for total in draws.sum(axis=1)]
    assert np.mean([low <= 0.93 <= high for low, high in ends]) >= 0.95


@pytest.mark.parametrize(("rate", "trials"), [(0.05, 59), (0.01, 299), (0.001, 2995)])
def test_needed_trials_are_the_textbook_ones(rate, trials):
    assert needed_trials(rate) == trials


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("rate", [0.9, 0.5, 0.25, 0.05, 0.0123, 1e-6])
def test_needed_trials_are_the_fewest(rate, confidence):
    trials = needed_trials(rate, confidence)
    assert (1 - rate) ** trials <= (1 - confidence) * (1 + 1e-9)
    assert most_events(trials, rate, confidence) is not None
    assert most_events(trials - 1, rate, confidence) is None


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.6])
@pytest.mark.parametrize("trials", [0, 1, 29, 300, 1000])
def test_most_events_equals_a_search_from_below(trials, rate):
    from scipy.stats import binom

    kept = [count for count in range(trials + 1) if count < trials and binom.cdf(count, trials, rate) <= 0.05]
    assert most_events(trials, rate) == (max(kept) if kept else None)


def test_no_events_are_counted_in_a_negative_number_of_trials():
    for trials in (-1, -2):
        with pytest.raises(ValueError, match=f"in {trials} trials"):
            most_events(trials, 0.05)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((-1, 3), "-1 successes"),
        ((4, 3), "4 successes in 3"),
        ((1, 3, 1.0), "confidence is 1.0"),
        ((1, 3, math.nan), "confidence is nan"),
        ((1, 3, 0.95, "left"), "'left'"),
    ],
)
def test_refuses_the_impossible(arguments, said):
    with pytest.raises(ValueError, match=said):
        clopper_pearson(*arguments)


@pytest.mark.parametrize("rate", [0, 1, -0.1, 2, math.nan])
def test_refuses_rates_that_no_count_can_keep(rate):
    with pytest.raises(ValueError, match="rate"):
        needed_trials(rate)


@pytest.mark.parametrize("rate", [0.001, 0.05, 0.5, 0.99])
def test_the_tail_is_the_binomial_s(rate):
    from scipy.stats import binom

    events, trials = np.triu_indices(40)
    np.testing.assert_allclose(binomial_tail(events, trials, rate), binom.cdf(events, trials, rate), rtol=1e-9)
    assert binomial_tail(0, 0, rate) == 1


def test_the_tail_agrees_with_the_upper_bound():
    for trials in (1, 30, 59, 300):
        for count in range(0, trials, max(1, trials // 10)):
            passed = binomial_tail(count, trials, 0.05) <= 0.05
            assert passed == (clopper_pearson(count, trials, 0.95, "upper")[1] <= 0.05)


def test_the_tail_refuses_the_impossible():
    for events, trials, rate in ((-1, 3, 0.5), (4, 3, 0.5), (1, 3, 0.0), (1, 3, 1.0)):
        with pytest.raises(ValueError, match=r"between 0|events lie"):
            binomial_tail(events, trials, rate)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("shares", [(0.85, 0.05, 0.05, 0.05), (0.4, 0.1, 0.3, 0.2), (0.1, 0.2, 0.2, 0.5)])
def test_f_beta_s_interval_covers_as_often_as_promised(shares, beta):
    rng = np.random.default_rng(7)
    right, confused, lost, false = shares
    known, answered = right + confused + lost, right + confused + false
    true = (1 + beta**2) * right / (beta**2 * known + answered)
    covered = 0
    for counts in rng.multinomial(80, shares, 250):
        low, high = f_beta_interval(*counts.tolist(), beta=beta)
        assert 0 < low < high < 1
        covered += low <= true <= high
    assert covered >= 225  # 237 of 250 expected


def test_f_beta_s_interval_narrows_and_is_never_empty():
    few, many = f_beta_interval(9, 0, 1, 0), f_beta_interval(900, 0, 100, 0)
    assert many[1] - many[0] < few[1] - few[0]
    assert many[0] < 2 * 900 / (2 * 900 + 100) < many[1]
    assert f_beta_interval(5, 0, 0, 0)[0] < 0.9 and f_beta_interval(0, 0, 5, 0)[1] > 0.05
    with pytest.raises(ValueError, match="negative"):
        f_beta_interval(-1, 0, 0, 0)
