"""The largest tested cut at which at least a share P of the accepted answers is right, with 95 % confidence.

Precision is P(right | accepted) over images to come, known and unknown ones mixed as in the source. It is not monotone
in the cut, so the argument of `fpr` does not hold, and choosing the best of many cuts by the data that measure them
would claim too much. It is chosen by split fixed-sequence testing ("learn then test", Angelopoulos, Bates, Candes,
Jordan and Lei 2021): a third of the images propose an order of cuts, the others test them in that order until one
fails, and the last that passed is the threshold.

The proposal looks for the cut whose precision is most certain. That cut lies just before the next wrong answers of
the few images that propose. So the order begins with a smaller one, which accepts the share `FIRST` of what that one
accepts (but enough to pass at all), and goes on to larger ones, at most `STEPS` in all.
The test of a cut t: let A be how many test images it accepts and W how many of these answers are wrong; t passes where
P(Binomial(A, 1 - P) <= W) <= a, with a = 0.05.

Why the bound holds: the proposal knows nothing of the test images, so for them the cuts and their order are fixed. The
test images are independent and drawn like those to come; given that t accepts A of them, each of these is wrong with
probability w = 1 - precision(t), independently, so W is Binomial(A, w). If the bound fails for t, then w > 1 - P, and t
passes with a probability of at most a, whatever A is. Let b be the first cut in the order for which the bound fails: it
holds for all cuts before b, and to return b or a later one, b must pass, which has a probability of at most a. Ties
need no special care, because a cut is a number that is fixed before. For G groups of classes a is 0.05/G, so that all
bounds hold together.

The 5 % refer to all calibrations, including those that end without a threshold. If a precision is hardly reachable,
most end that way, and the bound fails for more than 5 % of the few thresholds that remain: luck is what lets a cut
pass.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ....measures.intervals import binomial_tail, clopper_pearson, most_events, needed_trials
from ....store.checks import share
from ....store.errors import LookalikeError
from ...deciding.rule import accepts
from .cut import CONFIDENCE, EVERYTHING, NOTHING, Cut, gaps, rate
from .sample import Sample

FIRST, STEPS = 0.7, 50
_ERROR = 1 - CONFIDENCE
_MOST = 10_000_000  # images: nobody can be asked for more


@dataclass(frozen=True)
class Precision:
    """`--precision P`: at least a share P of the accepted answers is right, with 95 % confidence.

    Raises LookalikeError for P outside (0, 1).
    """

    target: float
    name: ClassVar[str] = "precision"
    of: ClassVar[str] = "both"

    def __post_init__(self) -> None:
        share(self.name, self.target, open_=True)

    @property
    def vacuous(self) -> float:
        """The threshold that accepts nothing."""
        return NOTHING

    def needed(self, groups: int = 1) -> int:
        """As many as prove P if all of them are accepted and right; two thirds of them test."""
        tests = needed_trials(1 - self.target, 1 - _ERROR / groups)
        return math.floor(1.5 * (tests - 1)) + 1

    def part(self, count: int, called: str | None = None) -> int:
        """Three quarters of them (one proposes, two test), or as many as the bound needs."""
        needed = self.needed()
        if count < needed:
            raise LookalikeError(
                f"precision {self.target:g} needs {needed} labelled images even if all are accepted and right, but "
                f"there are only {count}: add {needed - count} more"
            )
        return max(math.ceil(3 * count / 4), needed)

    def choose(self, sample: Sample, group: np.ndarray | None = None, groups: int = 1) -> Cut:
        """The last cut that passes; group (classes,) bool. If none does, `failed` says what would be needed."""
        images = sample.take(sample.near(group))
        testing, passed = images.take(slice(len(images) // 3, None)), None
        for cut in proposed(images.take(slice(len(images) // 3)), self.target):
            accepted = accepts(testing.distances, cut)
            wrong = int(np.count_nonzero(accepted & ~testing.right))
            if binomial_tail(wrong, int(accepted.sum()), 1 - self.target) > _ERROR / groups:
                break
            passed = float(cut), int(accepted.sum()), wrong
        if passed is None:
            return Cut(NOTHING, {"images": len(testing)}, _why_not(images, self.target, groups))
        threshold, count, wrong = passed
        bound = 1 - clopper_pearson(wrong, count, 1 - _ERROR / groups, "upper")[1]
        counts = {"images": len(testing), "accepted": count, "right": count - wrong}
        return Cut(threshold, {**counts, "rate": 1 - wrong / count, "bound": bound})

    def measure(self, sample: Sample, accepted: np.ndarray, group: np.ndarray | None = None) -> dict[str, Any] | None:
        """The share of accepted answers that are right, with a 95 % interval; accepted (n,) bool."""
        answered = accepted & sample.near(group)
        return rate("right", sample.right[answered])


def proposed(sample: Sample, precision: float) -> np.ndarray:
    """The cuts to test, in order, (s,) float32: one below the cut of most certain precision, then larger ones."""
    order = np.argsort(sample.distances, kind="stable")
    accepted, cuts = gaps(sample.distances[order])
    if not len(cuts):
        return cuts
    cuts[-1] = EVERYTHING  # the farthest image of the few that propose is not the farthest of all
    wrong = np.cumsum(~sample.right[order])[accepted - 1]
    surest = accepted[int(np.argmin(binomial_tail(wrong, accepted, 1 - precision)))]
    # Twice as many images test; a little more than they need leaves room for chance.
    least = 0.6 * needed_trials(1 - precision, CONFIDENCE)
    first = int(np.searchsorted(accepted, min(surest, max(FIRST * surest, least))))
    steps = np.unique(np.linspace(first, len(cuts) - 1, STEPS).round().astype(int))
    return cuts[steps]


def _why_not(images: Sample, precision: float, groups: int) -> str:
    """One line: why no cut passed, and about how many images of this kind would be needed."""
    order = np.argsort(images.distances, kind="stable")
    accepted = gaps(images.distances[order])[0]
    if not len(accepted):
        return f"precision {precision:g} cannot be reached: none of {len(images)} images is near a class"
    shares = 1 - np.cumsum(~images.right[order])[accepted - 1] / accepted
    # The share among fewer images than the bound needs is chance.
    enough = accepted >= min(needed_trials(1 - precision, 1 - _ERROR / groups), int(accepted[-1]))
    best = int(np.argmax(np.where(enough, shares, -1)))
    problem = (
        f"precision {precision:g} cannot be reached: at the best cut {shares[best]:.1%} of {accepted[best]} answers "
        "are right"
    )
    wrong = int(accepted[best]) - round(float(shares[best]) * int(accepted[best]))
    if wrong >= (1 - Fraction(str(precision))) * int(accepted[best]):  # exactly: 1 - 43 / 100 is above 0.57 as a float
        return f"{problem}, which more images will not change: train a better model or lower the precision"
    count = _images_for(1 - shares[best], accepted[best] / len(images), precision, groups)
    if count > _MOST:
        return f"{problem}, which is so near that {_MOST:,} images could not prove it: lower the precision"
    return f"{problem}: give about {max(count, 2 * len(images))} labelled images, or lower the precision"


def _images_for(wrong: float, accepted: float, precision: float, groups: int) -> int:
    """About how many labelled images, half of which test, prove a precision at these shares of wrong and accepted."""
    confidence, tests = 1 - _ERROR / groups, needed_trials(1 - precision, 1 - _ERROR / groups)
    while tests <= _MOST and (most_events(tests, 1 - precision, confidence) or 0) < wrong * tests:
        tests = math.ceil(tests * 1.05)
    return math.ceil(2 * tests / (FIRST * accepted))
