"""Which row an id of a segment stands for: first_row + id, or an entry of the segment's row map if rows are missing."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...store.errors import Damaged
from ...store.files.content import FileEntry, SegmentEntry
from ...store.files.new_files import publish_array
from ...store.version.store import Store
from .order import Ints

_CHUNK = 1 << 20


@dataclass(frozen=True)
class RowMap:
    """Ids 0..n-1 are the rows first, first + 1, ... or, if `map` (n,) int64 ascending is given, map[id]."""

    first: int
    n: int
    map: Ints | None = None

    @classmethod
    def from_rows(cls, rows: Ints) -> "RowMap":
        """The map from ids to `rows` (n,), ascending; without an array if they are consecutive."""
        first = int(rows[0]) if len(rows) else 0
        gapless = len(rows) == 0 or int(rows[-1]) - first + 1 == len(rows)
        return cls(first, len(rows), None if gapless else rows)

    @classmethod
    def of(cls, store: Store, entry: SegmentEntry) -> "RowMap":
        """The row map of a segment, memory-mapped. Raises Damaged where it does not ascend or has another length."""
        if entry.row_map is None:
            return cls(entry.first_row, entry.rows)
        rows = store.pages.row_map(entry.row_map)
        if len(rows) != entry.rows:
            raise Damaged(f"{entry.row_map.file} holds {len(rows)} rows instead of the {entry.rows} of {entry.file}")
        if len(rows) and not 0 <= rows[0] <= rows[-1] < store.next_row:
            raise Damaged(f"{entry.row_map.file} holds rows {rows[0]} to {rows[-1]}, and {store.path} has no such rows")
        return cls(entry.first_row, entry.rows, rows)

    def publish(self, folder: Path) -> FileEntry | None:
        """Write instances/<name>.rows.npy below the collection `folder`, if there is an array to write."""
        if self.map is None:
            return None
        rows = np.ascontiguousarray(self.map, dtype=np.int64)
        return publish_array(folder, "instances", ".rows.npy", rows)

    @property
    def stop(self) -> int:
        """One more than the last row."""
        return self.first + self.n if self.map is None else int(self.map[-1]) + 1

    def rows(self, ids: Ints) -> Ints:
        """The rows of `ids` of any shape; -1 stays -1."""
        if self.map is not None:
            return np.where(ids < 0, -1, self.map[np.maximum(ids, 0)])
        return np.where(ids < 0, -1, ids + self.first) if self.first else ids

    def pick(self, by_row: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The part of a mask by row that belongs to the ids, (n,) bool."""
        return by_row[self.first : self.stop] if self.map is None else by_row[self.map]

    def live(self, store: Store) -> NDArray[np.bool_] | None:
        """Which ids are live, (n,) bool; None if all are."""
        alive = np.empty(self.n, dtype=bool)
        for start in range(0, self.n, _CHUNK):
            stop = min(start + _CHUNK, self.n)
            alive[start:stop] = store.live(self.rows(np.arange(start, stop)))
        return None if alive.all() else alive
