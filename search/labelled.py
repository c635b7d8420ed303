"""A labelled source made ready to calibrate: which of its images count, and the nearest class of each.

Images count that are labelled, that the collection does not hold, and once each: copies are not independent, and a
bound counts independent images. Unknown ones are those whose label is neither in the collection nor among the model's
training classes. Where there are none, images of classes the model was trained on stand in, ranked as if the collection
did not have their class; the model has learned to tell these classes apart, so that is optimistic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..measures.distance import distance_of
from ..store.errors import LookalikeError
from ..store.progress import Progress
from .calibration import UNKNOWNS
from .rank import Ranked, Way, rank, rank_without_class
from .thresholds.sample import Sample

if TYPE_CHECKING:
    from .collection import Collection


@dataclass(frozen=True)
class Labelled:
    """The images of a source that count: vectors (n, d), labels (n,), and how many others there were of each kind."""

    vectors: np.ndarray
    labels: np.ndarray
    aside: dict[str, int]


def read_labelled(collection: "Collection", source: str, progress: Progress) -> Labelled:
    """Encode a source; LookalikeError where none of its images has a label, or all are in the collection."""
    encoded = collection.images.encode_source(source, progress)
    kept = np.array([label is not None for label in encoded.labels], bool)
    if not kept.any():
        raise LookalikeError(f"{source} has no labelled images: calibration needs class folders or a label column")
    unlabelled = int((~kept).sum())
    first: dict[str, int] = {}
    for i, content in enumerate(encoded.contents):
        if content is not None and kept[i]:
            kept[i] = first.setdefault(content, i) == i
    copies = len(kept) - unlabelled - int(kept.sum())
    stored = np.flatnonzero(collection.store.find_contents(list(first)) >= 0)
    kept[np.array(list(first.values()), np.int64)[stored]] = False
    if not kept.any():
        raise LookalikeError(f"every image of {source} is in the collection: calibration needs images it has not seen")
    aside = {"unlabelled": unlabelled, "copies": copies, "stored": len(stored), "rejected": encoded.rejected}
    return Labelled(encoded.vectors[kept], np.array(encoded.labels, dtype=object)[kept], aside)


def ranked_sample(
    collection: "Collection", labelled: Labelled, way: Way, *, mixed: bool, seed: int
) -> tuple[Sample, str | None]:
    """The images with their nearest class, and what stands for the unknown; None where nothing can.

    Codes are places in `store.classes`. Without unknown images each known one stands in as well, next to itself, or
    where the `mixed` share of unknown images matters a random half of them, in its own stead.
    """
    store = collection.store
    known = _among(labelled.labels, store.classes)
    foreign = ~known & ~_among(labelled.labels, collection.images.training_classes)
    if foreign.any():
        sample = _joined(_known(collection, labelled, known, way), _unknown(collection, labelled, foreign, way))
        return sample, UNKNOWNS[0]
    standing = known if len(store.classes) > 1 else np.zeros(len(known), bool)
    if mixed:
        half = np.random.default_rng([seed, 1]).permutation(np.flatnonzero(standing))[: int(standing.sum()) // 2]
        standing = np.isin(np.arange(len(known)), half)
        known = known & ~standing
    sample = _joined(
        _known(collection, labelled, known, way),
        _left_out(collection, labelled, standing, way),
        _unknown(collection, labelled, ~_among(labelled.labels, store.classes), way),
    )
    return sample, UNKNOWNS[1] if len(store.classes) > 1 or not sample.known.all() else None


def _among(labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """(n,) bool; np.isin compares each label with each class where they are objects."""
    there = set(classes)
    return np.array([label in there for label in labels], bool)


def _known(collection: "Collection", labelled: Labelled, which: np.ndarray, way: Way) -> Sample:
    codes = _codes(collection, labelled.labels[which].tolist())
    return _sample(collection, rank(collection, labelled.vectors[which], None, way), codes)


def _unknown(collection: "Collection", labelled: Labelled, which: np.ndarray, way: Way) -> Sample:
    return _sample(collection, rank(collection, labelled.vectors[which], None, way))


def _left_out(collection: "Collection", labelled: Labelled, which: np.ndarray, way: Way) -> Sample:
    labels = labelled.labels[which].tolist()
    return _sample(collection, rank_without_class(collection, labelled.vectors[which], labels, way))


def _sample(collection: "Collection", ranked: Ranked, truth: np.ndarray | None = None) -> Sample:
    if truth is None:
        truth = np.full(len(ranked.scores), -1, np.int64)
    if not ranked.scores.size:
        return Sample(np.full(len(truth), np.inf, np.float32), np.full(len(truth), -1, np.int64), truth)
    codes, found = ranked.codes[:, 0], ranked.codes[:, 0] >= 0
    nearest = np.append(_codes(collection, ranked.classes), -1)[codes]
    return Sample(np.where(found, distance_of(ranked.scores[:, 0]), np.float32(np.inf)), nearest, truth)


def _codes(collection: "Collection", names: list[str]) -> np.ndarray:
    place = {name: code for code, name in enumerate(collection.store.classes)}
    return np.array([place[name] for name in names], np.int64)


def _joined(*samples: Sample) -> Sample:
    return Sample(
        *(np.concatenate([getattr(sample, name) for sample in samples]) for name in ("distances", "nearest", "truth"))
    )
