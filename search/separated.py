"""The separation check of a collection: do its classes overlap so much that no threshold can keep its word?

The rule and its source are those of `measures.separation`, on the distances of images to class prototypes.
"""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..measures.distance import distance_of
from ..measures.separation import Separation, separation
from ..store.errors import LookalikeWarning
from ..store.shown import shortened
from .rank import prototype_scores

if TYPE_CHECKING:
    from .collection import Collection

_NAMED = 3
_MOST_CELLS = 50_000_000
"""Distances between images and classes held at once."""


def separated(
    collection: "Collection", vectors: np.ndarray, labels: np.ndarray, own: Sequence[np.ndarray] | None = None
) -> tuple[Separation, list[str]]:
    """(what images say of the classes, the names of its codes); the arguments are those of `to_prototypes`."""
    distances, codes, names = to_prototypes(collection, vectors, labels, own)
    return separation(distances, codes), names


def to_prototypes(
    collection: "Collection", vectors: np.ndarray, labels: np.ndarray, own: Sequence[np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(distances (m, c) float32, codes (m,), names (c,)) of images to the classes that have a prototype.

    vectors: (n, d) float32 unit rows. labels: (n,) texts; images of classes without a prototype are left out. own: for
    each image the stored rows that have no part in its prototypes, its own content. inf: nothing is left of one. Of
    more images than fit, an even draw. Codes are places in `names`.
    """
    names = collection.prototypes.classes
    place = {name: code for code, name in enumerate(names)}
    codes = np.array([place.get(label, -1) for label in labels], np.int64)
    asked = np.flatnonzero(codes >= 0)
    most = max(1, _MOST_CELLS // max(1, len(names)))
    if len(asked) > most:
        asked = asked[np.linspace(0, len(asked) - 1, most).round().astype(np.int64)]
    if not len(asked):
        return np.empty((0, len(names)), np.float32), codes[asked], names
    scores = prototype_scores(collection, vectors[asked], None if own is None else [own[i] for i in asked.tolist()])
    return distance_of(scores), codes[asked], names


def warn_of_overlap(found: Separation, names: list[str]) -> None:
    """Give the warning, if there is one, as a LookalikeWarning; the arguments are those of `overlap_warning`."""
    message = overlap_warning(found, names)
    if message:
        warnings.warn(message, LookalikeWarning, stacklevel=3)


def overlap_warning(found: Separation, names: list[str]) -> str | None:
    """The warning in one line, naming the worst pairs; None where the classes are not shown to overlap.

    names: of the classes by their codes.
    """
    if not found.overlapping:
        return None
    sure = [pair for pair in found.pairs if pair.low > found.limit] or list(found.pairs)
    worst = ", ".join(
        f"{shortened(names[pair.taken], 40)} for {shortened(names[pair.as_class], 40)} ({pair.error:.0%})"
        for pair in sure[:_NAMED]
    )
    if found.low is not None and found.low > found.limit:
        what = f"{found.low:.0%} or more of images pass for a wrong class or are refused by their own"
    else:
        low = max(pair.low for pair in sure)
        what = f"{low:.0%} or more of a class pass for another or are refused by their own"
    message = f"classes overlap so much that no threshold can keep its word: whatever it is, {what}"
    return f"{message}; worst: {worst}" if worst else message
