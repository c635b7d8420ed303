"""A cut between distances, and how far rounding may move them.

A score computed in another batch differs in its last bits. Distances whose squares are closer than `ROUNDING` count as
tied: a cut between them would accept an image or not by the company it came in.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....measures.intervals import clopper_pearson
from ....store.errors import LookalikeError

CONFIDENCE = 0.95
ROUNDING = 4e-6
NOTHING = -1.0  # below every distance
EVERYTHING = float(np.float32(math.sqrt(4 + ROUNDING)))  # above every distance


@dataclass(frozen=True)
class Cut:
    """A threshold and what was seen when it was chosen.

    threshold: a float32 value; `decide` accepts distances <= it, so NOTHING (-1) answers everything unknown. chosen_on:
    counts, the rate and its bound, by the names of the criterion. failed: why there is no useful threshold, or None.
    """

    threshold: float
    chosen_on: dict[str, Any]
    failed: str | None = None

    @property
    def accepts_nothing(self) -> bool:
        """Every image will be answered unknown."""
        return self.threshold < 0


def below(distance: float) -> float:
    """The largest cut that a distance, computed again with other rounding, stays above; NOTHING where there is none."""
    if not math.isfinite(distance):
        return 2.0
    squared = min(distance, 2.0) ** 2 - ROUNDING
    return float(np.float32(math.sqrt(squared))) if squared >= 0 else NOTHING


def above(distance: float) -> float:
    """The smallest cut that accepts a finite distance also when it is computed again with other rounding."""
    return float(np.float32(math.sqrt(distance**2 + ROUNDING)))


def gaps(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All the ways to cut `distances` (n,) float32 in rising order, inf last, but for accepting nothing.

    Returns (accepted (g,) int64, cuts (g,) float32): each cut lies in the middle of a gap wider than rounding and
    accepts the first so many distances; the last one accepts every finite distance.
    """
    finite = distances[np.isfinite(distances)].astype(np.float64)
    if not len(finite):
        return np.empty(0, np.int64), np.empty(0, np.float32)
    last = np.flatnonzero(np.diff(finite**2) > ROUNDING)
    cuts = np.append((finite[last] + finite[last + 1]) / 2, above(float(finite[-1])))
    return np.append(last + 1, len(finite)), cuts.astype(np.float32)


def checked_share(name: str, value: float, example: float) -> None:
    """LookalikeError for a target that is not a share between 0 and 1."""
    if not 0 < value < 1:
        raise LookalikeError(f"{name} {value} cannot be aimed at: give one between 0 and 1, for example {example:g}")


def rate(name: str, events: np.ndarray) -> dict[str, Any] | None:
    """The share of true values among `events` (n,) bool with its 95 % Clopper-Pearson interval; None without one."""
    if not len(events):
        return None
    count, trials = int(np.count_nonzero(events)), len(events)
    low, high = clopper_pearson(count, trials, CONFIDENCE)
    return {"images": trials, name: count, "rate": count / trials, "low": low, "high": high}
