"""The images that choose a threshold: each with its true class, its nearest class and the distance to that."""

from dataclasses import dataclass

import numpy as np

from ....store.errors import LookalikeError

UNKNOWNS = ("unknown classes", "trained classes")
"""The kinds of unknown images: of classes that nobody knows, or of trained classes ranked as if they were unknown."""


@dataclass(frozen=True)
class Sample:
    """n images, ranked.

    distances: (n,) float32 to the nearest class, or inf without one, which no threshold accepts. nearest: (n,) int64,
    the code of that class, or -1. truth: (n,) int64, the code of the true class, or -1 for an unknown image, whose
    class the collection does not have. Raises LookalikeError for a distance that is NaN, and ValueError for wrong
    shapes.
    """

    distances: np.ndarray
    nearest: np.ndarray
    truth: np.ndarray

    def __post_init__(self) -> None:
        distances = np.asarray(self.distances, np.float32)
        nearest, truth = np.asarray(self.nearest, np.int64), np.asarray(self.truth, np.int64)
        if distances.ndim != 1 or not distances.shape == nearest.shape == truth.shape:
            raise ValueError(
                f"distances {distances.shape}, nearest {nearest.shape}, truth {truth.shape}: give one of each per query"
            )
        if np.isnan(distances).any():
            place = int(np.argmax(np.isnan(distances)))
            raise LookalikeError(f"distance {place} is NaN: it cannot be compared with a threshold")
        for name, values in (("distances", distances), ("nearest", nearest), ("truth", truth)):
            object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return len(self.distances)

    @property
    def known(self) -> np.ndarray:
        """(n,) bool: the collection has the image's class."""
        return self.truth >= 0

    @property
    def right(self) -> np.ndarray:
        """(n,) bool: the nearest class is the true one."""
        return self.known & (self.nearest == self.truth)

    def of(self, kind: str) -> np.ndarray:
        """(n,) bool: the images of "known" classes, of "unknown" classes, or of "both"."""
        return np.ones(len(self), bool) if kind == "both" else self.known == (kind == "known")

    def take(self, which: np.ndarray | slice) -> "Sample":
        """The images at these places, or where a mask is true, in this order."""
        return Sample(self.distances[which], self.nearest[which], self.truth[which])

    def near(self, group: np.ndarray | None) -> np.ndarray:
        """(n,) bool: the nearest class is in `group` (classes,) bool; None is the group of all classes."""
        return np.ones(len(self), bool) if group is None else member(self.nearest, group)


def member(codes: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Whether each code is in `group` (classes,) bool; -1 never is."""
    return np.append(group, False)[codes]
