"""Which classes get a threshold of their own, and what holds for the others.

A class has enough images where its bound can be expected to hold on the images that choose, with room for chance: their
expected number exceeds the need by three of its standard deviations. All other classes share one threshold, and the
images near any of them are one group more; where that group has too few images itself, the class with the fewest joins
it, and so on. Every group keeps the bound on the images near its classes, so all of them together keep it too.

The groups are made by the images that measure. Were they made by the images that choose, then a class would stand
among the others because few of *these* images came near it: they would not be drawn like those to come.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .criterion import Criterion


class Groups(NamedTuple):
    """Disjoint groups that hold every class: the codes that share a threshold (None: no class does), and the others."""

    shared: Sequence[int] | None
    singles: Sequence[int]

    @property
    def number(self) -> int:
        """How many groups there are."""
        return len(self.singles) + (self.shared is not None)


def grouped(criterion: Criterion, counts: np.ndarray) -> Groups:
    """As many classes as can be get a threshold of their own; with one group only, no class has.

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
    """About how many images of a source (`criterion.of`) must come near a class for a threshold of its own.

    As many must come near all the others, which then are the second group.
    """
    both = count = 2 * math.ceil(_enough(criterion.needed(2)))
    while criterion.part(count) < both:
        count += 1
    return -(-count // 2)


def mask_of(codes: Sequence[int], classes: int) -> np.ndarray:
    """(classes,) bool, true at these codes."""
    mask = np.zeros(classes, bool)
    mask[list(codes)] = True
    return mask


def _enough(needed: int) -> float:
    return needed + 3 * math.sqrt(needed)
