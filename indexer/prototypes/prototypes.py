"""Prototypes: for each class the mean of its unit rows, scaled to length 1, or several means of parts of them.

Snell, Swersky and Zemel, "Prototypical networks for few-shot learning", 2017, eq. 1, on the unit sphere. Adding or
removing rows, or a whole class, is exact (see sums). A class whose rows cancel out (a mean shorter than 1e-6) has no
direction: it keeps its sum and count, but has no prototype until its rows have a direction. If a class has several
prototypes, the one nearest to a query represents it.
"""

from typing import Any

import numpy as np

from ...measures.scores import correct
from ...store.checks import whole_number
from ...store.errors import Damaged, LookalikeError
from ...store.files.content import PrototypeEntry
from ...store.version.lookups import code_of
from ...store.version.store import Store
from ...store.work.forks import cached_property
from ..engine.faiss_files import read_faiss
from ..engine.library import faiss, unsearchable
from ..engine.trial import File, ensure_tried
from ..segments.exact import in_chunks
from ..segments.order import Floats, Hits, Ints, padded
from ..segments.segment import Segment
from .folded import Folded, current, outdated
from .sums import unit_means
from .table import read_table


class Prototypes:
    """The prototypes of a collection, ready to search.

    classes: c names, sorted. matrix: (p, d) float32 unit rows; those of a class are adjacent, and classes are in order.
    owners: (p,) int64, the place in `classes` of each. counts: (c,) int64 rows of each class's prototypes. The classes
    are those of `folded` with a sum that has a direction.
    """

    def __init__(self, folded: Folded, rows: Floats | None = None, index: Any = None) -> None:
        rows = unit_means(folded.sums) if rows is None else rows
        pointing = np.asarray(rows.any(axis=1))
        self.folded = folded
        there = np.isin(folded.sums.owners, folded.sums.owners[pointing])
        self._sums = folded.sums.taken(np.flatnonzero(there))
        self.classes, self.owners = self._sums.classes, self._sums.owners[pointing[there]]
        self.counts = np.bincount(self._sums.owners, self._sums.counts, len(self.classes)).astype(np.int64)
        matrix = self.matrix = np.ascontiguousarray(rows[pointing])
        if index is None:
            index = faiss.IndexFlatIP(max(1, matrix.shape[1]))
            if len(matrix):
                index.add(matrix)
        self._segment = Segment(index, lambda ids: self.matrix[ids])
        self._older: dict[str, Ints] | None = None

    @classmethod
    def of(cls, store: Store) -> "Prototypes":
        """The prototypes of the live rows of `store`: the last fold with later changes, or from all stored vectors."""
        entry = store.content.prototypes
        if entry is None or outdated(store, entry, store.content.prototype_rule):
            return cls(current(store))
        return cls._folded(store, entry)

    @classmethod
    def _folded(cls, store: Store, entry: PrototypeEntry) -> "Prototypes":
        """The last fold, with its stored index if that is more than a matrix."""
        path = store.pages.table(entry.table)
        sums, rows, window = read_table(path, store.dim, entry.rule)
        index = None
        if entry.spec != "Flat":
            ensure_tried([File.of(store, entry.index, entry.spec)])
            index = read_faiss(store.file(entry.index))
        pointing = int(rows.any(axis=1).sum())
        if index is not None and (index.ntotal, index.d) != (pointing, store.dim):
            raise Damaged(f"{path} and its index disagree: {pointing} prototypes, and {index.ntotal}")
        return cls(Folded(sums, window), rows, index)

    def left_out(self, store: Store, rows: Ints) -> dict[int, Floats]:
        """The prototypes of the classes of `rows` (m,), live rows of `store`, computed without those rows.

        Returns unit rows (p', d) float32 by place in `classes`; none for a class that has no direction then. If a
        window limits them, older rows move up, as when `rows` are removed.
        """
        places: dict[str, list[int]] = {}
        for place, label in enumerate(store.labels(rows)):
            if label is not None and label in self._codes:
                places.setdefault(label, []).append(place)
        return {self._codes[name]: self._less(store, name, rows[members]) for name, members in places.items()}

    def _less(self, store: Store, name: str, gone: Ints) -> Floats:
        """The prototypes of the class `name` without some of its rows."""
        one, new = self._sums.of_class(self._codes[name]), gone[:0]
        if self.folded.window is not None:
            older = self._older_than_windows(store, self.folded.window).get(name, gone[:0])
            older = older[~np.isin(older, gone)]
            gone = gone[np.isin(gone, self.folded.window)]
            new = older[max(0, len(older) - len(gone)) :]
        for moved, sign in ((gone, -1), (new, 1)):
            for batch, vectors in in_chunks(moved, store.gather):
                one.add(np.zeros(len(batch), dtype=np.int64), vectors, sign)
        units = unit_means(one)
        return units[units.any(axis=1)]

    def _older_than_windows(self, store: Store, window: Ints) -> dict[str, Ints]:
        """The live rows of each class outside of its window, ascending; read once."""
        if self._older is None:
            rows = np.setdiff1d(store.live_rows(), window, assume_unique=True)
            codes = store.codes(rows)
            order = np.argsort(codes, kind="stable")
            parts = np.split(rows[order], np.searchsorted(codes[order], np.arange(len(store.classes))))
            self._older = dict(zip(store.classes, parts[1:], strict=True))
        return self._older

    @cached_property
    def _codes(self) -> dict[str, int]:
        return code_of(self.classes)

    @cached_property
    def _one_each(self) -> bool:
        return len(self.matrix) == len(self.classes)

    @cached_property
    def _starts(self) -> Ints:
        """Where the prototypes of each class begin, (c,)."""
        return np.searchsorted(self.owners, np.arange(len(self.classes)))

    def scores(self, queries: Floats) -> Floats:
        """Inner products of queries (nq, d) float32 unit rows with each class's nearest prototype, (nq, c) float32."""
        scores: Floats = correct(queries @ self.matrix.T, queries, self.matrix)
        if self._one_each:
            return scores
        return np.maximum.reduceat(scores, self._starts, axis=1)

    def search(self, queries: Floats, k: int) -> tuple[Floats, Ints]:
        """The `k` nearest classes: scores (nq, k) float32 and codes (nq, k) int64, places in `classes`.

        queries: (nq, d) C-contiguous float32 unit rows. Sorted by (-score, code); filled up with -inf and -1. Raises
        LookalikeError for k < 1 or another dimension.
        """
        k = whole_number("k", k)
        if self.classes and queries.shape[1:] != self.matrix.shape[1:]:
            raise LookalikeError(f"queries have shape {queries.shape}: it must be (queries, {self.matrix.shape[1]})")
        try:
            hits: Hits = self._segment.search(queries, self._enough(k))
        except RuntimeError as error:
            raise unsearchable("the prototypes", error) from error
        return hits if self._one_each else _first_of_each(*hits, self.owners, k)

    def _enough(self, k: int) -> int:
        """How many prototypes are sure to cover `k` classes."""
        if self._one_each:
            return k
        return min(len(self.matrix), (k - 1) * int(np.bincount(self.owners).max()) + 1)


def _first_of_each(scores: Floats, ids: Ints, owners: Ints, k: int) -> Hits:
    """The first hit of each class among hits (nq, m), best first: scores (nq, k) and classes (nq, k)."""
    codes = np.where(ids >= 0, owners[np.maximum(ids, 0)] if len(owners) else -1, -1)
    order = np.argsort(codes, axis=1, kind="stable")
    ordered = np.take_along_axis(codes, order, axis=1)
    again = np.zeros(codes.shape, dtype=bool)
    np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    missing = again | (codes < 0)
    keep = np.argsort(missing, axis=1, kind="stable")
    best = np.take_along_axis(np.where(missing, np.float32(-np.inf), scores), keep, axis=1)
    return padded(best, np.take_along_axis(np.where(missing, -1, codes), keep, axis=1), k)
