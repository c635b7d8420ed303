"""What every criterion can do; `choose` applies it to images, all at once or a group of classes at a time."""

from typing import Any, ClassVar, Protocol

import numpy as np

from .cut import Cut
from .sample import Sample


class Criterion(Protocol):
    """A wish about a threshold.

    name: as the option is called. target: its value. of: the images it is about and that can choose, "known", "unknown"
    or "both", these in the mix they come in; all others only measure.
    """

    name: ClassVar[str]

    @property
    def of(self) -> str:
        """What it is about: "known" images, "unknown" ones or "both"."""

    @property
    def target(self) -> float:
        """The value asked for."""

    @property
    def vacuous(self) -> float:
        """The threshold that keeps the wish without data."""

    def needed(self, groups: int = 1) -> int:
        """The fewest images that can choose for a group, where `groups` groups shall all keep their bounds."""

    def part(self, count: int) -> int:
        """How many of `count` images choose; the others measure. LookalikeError where they are too few."""

    def choose(self, sample: Sample, group: np.ndarray | None = None, groups: int = 1) -> Cut:
        """The threshold for images near the classes of `group` (classes,) bool, or near any.

        sample: images `of` its kind that choose, in random order, at least `needed(groups)` near the group.
        """

    def measure(self, sample: Sample, accepted: np.ndarray, group: np.ndarray | None = None) -> dict[str, Any] | None:
        """The error on images that did not choose, with its interval; None where there are none to tell.

        accepted: (n,) bool, whether each image's distance is within its threshold. group: (classes,) bool, or None.
        """
