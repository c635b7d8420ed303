"""Split conformal thresholds: at most a share A of known images refused on average, or of unknown images accepted.

Vovk, Gammerman and Shafer, "Algorithmic learning in a random world", 2005; Lei, G'Sell, Rinaldo, Tibshirani and
Wasserman, "Distribution-free predictive inference for regression", 2018, section 2.

Given the distances of n known images and one more image drawn like them, all n + 1 are exchangeable. Let m be the
integer part of (n + 1) A. Known: the cut accepts the k-th smallest of the n, k = n + 1 - m = ceil((n + 1)(1 - A)). The
new one is refused only if it is larger than k of the others, so only if it is among the m largest of n + 1, which has a
probability of at most m / (n + 1) <= A; equal distances only lower it. Unknown: the cut lies below the m-th smallest of
the n. The new one is accepted only if it is smaller than n - m + 1 of the others, so only if it is among the m smallest
of n + 1. Both need m >= 1, so n >= 1/A - 1. The probability is over the images that choose as well as the new one: for
a given threshold the share may be larger or smaller than A. With a threshold per class it is that of the images near
the class (Mondrian conformal prediction: Vovk, "Conditional validity of inductive conformal predictors", 2013).
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ....store.checks import choice, share
from ....store.errors import LookalikeError
from ...deciding.rule import accepts
from .cut import EVERYTHING, NOTHING, Cut, above, below, rate
from .sample import Sample

OF = ("known", "unknown")


@dataclass(frozen=True)
class Conformal:
    """`--conformal A`: on average at most A `of` known images are refused, or of unknown images accepted.

    Raises LookalikeError for A outside (0, 1) or another `of`.
    """

    target: float
    of: str = "known"
    name: ClassVar[str] = "conformal"

    def __post_init__(self) -> None:
        share(self.name, self.target, open_=True)
        choice("of", self.of, OF)

    @property
    def vacuous(self) -> float:
        """The threshold that refuses no known image, or accepts no unknown one."""
        return EVERYTHING if self.of == "known" else NOTHING

    def needed(self, groups: int = 1) -> int:
        """1/A - 1, rounded up; each group has its own average, so their number does not matter."""
        return max(1, math.ceil(1 / self._share) - 1)

    def part(self, count: int, called: str | None = None) -> int:
        """Half of them, or as many as the bound needs."""
        needed = self.needed()
        if count < needed:
            raise LookalikeError(
                f"conformal {self.target:g} needs {needed} images of {self.of} classes, but there are only {count}: "
                f"add {needed - count} more"
            )
        return max(math.ceil(count / 2), needed)

    def choose(self, sample: Sample, group: np.ndarray | None = None, groups: int = 1) -> Cut:
        """The threshold as described at the top of the file; group (classes,) bool."""
        ordered = np.sort(sample.distances[sample.near(group)])
        rank = math.floor((len(ordered) + 1) * self._share)
        if self.of == "known":
            return self._known(ordered, rank)
        threshold = below(float(ordered[rank - 1]))
        return Cut(threshold, self._counts(accepts(ordered, threshold), rank))

    def _known(self, ordered: np.ndarray, rank: int) -> Cut:
        farthest = float(ordered[len(ordered) - rank])
        if math.isinf(farthest):
            near = int(np.isfinite(ordered).sum())
            failed = (
                f"conformal {self.target:g} cannot be reached: only {near} of {len(ordered)} images are near a class"
            )
            return Cut(EVERYTHING, {"images": len(ordered)}, failed)
        threshold = above(farthest)
        return Cut(threshold, self._counts(~accepts(ordered, threshold), rank))

    def _counts(self, events: np.ndarray, rank: int) -> dict[str, Any]:
        count = int(np.count_nonzero(events))
        mean = rank / (len(events) + 1)
        return {"images": len(events), self._event: count, "rate": count / len(events), "bound": mean}

    def measure(self, sample: Sample, accepted: np.ndarray, group: np.ndarray | None = None) -> dict[str, Any] | None:
        """The share of known images refused, or of unknown accepted, with a 95 % interval; accepted (n,) bool."""
        concerned = sample.of(self.of) & sample.near(group)
        return rate(self._event, accepted[concerned] != (self.of == "known"))

    @property
    def _event(self) -> str:
        return "false_rejects" if self.of == "known" else "false_accepts"

    @property
    def _share(self) -> Fraction:
        """The target as it was written: 0.29 is 29/100, so that rounding never requires one more image."""
        return Fraction(str(float(self.target)))
