"""Which classes get a threshold of their own, and which ones share a threshold.

A class gets its own if it can be expected to have enough of the images that choose, with room for chance: their
expected number exceeds the required number by three standard deviations. All other classes share one threshold, and the
images near any of them are one more group. If that group has too few images itself, the class with the fewest joins it,
and so on. The bound holds for each group on the images near its classes, and so for all of them together.

The groups are formed by the images that measure. If they were formed by the images that choose, a class would be in the
shared group because few of *these* images are near it, and they would not be drawn like the images to come.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .criterion import Criterion


class Groups(NamedTuple):
    """Disjoint groups of all classes: the codes that share a threshold (None if no class does), and the other codes."""

    shared: Sequence[int] | None
    singles: Sequence[int]

    @property
    def number(self) -> int:
        """The number of groups."""
        return len(self.singles) + (self.shared is not None)


def grouped(criterion: Criterion, counts: np.ndarray) -> Groups:
    """Give as many classes as possible a threshold of their own; with a single group no class has one.

    counts: (classes,) how many of the images that choose are expected near each class.
    """
    order = np.argsort(-counts, kind="stable").tolist()
    for singles in range(int((counts >= criterion.needed()).sum()), 0, -1):
        groups = Groups(order[singles:] or None, order[:singles])
        enough = _enough(criterion.needed(groups.number))
        shared = counts[groups.shared].sum() if groups.shared else math.inf
        if groups.number > 1 and counts[order[singles - 1]] >= enough and shared >= enough:
            return groups
    return Groups(order, [])


def enough_for_own(criterion: Criterion) -> int:
    """About how many images of a source (`criterion.of`) must be near a class for a threshold of its own.

    As many must be near all the other classes, which are then the second group.
    """
    both = count = 2 * math.ceil(_enough(criterion.needed(2)))
    while criterion.part(count) < both:
        count += 1
    return -(-count // 2)


def mask_of(codes: Sequence[int], classes: int) -> np.ndarray:
    """(classes,) bool: true at these codes."""
    mask = np.zeros(classes, bool)
    mask[list(codes)] = True
    return mask


def _enough(needed: int) -> float:
    return needed + 3 * math.sqrt(needed)
