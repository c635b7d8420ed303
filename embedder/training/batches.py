"""Batches of P classes x K images that visit every class and every image, each a function of seed and step only.

A sweep is one permutation of the classes, P per step; a class is repeated only to fill the last step. Each time, a
class contributes the next K images of a permutation of its images, and then of another permutation. A training that
stopped at step s can therefore continue with step s + 1 and needs no other state.
"""

from collections.abc import Sequence

import numpy as np

from ...store.errors import LookalikeError

_CLASS_ORDER, _IMAGE_ORDER = range(2)  # streams of random numbers that must not meet


class Batches:
    """P x K batches over images with `labels` (n,): names, or integers where -1 means unlabelled and is never drawn.

    A batch has `classes` different classes, or all if there are fewer, and `images` of each: different images if the
    class has enough, otherwise each about equally often, or once if `repeats` is False. Raises LookalikeError for fewer
    than two classes, if no class has two images, and for `classes` or `images` below 2.
    """

    def __init__(
        self, labels: Sequence[str] | np.ndarray, *, classes: int, images: int, seed: int, repeats: bool = True
    ) -> None:
        for setting, value in (("classes", classes), ("images", images)):
            if value < 2:
                raise LookalikeError(f"batch.{setting} is {value}: it must be at least 2")
        self._members = _members(np.asarray(labels))
        self._classes = min(classes, len(self._members))
        self._images, self._repeats = images, repeats
        self._seed = seed
        self._orders: dict[int, tuple[int, np.ndarray]] = {}  # spares time; what is drawn does not depend on it
        self.steps_per_sweep = -(-len(self._members) // self._classes)

    def indices(self, step: int) -> np.ndarray:
        """The images of step 0, 1, ... as indices (classes * images,) int64 into the labels, class by class.

        With `repeats` off they are fewer where a class is smaller than `images`.
        """
        sweep, turn = divmod(step, self.steps_per_sweep)
        turns = turn * self._classes + np.arange(self._classes)
        labels = self._order(-1, sweep)[turns % len(self._members)]
        return np.concatenate([self._draw(int(label), sweep) for label in labels])

    def _draw(self, label: int, visit: int) -> np.ndarray:
        """The images of a class in its turn number `visit`."""
        members = self._members[label]
        cycle, part = divmod(visit, -(-len(members) // self._images))
        count = self._images if self._repeats else min(self._images, len(members))
        places = (part * self._images + np.arange(count)) % len(members)
        return members[self._order(label, cycle)[places]]

    def _order(self, label: int, cycle: int) -> np.ndarray:
        """A permutation of a class's images, or of the classes for label -1; the last one of each is kept."""
        known, order = self._orders.get(label, (-1, None))
        if known != cycle or order is None:
            stream, count = (
                (_CLASS_ORDER, len(self._members)) if label < 0 else (_IMAGE_ORDER, len(self._members[label]))
            )
            order = self._random(stream, label + 1, cycle).permutation(count)
            self._orders[label] = cycle, order
        return order

    def _random(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, *map(int, stream)])


def _members(labels: np.ndarray) -> list[np.ndarray]:
    """The indices of each class, in the order of the class names."""
    names, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(codes, kind="stable").astype(np.int64), np.cumsum(sizes)[:-1]) if len(names) else []
    if len(names) and names.dtype.kind in "iu":
        names, members = names[names >= 0], [part for name, part in zip(names, members, strict=True) if name >= 0]
    if len(names) < 2:
        found = ", ".join(repr(name) for name in names.tolist()) or "none"
        raise LookalikeError(f"the training images have {len(names)} class ({found}): a training needs two or more")
    if max(map(len, members)) < 2:
        raise LookalikeError(
            f"none of the {len(names)} training classes has two images: at least one class must have two or more"
        )
    return members
