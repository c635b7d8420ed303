"""The largest cut that accepts at most a share F of unknown images, 95 % sure.

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
from typing import Any, ClassVar

import numpy as np

from ....measures.intervals import clopper_pearson, most_events, needed_trials
from ....store.errors import LookalikeError
from ...deciding.rule import accepts
from .cut import CONFIDENCE, NOTHING, Cut, below, checked_share, rate
from .sample import Sample


@dataclass(frozen=True)
class FalseAcceptRate:
    """`--fpr F`: at most F of unknown images are accepted, 95 % sure. LookalikeError for F outside (0, 1)."""

    target: float
    name: ClassVar[str] = "fpr"
    of: ClassVar[str] = "unknown"

    def __post_init__(self) -> None:
        checked_share(self.name, self.target, 0.01)

    @property
    def vacuous(self) -> float:
        """Accept nothing."""
        return NOTHING

    def needed(self, groups: int = 1) -> int:
        """As many as promise F when none of them is accepted: 299 for 0.01 and one group."""
        return needed_trials(self.target, _confidence(groups))

    def part(self, count: int) -> int:
        """Half of them, or as many as the bound needs."""
        needed = self.needed()
        if count < needed:
            raise LookalikeError(_too_few(self.target, count, needed))
        return max(math.ceil(count / 2), needed)

    def choose(self, sample: Sample, group: np.ndarray | None = None, groups: int = 1) -> Cut:
        """As the top of the file has it, for group (classes,) bool; several are promised at 1 - 0.05/groups each."""
        ordered, confidence = np.sort(sample.distances[sample.near(group)]), _confidence(groups)
        allowed = most_events(len(ordered), self.target, confidence) or 0  # never None: there are enough
        threshold = below(float(ordered[allowed]))
        count = int(np.count_nonzero(accepts(ordered, threshold)))
        bound = clopper_pearson(count, len(ordered), confidence, "upper")[1]
        seen = {"images": len(ordered), "false_accepts": count, "rate": count / len(ordered), "bound": bound}
        return Cut(threshold, seen)

    def measure(self, sample: Sample, accepted: np.ndarray, group: np.ndarray | None = None) -> dict[str, Any] | None:
        """The share of unknown images accepted, with a 95 % interval; accepted (n,) bool."""
        return rate("false_accepts", accepted[~sample.known & sample.near(group)])


def _confidence(groups: int) -> float:
    return 1 - (1 - CONFIDENCE) / groups


def _too_few(fpr: float, count: int, needed: int) -> str:
    message = f"fpr {fpr:g} needs {needed} images of unknown classes; there are {count}, {needed - count} are missing"
    if count:
        possible = math.ceil(clopper_pearson(0, count, CONFIDENCE, "upper")[1] * 1000) / 1000
        message += f" ({count} are enough for fpr {possible:g})" if possible < 1 else ""
    return message
