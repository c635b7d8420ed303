"""Class sums from which rows can be removed as exactly as they were added.

Each number of a unit row is rounded to a multiple of 2^-32 and summed as int64, so that neither the order of additions
nor removals change a bit; 2^31 rows fit. A class has one sum or, if it has several prototypes, one for each: a row
counts for the nearest anchor of its class (see anchors), at any time and together with any other rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...store.version.lookups import code_of
from ...store.work.forks import cached_property
from ..segments.order import Floats, Ints
from .anchors import nearest_of_own
from .fixed import directions, fixed


@dataclass
class Sums:
    """The sums of c classes: p of them, at least one per class. Those of a class are adjacent, and classes in order.

    classes: c names, sorted. owners: (p,) int64, the class of each sum, ascending. sums: (p, d) int64 in units of
    2^-32. counts: (p,) int64 rows. anchors: (p, d) float32 unit rows, zeros for a class with one sum; None if all
    classes have one.
    """

    classes: list[str]
    owners: Ints
    sums: Ints
    counts: Ints
    anchors: Floats | None = None

    @classmethod
    def zero(cls, classes: Sequence[str], dim: int) -> "Sums":
        """One empty sum for each class."""
        count = len(classes)
        sums, counts = np.zeros((count, dim), dtype=np.int64), np.zeros(count, dtype=np.int64)
        return cls(list(classes), np.arange(count), sums, counts)

    @classmethod
    def joined(cls, pieces: Sequence["Sums"], dim: int) -> "Sums":
        """The sums of all `pieces`, whose classes follow each other; pieces without anchors get zeros."""
        rows = [np.zeros((0, dim), dtype=np.float32)]
        rows += [np.zeros((len(p.sums), dim), dtype=np.float32) if p.anchors is None else p.anchors for p in pieces]
        before = np.cumsum([0, *(len(p.classes) for p in pieces)])
        owners = [p.owners + first for p, first in zip(pieces, before, strict=False)]
        return cls(
            [name for p in pieces for name in p.classes],
            np.concatenate([np.zeros(0, dtype=np.int64), *owners]),
            np.concatenate([np.zeros((0, dim), dtype=np.int64), *(p.sums for p in pieces)]),
            np.concatenate([np.zeros(0, dtype=np.int64), *(p.counts for p in pieces)]),
            np.concatenate(rows),
        )

    @cached_property
    def starts(self) -> Ints:
        """Where the sums of each class begin, and the end of the last class, (c + 1,) int64."""
        return np.searchsorted(self.owners, np.arange(len(self.classes) + 1))

    def add(self, codes: NDArray[np.integer], vectors: Floats, sign: int = 1) -> None:
        """Add (or with sign -1 remove) unit rows (m, d). codes: (m,) places in `classes`, or -1 for no class."""
        labelled = np.flatnonzero(codes >= 0)
        if len(labelled) == 0:
            return
        vectors = vectors[labelled]
        places = self.places(codes[labelled], vectors)
        order = np.argsort(places, kind="stable")
        targets, starts, counts = np.unique(places[order], return_index=True, return_counts=True)
        self.sums[targets] += sign * np.add.reduceat(fixed(vectors[order]), starts, axis=0)
        self.counts[targets] += sign * counts

    def places(self, codes: NDArray[np.integer], vectors: Floats) -> Ints:
        """The sum to which each of the unit rows (m, d) of the classes `codes` (m,) belongs, (m,) int64."""
        first = self.starts[codes]
        if self.anchors is None:
            return first
        return nearest_of_own(vectors, self.anchors, first, self.starts[codes + 1])

    def over(self, classes: Sequence[str]) -> "Sums":
        """A copy that also has `classes`, with one empty sum for each new one."""
        names = sorted({*self.classes, *classes})
        place = code_of(names)
        old_codes = np.array([place[name] for name in self.classes], dtype=np.int64)
        new = np.setdiff1d(np.arange(len(names)), old_codes)
        owners = np.concatenate([old_codes[self.owners], new]).astype(np.int64)
        order = np.argsort(owners, kind="stable")

        def wider(rows: NDArray[Any]) -> NDArray[Any]:
            return np.concatenate([rows, np.zeros((len(new), *rows.shape[1:]), dtype=rows.dtype)])[order]

        anchors = None if self.anchors is None else wider(self.anchors)
        return Sums(names, owners[order], wider(self.sums), wider(self.counts), anchors)

    def taken(self, places: Ints) -> "Sums":
        """Only the sums at `places`, ascending, and the classes that they belong to."""
        codes, owners = np.unique(self.owners[places], return_inverse=True)
        anchors = None if self.anchors is None else self.anchors[places]
        classes = [self.classes[code] for code in codes.tolist()]
        return Sums(classes, owners.astype(np.int64), self.sums[places], self.counts[places], anchors)

    def held(self) -> "Sums":
        """A copy without the classes that have no rows."""
        rows = np.bincount(self.owners, self.counts, len(self.classes))
        return self.taken(np.flatnonzero(rows[self.owners] > 0))

    def of_class(self, code: int) -> "Sums":
        """A copy of the sums of one class."""
        return self.taken(np.arange(self.starts[code], self.starts[code + 1]))


def unit_means(sums: Sums) -> Floats:
    """The means of the rows in each sum, scaled to length 1, (p, d) float32; zeros for a mean shorter than 1e-6."""
    return directions(sums.sums, sums.counts)
