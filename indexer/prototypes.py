"""Prototypes: for each class the mean of its unit rows, brought to length 1.

Snell, Swersky and Zemel, "Prototypical networks for few-shot learning", 2017, eq. 1, on the unit sphere. Adding or
removing rows, or a whole class, is exact (see sums). A class whose rows cancel out (a mean shorter than 1e-6) has no
direction: it keeps its sum and count, and is no prototype until its rows point somewhere.
"""

import secrets
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..store.errors import Damaged, LookalikeError
from ..store.manifest import FileEntry, PrototypeEntry
from ..store.publish import publish
from ..store.store import Store
from ..store.writer import Writer
from .build import build, sample_size, training_places
from .device import Device
from .exact import in_chunks
from .faiss_files import read_faiss, write_faiss
from .library import faiss
from .prototype_table import as_parquet, read_table
from .ranks import Floats, Hits, Ints
from .segment import Segment
from .segments import tuned_and_measured
from .specs import choose_spec
from .sums import SCALE, Sums, brought_up, from_rows

FOLDER = "prototypes"
LEAST_LENGTH = 1e-6
_RECALL, _K = 0.99, 10  # what an index over more classes than Flat is for must reach


class Prototypes:
    """The prototypes of a collection, searched.

    classes: c names, sorted. matrix: (c, d) float32 unit rows. counts: (c,) int64 rows of each class. The classes are
    those of `sums` whose row in `rows` (see `unit_means`) has a direction.
    """

    def __init__(self, sums: Sums, rows: Floats, index: Any = None) -> None:
        pointing = np.flatnonzero(rows.any(axis=1))
        self._sums = Sums([sums.classes[i] for i in pointing], sums.sums[pointing], sums.counts[pointing])
        self.classes, self.counts = self._sums.classes, self._sums.counts
        matrix = self.matrix = np.ascontiguousarray(rows[pointing])
        if index is None:
            index = faiss.IndexFlatIP(max(1, matrix.shape[1]))
            if len(matrix):
                index.add(matrix)
        self._segment = Segment(index, lambda ids: self.matrix[ids])

    @classmethod
    def of(cls, store: Store) -> "Prototypes":
        """The prototypes of the live rows of `store`: as folded plus what changed since, or from all stored vectors."""
        entry = store.content.prototypes
        if entry is None:
            sums = from_rows(store)
            return cls(sums, unit_means(sums))
        if not _outdated(entry, store):
            return cls._folded(store, entry)
        sums = brought_up(read_table(store.file(entry.table), store.dim)[0], entry, store)
        return cls(sums, unit_means(sums))

    @classmethod
    def _folded(cls, store: Store, entry: PrototypeEntry) -> "Prototypes":
        """As folded, with the index that was written for them where it is more than a matrix."""
        path = store.file(entry.table)
        sums, rows = read_table(path, store.dim)
        index = None if entry.spec == "Flat" else read_faiss(store.file(entry.index))
        pointing = int(rows.any(axis=1).sum())
        if index is not None and (index.ntotal, index.d) != (pointing, store.dim):
            raise Damaged(f"{path} and its index disagree: {pointing} prototypes, and {index.ntotal}")
        return cls(sums, rows, index)

    def without(self, name: str) -> "Prototypes":
        """The others, where the class `name` is left out; LookalikeError where it is not there."""
        if name not in self.classes:
            raise LookalikeError(f"class {name!r} has no prototype: one of the {len(self.classes)} classes works")
        keep = [i for i, other in enumerate(self.classes) if other != name]
        rest = Sums([self.classes[i] for i in keep], self._sums.sums[keep], self.counts[keep])
        return Prototypes(rest, self.matrix[keep])

    def left_out(self, store: Store, rows: Ints) -> dict[int, Floats | None]:
        """What the prototypes of the classes of `rows` (m,), live rows of `store`, are without those rows.

        By code: a unit row (d,) float32, or None where nothing is left that points anywhere.
        """
        places: dict[str, list[int]] = {}
        for place, label in enumerate(store.labels(rows)):
            if label is not None and label in self._codes:
                places.setdefault(label, []).append(place)
        return {self._codes[name]: self._less(name, store.gather(rows[mine])) for name, mine in places.items()}

    def _less(self, name: str, vectors: Floats) -> Floats | None:
        """The prototype of the class `name` without some of its rows, unit rows (m, d)."""
        code = self._codes[name]
        one = Sums([name], self._sums.sums[[code]], self.counts[[code]])
        one.add(np.zeros(len(vectors), dtype=np.int64), vectors, -1)
        unit = unit_means(one)[0]
        return unit if unit.any() else None

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {name: code for code, name in enumerate(self.classes)}

    def scores(self, queries: Floats) -> Floats:
        """Inner products of queries (nq, d) float32 unit rows and all prototypes, (nq, c) float32, unsorted."""
        return queries @ self.matrix.T

    def search(self, queries: Floats, k: int) -> tuple[Floats, Ints]:
        """The `k` nearest prototypes: scores (nq, k) float32 and codes (nq, k) int64, places in `classes`.

        queries: (nq, d) C-contiguous float32 unit rows. Sorted by (-score, code); -inf and -1 where there are fewer.
        Raises LookalikeError for k < 1 or another dimension.
        """
        if k < 1:
            raise LookalikeError(f"k is {k!r}: a whole number from 1 works")
        if self.classes and queries.shape[1:] != self.matrix.shape[1:]:
            raise LookalikeError(f"queries have shape {queries.shape}: (queries, {self.matrix.shape[1]}) works")
        hits: Hits = self._segment.search(queries, k)
        return hits


