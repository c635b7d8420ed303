"""Where the gain of a sweep stops: the smallest value whose score the validation images cannot tell from the best.

Two runs are compared by the mean and the standard error of the differences of their average precisions per image. A run
is behind if the mean is more than 1.645 standard errors below zero (one-sided, 95 %). Images of one class are not
independent, and the result of every training is partly luck, so this tends to see a gain where there is none; further
seeds tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .sweep import Run

_ONE_SIDED = 1.645


@dataclass(frozen=True)
class Gain:
    """The effect of one numeric key in a sweep, with the other keys as in the best run.

    stops_at: the smallest value that is not behind the best one. best: the value of the best run. tried: all values,
    ascending. map_at_r, best_map_at_r: the scores of `stops_at` and `best`.
    """

    key: str
    stops_at: float
    best: float
    tried: list[float]
    map_at_r: float
    best_map_at_r: float

    def __str__(self) -> str:
        scores = f"MAP@R {self.map_at_r:.4f}"
        if self.stops_at == self.tried[-1]:
            return f"{self.key}: still improving at {self.stops_at:g}, the largest value tried ({scores})"
        beyond = f"; {self.best:g} has {self.best_map_at_r:.4f}" if self.best != self.stops_at else ""
        return f"{self.key}: no measurable gain beyond {self.stops_at:g} ({scores}{beyond})"


def best_of(runs: Sequence[Run]) -> Run | None:
    """The run with the largest MAP@R, the first of equal ones; None if no run has a score."""
    scored = [run for run in runs if run.map_at_r is not None]
    return max(scored, key=lambda run: run.map_at_r or 0.0, default=None)


def gains(runs: Sequence[Run]) -> list[Gain]:
    """A Gain for each varied key with two or more numbers as values."""
    best = best_of(runs)
    if best is None:
        return []
    gains = (_gain(key, _along(key, best, runs), best) for key in best.settings)
    return [gain for gain in gains if gain is not None]


def _along(key: str, best: Run, runs: Sequence[Run]) -> list[Run]:
    """The scored runs that differ from the best one only in this key, and the best one, by ascending value."""

    def others(run: Run) -> dict[str, Any]:
        return {name: value for name, value in run.settings.items() if name != key}

    along = [run for run in runs if run.map_at_r is not None and others(run) == others(best)]
    if not all(_is_number(run.settings[key]) for run in along):
        return []
    return sorted(along, key=lambda run: run.settings[key])


def _gain(key: str, along: list[Run], best: Run) -> Gain | None:
    if len(along) < 2:
        return None
    enough = next(run for run in along if not behind(run.precisions, best.precisions))
    tried = [run.settings[key] for run in along]
    return Gain(key, enough.settings[key], best.settings[key], tried, enough.map_at_r or 0.0, best.map_at_r or 0.0)


def behind(precisions: np.ndarray, best: np.ndarray) -> bool:
    """Whether average precisions (n,) are below the best (n,) of the same images by more than chance.

    One-sided, 95 %, by the paired differences. NaN is left out, and fewer than two differences count as chance.
    """
    difference = precisions - best
    difference = difference[~np.isnan(difference)]
    if len(difference) < 2:
        return False
    return bool(difference.mean() < -_ONE_SIDED * difference.std(ddof=1) / np.sqrt(len(difference)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
