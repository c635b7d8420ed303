"""The largest cut found at which a share P of the accepted answers is right, 95 % sure.

Precision is P(right | accepted) over images to come, known and unknown ones mixed as in the source. It is not monotone
in the cut, so the argument of `fpr` does not hold, and picking the best of many cuts by the data that measure them
would promise too much. It is chosen by split fixed-sequence testing ("learn then test", Angelopoulos, Bates, Candes,
Jordan and Lei 2021): a third of the images propose an order of cuts, the others test them in that order until one
fails, and the last that passed is the threshold.

The proposal looks for the cut whose precision is most certain. That one lies right before the next wrong answers of
the few images that propose, so it begins with a smaller one, which accepts `FIRST` of what that one accepts (but enough
to pass at all), and goes on to larger ones, at most `STEPS` in all.
The test of a cut t: let A be how many test images it accepts and W how many of these answers are wrong; t passes where
P(Binomial(A, 1 - P) <= W) <= a, with a = 0.05.

Why the bound holds: the proposal knows nothing of the test images, so for them the cuts and their order are fixed. The
test images are independent and drawn like those to come; given that t accepts A of them, each of these is wrong with
the chance w = 1 - precision(t), independently, so W is Binomial(A, w). Where t breaks its word, w > 1 - P, and it
passes with a chance of at most a, whatever A is, hence altogether. Let b be the first cut in the order that breaks its
word: all before it keep theirs, and to return b or one behind it, b must pass, which has a chance of at most a. Ties
need no care, since a cut is a number, fixed before. For G groups of classes a is 0.05/G, so that all keep their word
together.

The 5 % are of all calibrations, those that end without a threshold too. Where a precision is hardly in reach, most end
so, and of the few thresholds that are found more than 5 % are broken: luck is then what lets a cut pass.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ....measures.intervals import binomial_tail, clopper_pearson, most_events, needed_trials
from ....store.errors import LookalikeError
from ...deciding.rule import accepts
from .cut import CONFIDENCE, EVERYTHING, NOTHING, Cut, checked_share, gaps, rate
from .sample import Sample

FIRST, STEPS = 0.7, 50
_ERROR = 1 - CONFIDENCE
_MOST = 10_000_000  # images: more cannot be asked for


@dataclass(frozen=True)
class Precision:
    """`--precision P`: at least P of the accepted answers are right, 95 % sure. LookalikeError for P outside (0, 1)."""

    target: float
    name: ClassVar[str] = "precision"
    of: ClassVar[str] = "both"

    def __post_init__(self) -> None:
        checked_share(self.name, self.target, 0.95)

    @property
    def vacuous(self) -> float:
        """Accept nothing."""
        return NOTHING

    def needed(self, groups: int = 1) -> int:
        """As many as promise P when all of them are accepted and right: two thirds of these test."""
        tests = needed_trials(1 - self.target, 1 - _ERROR / groups)
        return math.floor(1.5 * (tests - 1)) + 1

    def part(self, count: int) -> int:
        """Three quarters of them (one proposes, two test), or as many as the bound needs."""
        needed = self.needed()
        if count < needed:
            raise LookalikeError(
                f"precision {self.target:g} needs {needed} labelled images, if every one is accepted and right; "
                f"there are {count}, {needed - count} are missing"
            )
        return max(math.ceil(3 * count / 4), needed)

    def choose(self, sample: Sample, group: np.ndarray | None = None, groups: int = 1) -> Cut:
        """As the top of the file has it, group (classes,) bool; `failed` says what it takes where no cut passes."""
        images = sample.take(sample.near(group))
        testing, seen = images.take(slice(len(images) // 3, None)), None
        for cut in proposed(images.take(slice(len(images) // 3)), self.target):
            accepted = accepts(testing.distances, cut)
            wrong = int(np.count_nonzero(accepted & ~testing.right))
            if binomial_tail(wrong, int(accepted.sum()), 1 - self.target) > _ERROR / groups:
                break
            seen = float(cut), int(accepted.sum()), wrong
        if seen is None:
            return Cut(NOTHING, {"images": len(testing)}, _why_not(images, self.target, groups))
        threshold, count, wrong = seen
        bound = 1 - clopper_pearson(wrong, count, 1 - _ERROR / groups, "upper")[1]
        counts = {"images": len(testing), "accepted": count, "right": count - wrong}
        return Cut(threshold, {**counts, "rate": 1 - wrong / count, "bound": bound})

    def measure(self, sample: Sample, accepted: np.ndarray, group: np.ndarray | None = None) -> dict[str, Any] | None:
        """The share of accepted answers that are right, with a 95 % interval; accepted (n,) bool."""
        answered = accepted & sample.near(group)
        return rate("right", sample.right[answered])


def proposed(sample: Sample, precision: float) -> np.ndarray:
    """The cuts to test, in order, (s,) float32: one below the most surely precise on `sample`, then larger ones."""
    order = np.argsort(sample.distances, kind="stable")
    accepted, cuts = gaps(sample.distances[order])
    if not len(cuts):
        return cuts
    cuts[-1] = EVERYTHING  # the farthest of the few that propose is not the farthest of all
    wrong = np.cumsum(~sample.right[order])[accepted - 1]
    surest = accepted[int(np.argmin(binomial_tail(wrong, accepted, 1 - precision)))]
    # Twice as many images test, and a little more than they need leaves room for chance.
    least = 0.6 * needed_trials(1 - precision, CONFIDENCE)
    first = int(np.searchsorted(accepted, min(surest, max(FIRST * surest, least))))
    steps = np.unique(np.linspace(first, len(cuts) - 1, STEPS).round().astype(int))
    return cuts[steps]


def _why_not(images: Sample, precision: float, groups: int) -> str:
    """One line: why no cut passed, and about how many images of this kind it would take."""
    order = np.argsort(images.distances, kind="stable")
    accepted = gaps(images.distances[order])[0]
    if not len(accepted):
        return f"precision {precision:g} cannot be promised: none of {len(images)} images comes near a class"
    shares = 1 - np.cumsum(~images.right[order])[accepted - 1] / accepted
    # The share of so few that not even the bound needs them is chance.
    enough = accepted >= min(needed_trials(1 - precision, 1 - _ERROR / groups), int(accepted[-1]))
    best = int(np.argmax(np.where(enough, shares, -1)))
    said = (
        f"precision {precision:g} cannot be promised: at the best cut {shares[best]:.1%} of {accepted[best]} are right"
    )
    wrong = int(accepted[best]) - round(float(shares[best]) * int(accepted[best]))
    if wrong >= (1 - Fraction(str(precision))) * int(accepted[best]):  # exactly: 1 - 43 / 100 is above 0.57 as a float
        return f"{said}, and more images will not change that; a better embedder, or a lower precision, may"
    count = _images_for(1 - shares[best], accepted[best] / len(images), precision, groups)
    if count > _MOST:
        return f"{said}, too near to it to be told apart by {_MOST:,} images; a lower precision may be promised"
    return f"{said}, which would need about {max(count, 2 * len(images))} labelled images"


def _images_for(wrong: float, accepted: float, precision: float, groups: int) -> int:
    """About how many labelled images, half of them testing, prove a precision at these shares of wrong and accepted."""
    confidence, tests = 1 - _ERROR / groups, needed_trials(1 - precision, 1 - _ERROR / groups)
    while tests <= _MOST and (most_events(tests, 1 - precision, confidence) or 0) < wrong * tests:
        tests = math.ceil(tests * 1.05)
    return math.ceil(2 * tests / (FIRST * accepted))
