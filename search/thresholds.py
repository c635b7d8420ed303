"""The mathematics of a threshold that keeps its word: the largest cut whose false accepts are bounded.

Given n distances of unknown images, independent and drawn like those to come, and a target F, let m be the most false
accepts for which the one-sided Clopper-Pearson bound of m in n is <= F (`most_events`). The cut lies below the (m+1)-th
smallest distance D, so that it accepts at most m of them, and its bound is <= F.

Why the bound holds although the cut was chosen on the same data: the false-accept rate FAR(t) = P(distance <= t) only
rises with t. Let q be the smallest t beyond which FAR exceeds F; then FAR(q) >= F, being continuous from the right.
Were the cut to break its promise, it would lie at q or above, hence D > q, hence at most m of the n distances are <= q:
a binomial count with a rate of at least F, which by the choice of m has a chance of at most 5 %. Ties need no care in
this argument, since the cut lies strictly below D. It is the fixed-sequence test of "learn then test" (Angelopoulos,
Bates, Candes, Jordan and Lei 2021, section 3) on rising cuts, and Wilks's one-sided tolerance limit (1941). "Drawn like
those to come" is about images; whether other unknown classes are like these is for the caller to judge.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..measures.intervals import clopper_pearson, most_events, needed_trials
from ..store.errors import LookalikeError
from .decide import Thresholds, accepts

# A score computed in another batch differs in its last bits. Distances closer than this, squared, count as tied: a cut
# between them would accept an image or not by the company it came in.
_ROUNDING = 4e-6
_NOTHING = -1.0  # below every distance


@dataclass(frozen=True)
class Rate:
    """A measured share with its exact two-sided interval."""

    events: int
    trials: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class Cut:
    """A threshold for a false-accept rate, and what was seen when it was chosen."""

    threshold: float  # a float32 value: `decide` accepts distances <= it; below zero it accepts nothing
    false_accepts: int  # among the unknown images it was chosen on
    unknowns: int
    bound: float  # one-sided upper bound of the false-accept rate, <= target
    target: float
    rate: float  # false_accepts / unknowns

    @property
    def accepts_nothing(self) -> bool:
        """No cut keeps the bound, because unknown images lie upon a class: every image will be answered unknown."""
        return self.threshold < 0

    def __str__(self) -> str:
        seen = f"{self.false_accepts} of {self.unknowns} unknown images accepted, the rate is at most {self.bound:.3g}"
        if self.accepts_nothing:
            return f"no threshold keeps fpr {self.target:g}: unknown images lie upon a class; everything is unknown"
        return f"threshold {self.threshold:.4f}: {seen}"


def choose_cut(distances: np.ndarray, fpr: float, confidence: float = 0.95) -> Cut:
    """The largest threshold whose false-accept rate is <= fpr with this confidence.

    distances: (n,) of unknown images to their nearest class; inf where nothing was found, which no cut accepts.
    LookalikeError for an fpr outside (0, 1), for too few distances (it says how many are missing), and for NaN.
    """
    ordered = np.sort(_distances(distances))
    refuse_too_few(len(ordered), fpr, confidence)
    allowed = most_events(len(ordered), fpr, confidence) or 0  # never None: enough to promise fpr with no accept at all
    threshold = _below(float(ordered[allowed]))
    count = int(np.count_nonzero(accepts(ordered, threshold)))
    bound = clopper_pearson(count, len(ordered), confidence, "upper")[1]
    return Cut(threshold, count, len(ordered), bound, fpr, count / len(ordered))


def split_unknowns(count: int, fpr: float, seed: int = 0, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """(choosing, measuring): which of `count` unknown images choose the cut, which measure it; rising int64 indices.

    Half of them choose, or as many as the bound needs; the others measure, possibly none. The same seed gives the same
    parts. LookalikeError as `choose_cut`.
    """
    refuse_too_few(count, fpr, confidence)
    choosing = max(math.ceil(count / 2), needed_trials(fpr, confidence))
    shuffled = np.random.default_rng(seed).permutation(count)
    return np.sort(shuffled[:choosing]), np.sort(shuffled[choosing:])


def refuse_too_few(count: int, fpr: float, confidence: float = 0.95) -> None:
    """Raise LookalikeError where `count` unknown images cannot promise this fpr, whatever their distances."""
    if not 0 < fpr < 1:
        raise LookalikeError(f"fpr {fpr} is not a rate to aim at: give one between 0 and 1, for example 0.01")
    needed = needed_trials(fpr, confidence)
    if count >= needed:
        return
    message = f"fpr {fpr:g} needs {needed} images of unknown classes; there are {count}, {needed - count} are missing"
    if count:
        possible = math.ceil(clopper_pearson(0, count, confidence, "upper")[1] * 1000) / 1000
        message += f" ({count} are enough for fpr {possible:g})" if possible < 1 else ""
    raise LookalikeError(message)


def false_accept_rate(unknown: np.ndarray, thresholds: Thresholds) -> Rate | None:
    """How many unknown images a threshold accepts; None without one.

    unknown: (n,) distances to the nearest class. thresholds: a number or (n,), None accepts all that found a class.
    """
    return _rate(accepts(_distances(unknown), thresholds))


def false_reject_rate(known: np.ndarray, thresholds: Thresholds) -> Rate | None:
    """How many images of known classes a threshold refuses; None without one. The arguments of `false_accept_rate`."""
    return _rate(~accepts(_distances(known), thresholds))


def _rate(events: np.ndarray) -> Rate | None:
    count, trials = int(np.count_nonzero(events)), len(events)
    if not trials:
        return None
    return Rate(count, trials, count / trials, *clopper_pearson(count, trials))


def _below(distance: float) -> float:
    """The largest cut that a distance, computed again with other rounding, stays above; at most 2."""
    squared = min(distance, 2.0) ** 2 - _ROUNDING if math.isfinite(distance) else 4.0
    return float(np.float32(math.sqrt(squared))) if squared >= 0 else _NOTHING


def _distances(distances: np.ndarray) -> np.ndarray:
    distances = np.asarray(distances, dtype=np.float32)
    if distances.ndim != 1:
        raise LookalikeError(f"distances have shape {distances.shape}: give one a query")
    if np.isnan(distances).any():
        raise LookalikeError(
            f"distance {int(np.argmax(np.isnan(distances)))} is NaN: no threshold can be held against it"
        )
    return distances
