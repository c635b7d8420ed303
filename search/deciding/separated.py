"""The separation check of a collection: do its classes overlap so much that no threshold can keep its word?

The rule and its source are those of `measures.separation`, on the distances of images to classes: to their prototypes,
or where neighbours vote to their nearest rows.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from ...measures.distances import distance_of
from ...measures.separation import Separation
from ...store.errors import LookalikeWarning
from ...store.shown import shortened
from ..neighbours.nearest import nearest_of_each
from ..view import View
from .rank import prototype_scores

_NAMED = 3
_MOST_CELLS = 50_000_000
"""Distances between images and classes held at once."""
_MOST_COMPARED = 400_000_000
"""Images by stored rows that are compared, where the nearest rows count: some seconds."""


def to_classes(
    view: View, vectors: np.ndarray, labels: np.ndarray, own: Sequence[np.ndarray], by: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(distances (m, c) float32, codes (m,), names (c,)) of images to the classes of the collection.

    vectors: (n, d) float32 unit rows. labels: (n,) texts; images of classes that are not there are left out. own: for
    each image the stored rows that do not count for it, its own content; where nothing else is left of its class it is
    left out too. by: "knn" for the distance to a class's nearest row, else to its nearest prototype. inf: nothing is
    left of another class. Of more images than fit, an even draw. Codes are places in `names`.
    """
    names = view.store.classes if by == "knn" else view.prototypes.classes
    place = {name: code for code, name in enumerate(names)}
    codes = np.array([place.get(label, -1) for label in labels], np.int64)
    asked = np.flatnonzero(codes >= 0)
    most = max(1, _MOST_CELLS // max(1, len(names)))
    if by == "knn":
        most = max(1, min(most, _MOST_COMPARED // max(1, view.store.rows)))
    if len(asked) > most:
        asked = asked[np.linspace(0, len(asked) - 1, most).round().astype(np.int64)]
    if not len(asked):
        return np.empty((0, len(names)), np.float32), codes[asked], names
    mine = [own[i] for i in asked.tolist()]
    if by == "knn":
        scores = nearest_of_each(view.store, vectors[asked], mine)
    else:
        scores = prototype_scores(view, vectors[asked], mine)
    left = np.isfinite(scores[np.arange(len(asked)), codes[asked]])
    return distance_of(scores[left]), codes[asked][left], names


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
