"""A cut between distances, and how far rounding may move them.

A score that is computed in another batch differs in its last bits. Distances whose squares differ by less than
`ROUNDING` count as equal: a cut between them would accept or refuse an image depending on its batch.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....measures.intervals import clopper_pearson

CONFIDENCE = 0.95
ROUNDING = 4e-6
NOTHING = -1.0  # below every distance
EVERYTHING = float(np.float32(math.sqrt(4 + ROUNDING)))  # above every distance


@dataclass(frozen=True)
class Cut:
    """A threshold and what was counted when it was chosen.

    threshold: a float32 value; `decide` accepts distances <= it, so with NOTHING (-1) every answer is unknown.
    chosen_on: counts, the rate and its bound, named as by the criterion. failed: why there is no useful threshold, or
    None.
    """

    threshold: float
    chosen_on: dict[str, Any]
    failed: str | None = None


def below(distance: float) -> float:
    """The largest cut that is below a distance, even with other rounding; NOTHING if there is none."""
    if not math.isfinite(distance):
        return 2.0
    squared = min(distance, 2.0) ** 2 - ROUNDING
    return float(np.float32(math.sqrt(squared))) if squared >= 0 else NOTHING


def above(distance: float) -> float:
    """The smallest cut that accepts a finite distance, even with other rounding."""
    return float(np.float32(math.sqrt(distance**2 + ROUNDING)))


def gaps(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All cuts of `distances` (n,) float32, ascending with inf last, except the one that accepts nothing.

    Returns (accepted (g,) int64, cuts (g,) float32): how many distances each cut accepts, and the cut, which lies in
    the middle of a gap wider than rounding. The last one accepts every finite distance.
    """
    finite = distances[np.isfinite(distances)].astype(np.float64)
    if not len(finite):
        return np.empty(0, np.int64), np.empty(0, np.float32)
    last = np.flatnonzero(np.diff(finite**2) > ROUNDING)
    cuts = np.append((finite[last] + finite[last + 1]) / 2, above(float(finite[-1])))
    return np.append(last + 1, len(finite)), cuts.astype(np.float32)


def rate(name: str, events: np.ndarray) -> dict[str, Any] | None:
    """The share of true values in `events` (n,) bool, with its 95 % Clopper-Pearson interval; None for no events."""
    if not len(events):
        return None
    count, trials = int(np.count_nonzero(events)), len(events)
    low, high = clopper_pearson(count, trials, CONFIDENCE)
    return {"images": trials, name: count, "rate": count / trials, "low": low, "high": high}
