"""The interface of a criterion; `choose` applies it to all images, or to one group of classes at a time."""

from typing import Any, ClassVar, Protocol

import numpy as np

from .cut import Cut
from .sample import Sample


class Criterion(Protocol):
    """A requirement for a threshold.

    name: the name of the option. target: its value. of: the images it is about, which choose the threshold: "known",
    "unknown" or "both" in the mix of the source; all other images only measure.
    """

    name: ClassVar[str]

    @property
    def of(self) -> str:
        """The images that it is about: "known" or "unknown" ones, or "both"."""

    @property
    def target(self) -> float:
        """The required value."""

    @property
    def vacuous(self) -> float:
        """The threshold that meets the requirement without any data."""

    def needed(self, groups: int = 1) -> int:
        """The fewest images that can choose for a group, if the bounds of all `groups` groups are to hold."""

    def part(self, count: int, called: str | None = None) -> int:
        """How many of `count` images choose; the others measure. Raises LookalikeError if there are too few.

        called: what the error calls these images, if not by their kind.
        """

    def choose(self, sample: Sample, group: np.ndarray | None = None, groups: int = 1) -> Cut:
        """The threshold for images near the classes of `group` (classes,) bool, or near any.

        sample: the images that choose, in random order, at least `needed(groups)` of them near the group.
        """

    def measure(self, sample: Sample, accepted: np.ndarray, group: np.ndarray | None = None) -> dict[str, Any] | None:
        """The error on images that did not choose, with its interval; None if there are no such images.

        accepted: (n,) bool, whether the distance of each image is within its threshold. group: (classes,) bool, or
        None.
        """
