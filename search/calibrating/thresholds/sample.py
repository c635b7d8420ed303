"""What a threshold is chosen on: images whose truth is known, each with its nearest class and the distance to it."""

from dataclasses import dataclass

import numpy as np

from ....store.errors import LookalikeError

UNKNOWNS = ("unknown classes", "trained classes")
"""What stands for unknown images: ones of classes that nobody knows, or of trained classes ranked as if unknown."""


@dataclass(frozen=True)
class Sample:
    """n images, ranked.

    distances: (n,) float32 to the nearest class, inf where nothing was found, which no threshold accepts. nearest: (n,)
    int64, the code of that class, -1 without one. truth: (n,) int64, the code of the image's own class, -1 where the
    collection does not have it: an unknown image. LookalikeError for a distance that is NaN, ValueError for shapes.
    """

    distances: np.ndarray
    nearest: np.ndarray
    truth: np.ndarray

    def __post_init__(self) -> None:
        distances = np.asarray(self.distances, np.float32)
        nearest, truth = np.asarray(self.nearest, np.int64), np.asarray(self.truth, np.int64)
        if distances.ndim != 1 or not distances.shape == nearest.shape == truth.shape:
            raise ValueError(
                f"distances {distances.shape}, nearest {nearest.shape}, truth {truth.shape}: give one a query"
            )
        if np.isnan(distances).any():
            place = int(np.argmax(np.isnan(distances)))
            raise LookalikeError(f"distance {place} is NaN: no threshold can be held against it")
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
        """(n,) bool: the nearest class is the image's own."""
        return self.known & (self.nearest == self.truth)

    def of(self, kind: str) -> np.ndarray:
        """(n,) bool: the images of "known" classes, of "unknown" ones, or "both"."""
        return np.ones(len(self), bool) if kind == "both" else self.known == (kind == "known")

    def take(self, which: np.ndarray | slice) -> "Sample":
        """The images at these places, or where a mask is true, in that order."""
        return Sample(self.distances[which], self.nearest[which], self.truth[which])

    def near(self, group: np.ndarray | None) -> np.ndarray:
        """(n,) bool: the nearest class is in `group` (classes,) bool; all are for None."""
        return np.ones(len(self), bool) if group is None else member(self.nearest, group)


def member(codes: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Whether each code is in `group` (classes,) bool; -1 never is."""
    return np.append(group, False)[codes]
