"""Which part has which row, at which position, and whether the row is live.

Parts are in the order of their rows and do not overlap. A row is live if a part has it and it is not deleted.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Damaged
from ..files.content import FileEntry, PartEntry
from ..files.deleted import Bitmap
from ..work.forks import cached_property
from .pages import Pages

Int64 = NDArray[np.int64]


class Layout:
    """The rows of `parts`, in their order, without those of the bitmap `deleted`."""

    def __init__(self, parts: tuple[PartEntry, ...], deleted: FileEntry | None, pages: Pages) -> None:
        self.parts, self.pages, self._deleted = parts, pages, deleted
        self.first = np.array([p.first_row for p in parts], dtype=np.int64)
        self.counts = np.array([p.rows for p in parts], dtype=np.int64)
        self.mapped = np.array([p.row_map is not None for p in parts], dtype=bool)

    @cached_property
    def deleted(self) -> Bitmap:
        """The deleted rows, including dropped ones."""
        return self.pages.bitmap(self._deleted)

    def live(self, rows: Int64) -> NDArray[np.bool_]:
        """Which of `rows` (m,) are live, (m,) bool."""
        return (self.locate(rows)[0] >= 0) & ~self.deleted.mask(rows)

    def live_between(self, parts: Sequence[int], first: int = 0, stop: int | None = None) -> Int64:
        """Live rows of some parts with first <= row < stop, (n,) int64, ascending where `parts` are."""
        pieces = [np.zeros(0, dtype=np.int64)]
        for part in parts:
            rows = self.rows_of(part)
            rows = rows[np.searchsorted(rows, first) : None if stop is None else np.searchsorted(rows, stop)]
            pieces.append(rows[~self.deleted.mask(rows)])
        return np.concatenate(pieces)

    def count_live(self, first: int, stop: int) -> int:
        """How many live rows have first <= row < stop, part by part."""
        count = 0
        for part in self.between(first, stop):
            entry = self.parts[part]
            if entry.row_map is not None:
                count += len(self.live_between([part], first, stop))
                continue
            start, end = max(first, entry.first_row), min(stop, entry.first_row + entry.rows)
            count += max(0, end - start) - int(np.count_nonzero(self.deleted.between(start, end)))
        return count

    def rows_of(self, part: int) -> Int64:
        """The rows of a part, (rows,) int64, ascending."""
        entry = self.parts[part]
        if entry.row_map is not None:
            return self._mapped_rows(part, entry, entry.row_map)
        return np.arange(entry.first_row, entry.first_row + entry.rows, dtype=np.int64)

    def _mapped_rows(self, part: int, entry: PartEntry, row_map: FileEntry) -> Int64:
        """The rows of a compacted part. Raises Damaged where they do not match its entry."""
        rows = self.pages.row_map(row_map)
        end = self.first[part + 1] if part + 1 < len(self.first) else None
        if len(rows) != entry.rows or rows[0] != entry.first_row or (end is not None and rows[-1] >= end):
            raise Damaged(f"{row_map.file} in {self.pages.folder} does not list the {entry.rows} rows of {entry.file}")
        return rows

    def locate(self, rows: Int64) -> tuple[Int64, Int64]:
        """Part and position of each of `rows` (m,), both (m,) int64; part -1 where no part has the row."""
        if not self.parts:
            return np.full(len(rows), -1, dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
        part = np.searchsorted(self.first, rows, side="right") - 1
        place = rows - self.first[part]
        present = (part >= 0) & (place < self.counts[part])
        if self.mapped.any():
            for number, members in groups(part):
                if number >= 0 and self.mapped[number]:
                    present[members], place[members] = _in_map(self.rows_of(number), rows[members])
        return np.where(present, part, -1), place

    def between(self, first: int, stop: int | None) -> list[int]:
        """The parts that may have rows first <= row < stop, in order."""
        if not self.parts:
            return []
        start = max(0, int(np.searchsorted(self.first, first, side="right")) - 1)
        end = len(self.parts) if stop is None else int(np.searchsorted(self.first, stop, side="left"))
        return list(range(start, end))


def _in_map(row_map: Int64, rows: Int64) -> tuple[NDArray[np.bool_], Int64]:
    """Whether each row is in the map, and where."""
    place = np.minimum(np.searchsorted(row_map, rows), len(row_map) - 1)
    return row_map[place] == rows, place


def groups(part: Int64) -> Iterator[tuple[int, Any]]:
    """Each number in `part` (m,) with the places (k,) int64 where it occurs; one slice where all are the same."""
    if len(part) == 0:
        return
    if part[0] == part[-1] and (part == part[0]).all():
        yield int(part[0]), slice(None)
        return
    order = np.argsort(part, kind="stable")
    cuts = [0, *(np.flatnonzero(np.diff(part[order])) + 1).tolist(), len(order)]
    for start, end in itertools.pairwise(cuts):
        members = order[start:end]
        yield int(part[members[0]]), members
