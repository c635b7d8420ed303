"""Class sums that forget as exactly as they learn.

Each number of a unit row is rounded to a multiple of 2^-32 and summed as int64, so that the order of adding, and
removing what was added, change no bit; 2^31 rows fit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..store.deleted import Bitmap
from ..store.manifest import PrototypeEntry
from ..store.store import Store
from .ranks import Floats, Ints

SCALE = 2.0**32
_BLOCK = 16_384


@dataclass
class Sums:
    """For each class its sum (c, d) int64, in units of 2^-32, and its count of rows (c,) int64."""

    classes: list[str]
    sums: Ints
    counts: Ints

    @classmethod
    def zero(cls, classes: Sequence[str], dim: int) -> "Sums":
        """No row of any class."""
        shape = (len(classes), dim)
        return cls(list(classes), np.zeros(shape, dtype=np.int64), np.zeros(len(classes), dtype=np.int64))

    def add(self, codes: NDArray[np.integer], vectors: Floats, sign: int = 1) -> None:
        """Add (or with sign -1 remove) unit rows (m, d); codes (m,) are places in `classes`, or -1 for no class."""
        labelled = np.flatnonzero(codes >= 0)
        if len(labelled) == 0:
            return
        labelled = labelled[np.argsort(codes[labelled], kind="stable")]
        found, starts, counts = np.unique(codes[labelled], return_index=True, return_counts=True)
        self.sums[found] += sign * np.add.reduceat(fixed(vectors[labelled]), starts, axis=0)
        self.counts[found] += sign * counts

    def over(self, classes: Sequence[str]) -> "Sums":
        """The same with the rows of `classes` too, sorted."""
        wider = Sums.zero(sorted({*self.classes, *classes}), self.sums.shape[1])
        place = {name: i for i, name in enumerate(wider.classes)}
        own = np.array([place[name] for name in self.classes], dtype=np.int64)
        wider.sums[own], wider.counts[own] = self.sums, self.counts
        return wider

    def held(self) -> "Sums":
        """Without the classes that have no row."""
        there = np.flatnonzero(self.counts > 0)
        return Sums([self.classes[i] for i in there], self.sums[there], self.counts[there])


def fixed(vectors: Floats) -> Ints:
    """Unit rows in units of 2^-32, rounded to even, int64."""
    return np.rint(vectors.astype(np.float64) * SCALE).astype(np.int64)


def from_rows(store: Store) -> Sums:
    """The sums of all live labelled rows, read once, in blocks."""
    sums = Sums.zero(store.classes, store.dim or 0)
    _add_from(sums, store, 0, np.arange(len(sums.classes)))
    return sums.held()


def brought_up(folded: Sums, entry: PrototypeEntry, store: Store) -> Sums:
    """Sums as folded at `entry`, plus rows that came since, less rows deleted since: `from_rows`, bit for bit."""
    sums = folded.over(store.classes)
    place = {name: i for i, name in enumerate(sums.classes)}
    _add_from(sums, store, entry.next_row, np.array([place[name] for name in store.classes], dtype=np.int64))
    for rows in _deleted_since(entry, store):
        labels = store.labels(rows)
        codes = np.array([-1 if label is None else place[label] for label in labels], dtype=np.int64)
        sums.add(codes, store.gather(rows), -1)
    return sums.held()


def _add_from(sums: Sums, store: Store, first: int, places: Ints) -> None:
    """Add the live rows from `first` on; places[i] is where the store's class i is in `sums`."""
    if first >= store.next_row or len(places) == 0:
        return
    for rows, vectors in store.blocks(first):
        codes = store.codes(rows)
        sums.add(np.where(codes < 0, -1, places[np.maximum(codes, 0)]), vectors)


def _deleted_since(entry: PrototypeEntry, store: Store) -> Iterator[Ints]:
    """Rows that were live when folded and are deleted now, in blocks."""
    if store.content.deleted is None or store.content.deleted == entry.deleted:
        return
    before = Bitmap.empty() if entry.deleted is None else Bitmap.load(store.file(entry.deleted))
    rows = store.deleted.rows()
    rows = rows[(rows < entry.next_row) & ~before.mask(rows)]
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]
