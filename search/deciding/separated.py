"""The separation check of a collection: do its classes overlap so much that no threshold is reliable?

`measures.separation` has the rule and its source. It is applied to the distances of images to classes: to their
prototypes or, for a vote of neighbours, to their nearest rows.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from ...measures.distances import distance_of
from ...measures.separation import Separation
from ...store.errors import LookalikeWarning
from ...store.shown import shortened
from ...store.version.lookups import codes_of
from ..neighbours.nearest import nearest_of_each
from ..view import View
from .rank import prototype_scores

_NAMED = 3
_MOST_CELLS = 50_000_000
"""Distances between images and classes in memory at once."""
_MOST_COMPARED = 400_000_000
"""Pairs of images and stored rows compared for a vote, which takes some seconds."""


def to_classes(
    view: View, vectors: np.ndarray, labels: np.ndarray, excluded: Sequence[np.ndarray], by: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(distances (m, c) float32, codes (m,), names (c,)) of images to the classes of the collection.

    vectors: (n, d) float32 unit rows. labels: (n,) texts; images of classes that the collection lacks are left out.
    excluded: for each image the stored rows that do not count (its own content); an image whose class has no other rows
    is left out too. by: "knn" for the distance to the nearest row of a class, else to its nearest prototype. A distance
    is inf if no row of that class is left. If there are too many images, an even selection is used. Codes are indices
    into `names`.
    """
    names = view.store.classes if by == "knn" else view.prototypes.classes
    codes = codes_of(labels, names)
    images = np.flatnonzero(codes >= 0)
    most = max(1, _MOST_CELLS // max(1, len(names)))
    if by == "knn":
        most = max(1, min(most, _MOST_COMPARED // max(1, view.store.rows)))
    if len(images) > most:
        images = images[np.linspace(0, len(images) - 1, most).round().astype(np.int64)]
    if not len(images):
        return np.empty((0, len(names)), np.float32), codes[images], names
    hidden = [excluded[i] for i in images.tolist()]
    if by == "knn":
        scores = nearest_of_each(view.store, vectors[images], hidden)
    else:
        scores = prototype_scores(view, vectors[images], hidden)
    left = np.isfinite(scores[np.arange(len(images)), codes[images]])
    return distance_of(scores[left]), codes[images][left], names


def warn_of_overlap(separation: Separation, names: list[str]) -> None:
    """Issue the warning, if there is one, as a LookalikeWarning; the arguments are those of `overlap_warning`."""
    message = overlap_warning(separation, names)
    if message:
        warnings.warn(message, LookalikeWarning, stacklevel=3)


def overlap_warning(separation: Separation, names: list[str]) -> str | None:
    """The warning in one line, which names the worst pairs; None if the classes do not overlap measurably.

    names: the classes in the order of their codes.
    """
    if not separation.overlapping:
        return None
    sure = [pair for pair in separation.pairs if pair.low > separation.limit] or list(separation.pairs)
    worst = ", ".join(
        f"{shortened(names[pair.taken], 40)} as {shortened(names[pair.as_class], 40)} ({pair.error:.0%})"
        for pair in sure[:_NAMED]
    )
    if separation.low is not None and separation.low > separation.limit:
        what = f"{separation.low:.0%} or more of the images are accepted as a wrong class or refused by their own"
    else:
        low = max(pair.low for pair in sure)
        what = f"{low:.0%} or more of a class are accepted as another class or refused by their own"
    message = f"classes overlap so much that no threshold is reliable: at any threshold {what}"
    return f"{message}; worst: {worst}" if worst else message
