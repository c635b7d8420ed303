"""Calibration: rank a labelled source, choose the cut on unknown images, measure it on others, store it.

Unknown images are those whose label is neither in the collection nor among the model's training classes. Where there
are none, each known image is ranked with its own class left out and stands in for an unknown one; the model was
trained on that class, so this is optimistic, and is recorded. How the cut keeps its bound: `thresholds`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..measures.distance import distance_of
from ..store.errors import LookalikeError
from ..store.progress import Progress
from .calibration import UNKNOWNS, Calibration, write_calibration
from .rank import Ranked, Way, rank, rank_without_class
from .thresholds import Rate, choose_cut, false_accept_rate, false_reject_rate, split_unknowns

if TYPE_CHECKING:
    from .collection import Collection


@dataclass(frozen=True)
class _Labelled:
    """The images of a source that can calibrate: one of each content, labelled, not in the collection."""

    vectors: np.ndarray
    labels: np.ndarray


def calibrate(
    collection: "Collection", source: str, *, by: str, fpr: float, k: int, weights: str, seed: int, progress: Progress
) -> Calibration:
    """Choose and publish the threshold for `by` at a false-accept rate of at most `fpr`.

    Half of the unknown images, or as many as the bound needs, choose the cut; the others measure it.
    LookalikeError, and nothing is stored: a source without labels, or with too few unknown images (it says how many
    are missing), or a collection without classes.
    """
    way = Way(by, k, weights)
    store = collection.store
    labelled = _labelled(collection, source, progress)
    known = np.isin(labelled.labels, store.classes)
    foreign = ~known & ~np.isin(labelled.labels, collection.images.training_classes)
    unknown_distances, unknowns = _unknown_distances(collection, labelled, known, foreign, way)
    choosing, measuring = split_unknowns(len(unknown_distances), fpr, seed)
    cut = choose_cut(unknown_distances[choosing], fpr)
    known_distances = _nearest(rank(collection, labelled.vectors[known], None, way))
    calibration = Calibration(
        by=by,
        k=k,
        weights=weights,
        fpr=fpr,
        threshold=cut.threshold,
        unknowns=unknowns,
        chosen_on={"images": cut.unknowns, "false_accepts": cut.false_accepts, "rate": cut.rate, "bound": cut.bound},
        measured_on=_rate("false_accepts", false_accept_rate(unknown_distances[measuring], cut.threshold)),
        false_rejects=_rate("false_rejects", false_reject_rate(known_distances, cut.threshold)),
        source=source,
        seed=seed,
        version=store.version,
        next_row=store.next_row,
        rows=store.rows,
        model=store.model.digest if store.model else None,
    )
    with store.write() as writer:
        writer.add_calibration(write_calibration(store.path, calibration))
        writer.commit()
    return calibration


def _labelled(collection: "Collection", source: str, progress: Progress) -> _Labelled:
    encoded = collection.images.encode_source(source, progress)
    kept = np.array([label is not None for label in encoded.labels], bool)
    if not kept.any():
        raise LookalikeError(f"{source} has no labelled images: calibration needs class folders or a label column")
    # Copies of one image are not independent, and the bound counts independent images.
    first: dict[str, int] = {}
    for i, content in enumerate(encoded.contents):
        if content is not None and kept[i]:
            kept[i] = first.setdefault(content, i) == i
    stored = collection.store.find_contents(list(first)) >= 0
    for (_, i), seen in zip(first.items(), stored, strict=True):
        kept[i] &= not seen
    if not kept.any():
        raise LookalikeError(f"every image of {source} is in the collection: calibration needs images it has not seen")
    labels = np.array(encoded.labels, dtype=object)
    return _Labelled(encoded.vectors[kept], labels[kept])


def _unknown_distances(
    collection: "Collection", labelled: _Labelled, known: np.ndarray, foreign: np.ndarray, way: Way
) -> tuple[np.ndarray, str]:
    """Distances (n,) float32 to the nearest class of images that stand for the unknown, and which these were."""
    if foreign.any():
        return _nearest(rank(collection, labelled.vectors[foreign], None, way)), UNKNOWNS[0]
    left_out = _nearest(rank_without_class(collection, labelled.vectors[known], labelled.labels[known].tolist(), way))
    if np.isinf(left_out).any():
        raise LookalikeError(
            f"{collection.path} has one class only, so leaving a class out finds nothing: "
            "give images of classes that the collection does not have"
        )
    return left_out, UNKNOWNS[1]


def _nearest(ranked: Ranked) -> np.ndarray:
    if not ranked.scores.size:
        return np.full(len(ranked.scores), np.inf, np.float32)
    return np.where(ranked.codes[:, 0] >= 0, distance_of(ranked.scores[:, 0]), np.float32(np.inf))


def _rate(event: str, rate: Rate | None) -> dict[str, Any] | None:
    if rate is None:
        return None
    return {"images": rate.trials, event: rate.events, "rate": rate.rate, "low": rate.low, "high": rate.high}
