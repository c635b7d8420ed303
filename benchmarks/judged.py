"""Populations whose true rate at any threshold is known, since all their images are: what kept_words draws from."""

import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from lookalike import Collection
from lookalike.measures.distances import distance_of
from lookalike.measures.open_set import auroc
from lookalike.search.calibrating.thresholds.sample import Sample
from lookalike.search.deciding.rank import DecisionRule, Ranked, rank, rank_without_class

Embedded = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Pool:
    """All images of one kind, ranked; drawing is with replacement."""

    sample: Sample

    @cached_property
    def _sorted(self) -> np.ndarray:
        return np.sort(self.sample.distances)

    @cached_property
    def _right(self) -> np.ndarray:
        return np.sort(self.sample.distances[self.sample.right])

    def drawn(self, rng: np.random.Generator, count: int) -> Sample:
        """`count` independent images."""
        return self.sample.take(rng.integers(0, len(self.sample), count))

    def accepted(self, threshold: float) -> float:
        """The share accepted."""
        return float(np.searchsorted(self._sorted, np.float32(threshold), side="right") / len(self._sorted))

    def right(self, threshold: float) -> float:
        """The share accepted and right."""
        return float(np.searchsorted(self._right, np.float32(threshold), side="right") / len(self._sorted))

    def accepted_near(self, thresholds: np.ndarray, own: list[int]) -> list[float]:
        """The share accepted of the images near each class of `own`, and near any other class."""
        accepted = self.sample.distances <= thresholds[self.sample.nearest]
        groups = [self.sample.nearest == code for code in own] + [~np.isin(self.sample.nearest, own)]
        return [float(accepted[group].mean()) for group in groups if group.any()]


@dataclass(frozen=True)
class Population:
    """known, unseen: images of the collection's classes, and of others. left_out: known ones without their class."""

    known: Pool
    unseen: Pool
    left_out: Pool
    classes: int

    def facts(self) -> dict:
        """What a reader needs to know about it."""
        known, unseen = self.known.sample, self.unseen.sample
        return {
            "classes": self.classes,
            "known": len(known),
            "unseen": len(unseen),
            "accuracy": float(known.right.mean()),
            "auroc": auroc(known.distances, unseen.distances),
            "auroc of left-out": auroc(known.distances, self.left_out.sample.distances),
        }

    def mixed(self, rng: np.random.Generator, count: int, share: float) -> Sample:
        """Independent images, each unseen with the chance `share`."""
        unknown = int(rng.binomial(count, share))
        parts = self.known.drawn(rng, count - unknown), self.unseen.drawn(rng, unknown)
        columns = [(part.distances, part.nearest, part.truth) for part in parts]
        return Sample(*(np.concatenate(values) for values in zip(*columns, strict=True)))

    def precision(self, threshold: float, share: float) -> tuple[float, float]:
        """(precision at the threshold where `share` of images are unseen, the threshold)."""
        right = (1 - share) * self.known.right(threshold)
        accepted = (1 - share) * self.known.accepted(threshold) + share * self.unseen.accepted(threshold)
        return right / accepted, threshold


def ranked_populations(embedded: Embedded, by: str) -> Population:
    """Put the stored images into a collection, and rank the others by it as `calibrate` does."""
    rule = DecisionRule(by, exact=True)
    vectors, labels = embedded["stored"]
    with tempfile.TemporaryDirectory() as folder, Collection.create(Path(folder) / "collection") as collection:
        collection.add(vectors, [f"{number:08d}" for number in range(len(vectors))], labels.tolist())
        classes = collection._view.store.classes
        code = {name: place for place, name in enumerate(classes)}
        known, truth = embedded["known"]
        codes = np.array([code[name] for name in truth])
        unseen = embedded["unseen"][0]
        return Population(
            Pool(_sample(rank(collection._view, known, None, rule), classes, codes)),
            Pool(_sample(rank(collection._view, unseen, None, rule), classes)),
            Pool(_sample(rank_without_class(collection._view, known, truth.tolist(), rule), classes)),
            len(classes),
        )


def _sample(ranked: Ranked, classes: list[str], truth: np.ndarray | None = None) -> Sample:
    place = np.array([classes.index(name) for name in ranked.classes])
    count = len(ranked.scores)
    return Sample(
        distance_of(ranked.scores[:, 0]),
        place[ranked.codes[:, 0]],
        np.full(count, -1) if truth is None else truth,
    )
