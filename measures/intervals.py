"""Intervals and tests for rates, from counts of events: exact for a binomial, by simulation for F-beta.

Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika
1934.
"""

import math
from bisect import bisect_left

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SIDES = ("two", "upper", "lower")


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95, side: str = "two") -> tuple[float, float]:
    """(low, high): the exact interval of a binomial rate, which covers it with at least this confidence.

    side: "two" divides the error between the ends; "upper" and "lower" spend it on one end, and the other is 0 or 1.
    Without trials the interval is (0, 1). Raises ValueError for impossible counts, confidence or side.
    """
    _check(successes, trials, confidence, side)
    from scipy.special import betaincinv  # here, since importing SciPy takes longer than most answers

    error = (1 - confidence) / 2 if side == "two" else 1 - confidence
    low, high = 0.0, 1.0
    if side != "upper" and successes > 0:
        low = float(betaincinv(successes, trials - successes + 1, error))
    if side != "lower" and successes < trials:
        high = float(betaincinv(successes + 1, trials - successes, 1 - error))
    return low, high


def mean_interval(total: float, trials: int) -> tuple[float, float]:
    """(low, high): the exact 95 % interval of the mean of `trials` shares in [0, 1] whose sum is `total`.

    Such a mean varies at most as much as a binomial rate with the same mean, so the interval of that rate covers it;
    the ends come from the whole numbers around `total`. Raises ValueError for impossible sums.
    """
    low, high = math.floor(total + 1e-9), math.ceil(total - 1e-9)  # a sum of floats misses a whole number by a little
    return clopper_pearson(low, trials)[0], clopper_pearson(high, trials)[1]


def needed_trials(rate: float, confidence: float = 0.95) -> int:
    """The fewest trials whose one-sided upper bound is <= rate if no event occurs: 299 for 0.01, 2995 for 0.001.

    Raises ValueError for a rate or confidence outside (0, 1).
    """
    _check_share("rate", rate)
    _check_share("confidence", confidence)
    trials = max(1, math.ceil(math.log(1 - confidence) / math.log1p(-rate)))
    # The bound itself decides, not the last bit of the logarithm.
    while most_events(trials, rate, confidence) is None:
        trials += 1
    while trials > 1 and most_events(trials - 1, rate, confidence) is not None:
        trials -= 1
    return trials


def most_events(trials: int, rate: float, confidence: float = 0.95) -> int | None:
    """The largest count of events whose one-sided upper bound is <= rate; None if even zero events exceed it.

    Raises ValueError for negative trials, or a rate or confidence outside (0, 1).
    """
    _check_share("rate", rate)
    _check(0, trials, confidence, "upper")

    def too_many(count: int) -> bool:
        return clopper_pearson(count, trials, confidence, "upper")[1] > rate

    most = bisect_left(range(trials + 1), True, key=too_many) - 1  # the bound grows with the count
    return most if most >= 0 else None


def binomial_tail(events: ArrayLike, trials: ArrayLike, rate: float) -> NDArray[np.float64]:
    """P(Binomial(trials, rate) <= events): the chance of so few events with this rate; any shape, float64.

    It is the p-value of the hypothesis that the rate is `rate` or more; 1 without trials. Raises ValueError for a rate
    outside (0, 1) and impossible counts.
    """
    _check_share("rate", rate)
    few, many = np.broadcast_arrays(np.asarray(events, np.int64), np.asarray(trials, np.int64))
    if ((few < 0) | (few > many)).any():
        raise ValueError("events must be between 0 and the trials")
    from scipy.special import bdtr

    return np.asarray(np.where(few == many, 1.0, bdtr(few, np.maximum(many, 1), rate)))


def f_beta_interval(
    right: int, confused: int, lost: int, false: int, *, beta: float = 1.0, confidence: float = 0.95
) -> tuple[float, float]:
    """(low, high): the credible interval of F-beta for these counts of images.

    right: known and answered right; confused: known and answered wrong; lost: known and answered unknown; false:
    unknown and answered. Their shares get the Dirichlet posterior of Jeffreys' prior, and F-beta the quantiles of
    20,000 draws from it, which are always the same (Goutte and Gaussier, "A probabilistic interpretation of precision,
    recall and F-score", ECIR 2005). The interval always has a width. Raises ValueError for negative counts or
    confidence outside (0, 1).
    """
    _check_share("confidence", confidence)
    counts = np.array([right, confused, lost, false], np.float64)
    if (counts < 0).any():
        raise ValueError(f"counts are {counts.tolist()}: they must not be negative")
    draws = np.random.default_rng(0).standard_gamma(counts + 0.5, (20_000, 4))
    known, answered = draws[:, :3].sum(axis=1), draws[:, [0, 1, 3]].sum(axis=1)
    values = (1 + beta**2) * draws[:, 0] / (beta**2 * known + answered)
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _check(successes: int, trials: int, confidence: float, side: str) -> None:
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials: successes must be between 0 and the trials")
    _check_share("confidence", confidence)
    if side not in _SIDES:
        raise ValueError(f"unknown side {side!r}: use one of {', '.join(_SIDES)}")


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value}: it must be between 0 and 1")
