"""The largest cut that accepts at most a share F of unknown images, with 95 % confidence.

Given n distances of unknown images, independent and drawn like those to come, and a target F, let m be the most false
accepts for which the one-sided Clopper-Pearson bound of m in n is <= F (`most_events`). The cut lies below the (m+1)-th
smallest distance D, so that it accepts at most m of them, and its bound is <= F.

Why the bound holds although the cut was chosen on the same data: the false-accept rate FAR(t) = P(distance <= t) only
rises with t. Let q be the smallest t beyond which FAR exceeds F; then FAR(q) >= F, being continuous from the right.
If the bound fails, the cut lies at q or above, hence D > q, hence at most m of the n distances are <= q: a binomial
count with a rate of at least F, which by the choice of m has a probability of at most 5 %. Ties need no special care,
because the cut lies strictly below D. It is the fixed-sequence test of "learn then test" (Angelopoulos,
Bates, Candes, Jordan and Lei 2021, section 3) on rising cuts, and Wilks's one-sided tolerance limit (1941). "Drawn like
those to come" is about images; whether other unknown classes are like these is for the user to judge.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ....measures.intervals import clopper_pearson, most_events, needed_trials
from ....store.checks import share
from ....store.errors import LookalikeError
from ...deciding.rule import accepts
from .cut import CONFIDENCE, NOTHING, Cut, below, rate
from .sample import Sample


@dataclass(frozen=True)
class FalseAcceptRate:
    """`--fpr F`: at most a share F of unknown images is accepted, with 95 % confidence.

    Raises LookalikeError for F outside (0, 1).
    """

    target: float
    name: ClassVar[str] = "fpr"
    of: ClassVar[str] = "unknown"

    def __post_init__(self) -> None:
        share(self.name, self.target, open_=True)

    @property
    def vacuous(self) -> float:
        """The threshold that accepts nothing."""
        return NOTHING

    def needed(self, groups: int = 1) -> int:
        """As many as prove F if none of them is accepted: 299 for 0.01 and one group."""
        return needed_trials(self.target, _confidence(groups))

    def part(self, count: int, called: str | None = None) -> int:
        """Half of them, or as many as the bound needs."""
        needed = self.needed()
        if count < needed:
            raise LookalikeError(_too_few(self.target, count, needed, called or "images of unknown classes"))
        return max(math.ceil(count / 2), needed)

    def choose(self, sample: Sample, group: np.ndarray | None = None, groups: int = 1) -> Cut:
        """The cut described above, for group (classes,) bool; each of several groups has confidence 1 - 0.05/groups."""
        ordered, confidence = np.sort(sample.distances[sample.near(group)]), _confidence(groups)
        allowed = most_events(len(ordered), self.target, confidence) or 0  # never None: there are enough
        threshold = below(float(ordered[allowed]))
        count = int(np.count_nonzero(accepts(ordered, threshold)))
        bound = clopper_pearson(count, len(ordered), confidence, "upper")[1]
        counts = {"images": len(ordered), "false_accepts": count, "rate": count / len(ordered), "bound": bound}
        return Cut(threshold, counts)

    def measure(self, sample: Sample, accepted: np.ndarray, group: np.ndarray | None = None) -> dict[str, Any] | None:
        """The share of unknown images accepted, with a 95 % interval; accepted (n,) bool."""
        return rate("false_accepts", accepted[~sample.known & sample.near(group)])


def _confidence(groups: int) -> float:
    return 1 - (1 - CONFIDENCE) / groups


def _too_few(fpr: float, count: int, needed: int, called: str) -> str:
    message = f"fpr {fpr:g} needs {needed} {called}, but there are only {count}: add {needed - count} more"
    if count:
        possible = math.ceil(clopper_pearson(0, count, CONFIDENCE, "upper")[1] * 1000) / 1000
        message += f" ({count} are enough for fpr {possible:g})" if possible < 1 else ""
    return message
