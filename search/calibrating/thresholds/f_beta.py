"""The cut with the best F-beta; chosen on half of the images, measured on the others. It guarantees nothing.

Precision is the share of accepted answers that are right, recall the share of images of known classes that are answered
right. With R right answers among A accepted ones, and K images of known classes,

    F = (1 + b^2) * precision * recall / (b^2 * precision + recall) = (1 + b^2) * R / (b^2 * K + A)

(van Rijsbergen, "Information retrieval", 1979, chapter 7). b = 1 weighs both alike, a smaller b precision, a larger one
recall. For a group of classes, R and A count the answers with these classes, and K their images: one threshold per
class maximises the mean F of the classes.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ....measures.intervals import f_beta_interval
from ....store.errors import LookalikeError
from .cut import CONFIDENCE, NOTHING, Cut, gaps
from .sample import Sample, member

ENOUGH = 30  # images near a class; with fewer, its threshold would be fitted to chance


@dataclass(frozen=True)
class FBeta:
    """`--f-beta B`: the best F-beta. Raises LookalikeError for a B that is not a number above 0."""

    target: float
    name: ClassVar[str] = "f-beta"
    of: ClassVar[str] = "both"

    def __post_init__(self) -> None:
        if not 0 < self.target < math.inf:
            raise LookalikeError(f"f-beta is {self.target}: it must be a number above 0, such as 1")

    @property
    def vacuous(self) -> float:
        """The threshold that accepts nothing."""
        return NOTHING

    def needed(self, groups: int = 1) -> int:
        """30 for each group."""
        return ENOUGH

    def part(self, count: int, called: str | None = None) -> int:
        """Half of them."""
        if count < 2:
            raise LookalikeError(
                f"f-beta needs 2 labelled images, one to choose and one to measure, but there are {count}"
            )
        return math.ceil(count / 2)

    def choose(self, sample: Sample, group: np.ndarray | None = None, groups: int = 1) -> Cut:
        """The cut with the best F for group (classes,) bool; of equal ones the cut that accepts fewest images."""
        near = sample.take(sample.near(group))
        known = int(np.count_nonzero(sample.known if group is None else member(sample.truth, group)))
        order = np.argsort(near.distances, kind="stable")
        accepted, cuts = gaps(near.distances[order])
        right = np.cumsum(near.right[order])[accepted - 1] if len(cuts) else np.zeros(0)
        if not right.any():
            return Cut(NOTHING, {"images": len(near)}, "no image of a known class is answered right: every F-beta is 0")
        values = f_beta(right, accepted, known, self.target)
        best = int(np.argmax(values))
        counts = {"images": len(near), "known": known, "accepted": int(accepted[best]), "right": int(right[best])}
        return Cut(float(cuts[best]), {**counts, "rate": float(values[best])})

    def measure(self, sample: Sample, accepted: np.ndarray, group: np.ndarray | None = None) -> dict[str, Any] | None:
        """F-beta with a 95 % interval; None if no image is of a known class. accepted: (n,) bool."""
        known = sample.known if group is None else member(sample.truth, group)
        answered = accepted & sample.near(group)
        if not known.any():
            return None
        right, confused = answered & sample.right, answered & known & ~sample.right
        cells = [int(np.count_nonzero(cell)) for cell in (right, confused, known & ~answered, answered & ~known)]
        low, high = f_beta_interval(*cells, beta=self.target, confidence=CONFIDENCE)
        counts = {"known": int(known.sum()), "accepted": int(answered.sum()), "right": cells[0]}
        value = float(f_beta(right.sum(), answered.sum(), counts["known"], self.target))
        return {"images": int((known | sample.near(group)).sum()), **counts, "rate": value, "low": low, "high": high}


def f_beta(right: np.ndarray, accepted: np.ndarray, known: int, beta: float) -> np.ndarray:
    """F-beta of `right` among `accepted` answers (any shape) with `known` known images; 0 if there are none."""
    right, accepted = np.asarray(right, float), np.asarray(accepted, float)
    weight = beta**2
    return (1 + weight) * right / np.maximum(weight * known + accepted, 1e-300)
