"""A summary of the prototypes of each class, as `lookalike prototypes` shows it."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...indexer.prototypes.fixed import squared_spreads
from ...indexer.prototypes.prototypes import Prototypes
from ...indexer.prototypes.windows import newest
from ...measures.distances import distance_of
from ...store.version.store import Store


@dataclass(frozen=True)
class ClassRow:
    """The summary of one class.

    prototypes: number of prototypes; 0 if the images cancel out and have no direction. count: number of images that
    they are made of. newest_row, newest_key: the newest of these images. spread: root mean square distance of these
    images to their prototype. nearest_class, nearest_distance: the other class with the nearest prototype, or None.
    """

    name: str
    prototypes: int
    count: int
    newest_row: int
    newest_key: str
    spread: float | None
    nearest_class: str | None
    nearest_distance: float | None

    def to_json(self) -> dict[str, Any]:
        """The fields of `prototypes --json`."""
        fields = asdict(self)
        return {"class": fields.pop("name"), **fields}


def prototype_list(store: Store, prototypes: Prototypes) -> list[ClassRow]:
    """One row for each class of `store`, sorted by name; `prototypes` are those of the store."""
    sums = prototypes.folded.sums
    counts = np.bincount(sums.owners, sums.counts, len(sums.classes)).astype(int).tolist()
    spreads = _spreads(prototypes)
    near = _nearest_others(prototypes)
    rows = newest(store, 1)
    rows = rows[np.argsort(store.codes(rows))]  # one per class, in the order of sums.classes
    keys = store.keys(rows)
    numbers = np.bincount(prototypes.owners, minlength=len(prototypes.classes)).tolist()
    number_of = dict(zip(prototypes.classes, numbers, strict=True))
    return [
        ClassRow(name, number_of.get(name, 0), count, row, key, spreads.get(name), *near.get(name, (None, None)))
        for name, count, row, key in zip(sums.classes, counts, rows.tolist(), keys, strict=True)
    ]


def _spreads(prototypes: Prototypes) -> dict[str, float]:
    """Root mean square distances of the classes that have a prototype, computed from the sums alone."""
    sums = prototypes.folded.sums
    squared = sums.counts * squared_spreads(sums.sums, sums.counts)
    mean = np.bincount(sums.owners, squared, len(sums.classes)) / np.bincount(sums.owners, sums.counts)
    spreads = dict(zip(sums.classes, np.sqrt(mean).tolist(), strict=True))
    return {name: spreads[name] for name in prototypes.classes}


def _nearest_others(prototypes: Prototypes) -> dict[str, tuple[str, float]]:
    """For each class with prototypes the nearest other class, and the distance between their nearest prototypes."""
    if len(prototypes.classes) < 2:
        return {}
    scores, codes = prototypes.search(prototypes.matrix, 2)
    column = (codes[:, 0] == prototypes.owners).astype(int)  # the class itself comes first, unless another one is equal
    every = np.arange(len(codes))
    score, code = scores[every, column], codes[every, column]
    order = np.lexsort((code, -score, prototypes.owners))
    first = order[np.searchsorted(prototypes.owners[order], np.arange(len(prototypes.classes)))]
    distances = distance_of(score[first]).tolist()
    others = code[first].tolist()
    return {
        name: (prototypes.classes[other], distance)
        for name, other, distance in zip(prototypes.classes, others, distances, strict=True)
        if other >= 0
    }
