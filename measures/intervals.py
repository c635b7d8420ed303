"""Exact binomial intervals: what a count of events says about their rate.

Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika
1934.
"""

import math

_SIDES = ("two", "upper", "lower")


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95, side: str = "two") -> tuple[float, float]:
    """(low, high): the exact interval of a binomial rate, which covers it with at least this confidence.

    side: "two" shares the error between the ends; "upper" and "lower" spend it on one end, the other being 1 or 0.
    No trials tell nothing: (0, 1). ValueError for impossible counts, confidence or side.
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


def needed_trials(rate: float, confidence: float = 0.95) -> int:
    """The fewest trials whose one-sided upper bound is <= rate when no event is seen: 299 for 0.01, 2995 for 0.001.

    ValueError for a rate or confidence outside (0, 1).
    """
    _check_share("rate", rate)
    _check_share("confidence", confidence)
    trials = max(1, math.ceil(math.log(1 - confidence) / math.log1p(-rate)))
    # The bound itself decides, not the logarithm's last bit: who asks for needed_trials must find its bound kept.
    while most_events(trials, rate, confidence) is None:
        trials += 1
    while trials > 1 and most_events(trials - 1, rate, confidence) is not None:
        trials -= 1
    return trials


def most_events(trials: int, rate: float, confidence: float = 0.95) -> int | None:
    """The largest count of events whose one-sided upper bound is <= rate; None where even no event is too many.

    ValueError for negative trials, or a rate or confidence outside (0, 1).
    """
    _check_share("rate", rate)
    few, many = -1, trials  # the bound grows with the count: bisect
    if clopper_pearson(trials, trials, confidence, "upper")[1] <= rate:
        return trials
    while many - few > 1:
        middle = (few + many) // 2
        if clopper_pearson(middle, trials, confidence, "upper")[1] <= rate:
            few = middle
        else:
            many = middle
    return few if few >= 0 else None


def _check(successes: int, trials: int, confidence: float, side: str) -> None:
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials: successes lie between 0 and the trials")
    _check_share("confidence", confidence)
    if side not in _SIDES:
        raise ValueError(f"side {side!r} is not known: one of {', '.join(_SIDES)}")


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} {value} must lie between 0 and 1, both excluded")
