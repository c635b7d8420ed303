"""Samples by hand and at random, and populations whose true rates are known."""

import numpy as np

from lookalike.search.calibrating.thresholds.sample import Sample


def unknown(distances) -> Sample:
    """Unknown images near class 0."""
    distances = np.asarray(distances)
    return Sample(distances, np.zeros(len(distances), int), np.full(len(distances), -1))


def known(distances, right=None) -> Sample:
    """Images of class 0 that come near it, or near class 1 where they are not `right`."""
    distances = np.asarray(distances)
    right = np.ones(len(distances), bool) if right is None else np.asarray(right)
    return Sample(distances, np.where(right, 0, 1), np.zeros(len(distances), int))


def joined(*samples: Sample) -> Sample:
    columns = [(sample.distances, sample.nearest, sample.truth) for sample in samples]
    return Sample(*(np.concatenate(parts) for parts in zip(*columns, strict=True)))


class Population:
    """Distances with a chance each, and how many of the images there are right: its precision at any cut is known."""

    def __init__(self, distances, chances, right) -> None:
        self.distances = np.asarray(distances, np.float32)
        self.chances = np.asarray(chances, float) / np.sum(chances)
        self.right = np.asarray(right, float)

    def draw(self, rng, size: int) -> Sample:
        """Half of the wrong answers are to unknown images, the others mistake class 0 for class 1."""
        places = rng.choice(len(self.distances), size, p=self.chances)
        right = rng.random(size) < self.right[places]
        truth = np.where(right, 0, np.where(rng.random(size) < 0.5, -1, 1))
        return Sample(self.distances[places], np.zeros(size, int), truth)

    def precision(self, cut: float) -> float:
        """Of the answers accepted at `cut`; 1 where none is."""
        accepted = self.chances * (self.distances <= np.float32(cut))
        return float((accepted * self.right).sum() / accepted.sum()) if accepted.any() else 1.0