def unit_means(sums: Sums) -> NDArray[np.float32]:
    """The means of classes brought to length 1, (c, d) float32; zeros where a mean is shorter than 1e-6."""
    means = sums.sums / (SCALE * np.maximum(sums.counts, 1))[:, None]
    lengths = np.sqrt(np.square(means).sum(axis=1, keepdims=True))
    pointing = lengths >= LEAST_LENGTH
    return np.where(pointing, means / np.where(pointing, lengths, 1.0), 0.0).astype(np.float32)


def fold(writer: Writer) -> None:
    """Stage the prototypes of the live rows of the writer's base; LookalikeError where the disk fails."""
    store, entry = writer.base, writer.base.content.prototypes
    if entry is None or _outdated(entry, store):
        folded = None if entry is None else read_table(store.file(entry.table), store.dim)[0]
        sums = from_rows(store) if entry is None or folded is None else brought_up(folded, entry, store)
        entry = _publish(writer.path, store, sums) if sums.classes else None
    if entry != writer.content.prototypes:
        writer.set_prototypes(entry)


def _outdated(entry: PrototypeEntry, store: Store) -> bool:
    return (entry.next_row, entry.deleted) != (store.next_row, store.content.deleted)


def _publish(folder: Path, store: Store, sums: Sums) -> PrototypeEntry:
    """Write the table and the index over its rows."""
    rows = unit_means(sums)
    pointing = np.ascontiguousarray(rows[rows.any(axis=1)])
    spec, index = _index_over(pointing)
    name = f"{FOLDER}/{secrets.token_hex(8)}"
    return PrototypeEntry(
        table=FileEntry(f"{name}.parquet", *publish(folder / f"{name}.parquet", as_parquet(sums, rows))),
        index=FileEntry(f"{name}.faiss", *write_faiss(folder / f"{name}.faiss", index)),
        spec=spec,
        next_row=store.next_row,
        deleted=store.content.deleted,
        classes=len(sums.classes),
    )


def _index_over(rows: Floats) -> tuple[str, Any]:
    """The spec and index for prototypes (c, d), by the builder that serves segments."""
    count, dim = rows.shape
    spec, _ = choose_spec("auto", count, dim, None)
    ids = np.arange(count)
    sample = rows[training_places(count, sample_size(spec, count, dim))]
    index = build(spec, dim, sample, in_chunks(ids, lambda some: rows[some]), Device("cpu"), count)
    blocks = in_chunks(ids, lambda some: rows[some])
    tuned_and_measured(lambda values: Segment(index, lambda some: rows[some], values), ids, blocks, _RECALL, _K)
    return spec, index
