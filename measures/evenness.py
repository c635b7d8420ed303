"""The distances between rows spread evenly over all directions: the reference for density."""

import math

from scipy.special import betaincinv


def even_distance(n: int, d: int, k: int) -> float:
    """The distance, in [0, 2], within which a unit row has k - 1 of n rows spread evenly over d dimensions.

    A cap of the sphere with the angle t has the share I(sin(t)^2; (d - 1) / 2, 1 / 2) / 2 of its area (Li, "Concise
    formulas for the area and volume of a hyperspherical cap", 2011). At most half of the sphere is considered, a
    distance of sqrt(2).
    """
    if d < 2:
        return math.sqrt(2)
    share = min(0.5, (k - 1) / max(1, n - 1))
    squared_sine = float(betaincinv((d - 1) / 2, 0.5, 2 * share))
    return math.sqrt(max(0.0, 2 - 2 * math.sqrt(max(0.0, 1 - squared_sine))))
