"""A collection's published files as memory maps, each checked when it is first needed and kept while it is used.

Published files never change, so versions and threads share them. Parts and row maps are kept up to a limit, since every
map costs a file descriptor; lookup runs and bitmaps are kept as long as a version uses them.
"""

import resource
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet, WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from ..disk.checked import checked, note, noted
from ..disk.publish import plain_errors
from ..errors import Damaged
from ..files.content import FileEntry, PartEntry, RunEntry
from ..files.deleted import Bitmap
from ..files.footers import Footer, read_footer
from ..files.npy_files import map_npy
from ..files.parts import map_vectors
from ..files.runs import RunTable
from ..foreign.table_trial import Table, ensure_readable
from ..unit import first_beyond
from ..work.forks import RLock

MOST_MAPS = 4096
T = TypeVar("T")


class Pages:
    """The files below `folder`; can be shared between threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._lock = RLock()
        self._maps: OrderedDict[str, NDArray[Any]] = OrderedDict()
        self._footers: dict[str, Footer] = {}
        self._schemas: dict[Any, Any] = {}
        # Versions keep those they use; the others must not stay in memory during an import.
        self._runs: WeakValueDictionary[str, RunTable] = WeakValueDictionary()
        self._bitmaps: WeakValueDictionary[str, Bitmap] = WeakValueDictionary()
        _all.add(self)

    def file(self, entry: FileEntry) -> Path:
        """The path of `entry`. Raises Damaged where its bytes are not those in the manifest, or it is behind a link."""
        path = self.folder
        for name in entry.file.split("/"):
            path = path / name
            if path.is_symlink():
                raise Damaged(f"{path} is a link: a collection holds its own files; copy the files there instead")
        with plain_errors(f"read {path}"):
            return checked(path, entry.size, entry.sha256)

    def table(self, entry: FileEntry) -> Path:
        """The path of a Parquet file that is also known to be readable; see table_trial."""
        path = self.file(entry)
        with plain_errors(f"read {path}"):
            ensure_readable([Table(path, entry.sha256)])
        return path

    def ensure_tables(self, entries: Iterable[FileEntry]) -> None:
        """`table` for many files, with one process for all of them rather than one for each."""
        with plain_errors(f"read {self.folder}"):
            ensure_readable([Table(self.file(entry), entry.sha256) for entry in entries])

    def vectors(self, entry: PartEntry, dim: int, *, keep: bool = True) -> NDArray[np.uint8]:
        """The vectors of a part as bytes, (rows, 4 * dim) uint8."""
        if not keep:
            return self._map(entry, dim)
        return self._kept(entry, lambda: self._map(entry, dim))

    def row_map(self, entry: FileEntry) -> NDArray[np.int64]:
        """The rows of a compacted file, (rows,) int64, ascending."""
        return self._kept(entry, lambda: _row_map(self.file(entry)))

    def footer(self, entry: PartEntry) -> Footer:
        """The footer of a part, read once."""
        with self._lock:
            footer = self._footers.get(entry.file)
            if footer is None:
                footer = read_footer(self.table(entry), entry.rows)
                schema = self._schemas.setdefault(footer.schema, footer.schema)  # most parts have the same
                footer = self._footers[entry.file] = footer._replace(schema=schema)
            return footer

    def run(self, entry: RunEntry) -> RunTable:
        """A lookup table."""
        return self._shared(self._runs, entry, lambda path: self._run(path, entry))

    def _run(self, path: Path, entry: RunEntry) -> RunTable:
        """A lookup table, checked once."""
        ensure_readable([Table(path, entry.sha256)])
        table = RunTable(path, checked=True)
        if (len(table.rows), table.rows[0], table.rows[-1]) != (entry.rows, entry.first_row, entry.last_row):
            raise Damaged(f"{path} does not hold the rows {entry.first_row} to {entry.last_row} of its entry")
        return table

    def bitmap(self, entry: FileEntry | None) -> Bitmap:
        """The deleted rows; none where there is no file."""
        if entry is None:
            return Bitmap.empty()
        return self._shared(self._bitmaps, entry, Bitmap.load)

    def _map(self, entry: PartEntry, dim: int) -> NDArray[np.uint8]:
        path = self.file(entry)
        with plain_errors(f"read {path}"):
            mapped = map_vectors(path, entry, dim).view(np.ndarray)  # indexing a np.memmap costs ten times as much
        _refuse_odd_rows(path, entry, dim, mapped)
        return mapped

    def _shared(self, held: "WeakValueDictionary[str, T]", entry: FileEntry, load: Callable[[Path], T]) -> T:
        """The result of `load` for this file, kept while it is in use."""
        with self._lock:
            loaded = held.get(entry.file)
            if loaded is None:
                with plain_errors(f"read {entry.file}"):
                    loaded = held[entry.file] = load(self.file(entry))
            return loaded

    def _kept(self, entry: FileEntry, load: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The last result of `load` for this file; the least recently used ones are dropped if there are too many."""
        with self._lock:
            if entry.file in self._maps:
                self._maps.move_to_end(entry.file)
                return self._maps[entry.file]
            most = most_maps(len(_all))
            while len(self._maps) >= most:
                self._maps.popitem(last=False)
            with plain_errors(f"read {entry.file}"):
                self._maps[entry.file] = load()
            return self._maps[entry.file]


def _refuse_odd_rows(path: Path, entry: PartEntry, dim: int, stored: NDArray[np.uint8]) -> None:
    """Raise Damaged where a row of a part is NaN or longer than 1, since its scores would be NaN or out of range."""
    mark = f"unit-1 {entry.vector_offset} {entry.rows} {dim}"
    if noted(entry.sha256, mark):
        return
    if (place := first_beyond(stored)) is not None:
        row = "" if entry.row_map is not None else f" (row {entry.first_row + place})"
        raise Damaged(
            f"{path}: the vector at place {place}{row} is not a unit vector: run `lookalike verify` to list all"
        )
    note(entry.sha256, mark)


_all: "WeakSet[Pages]" = WeakSet()


def most_maps(shares: int) -> int:
    """How many maps each of `shares` collections may keep: together half of the files that this process may open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    half = MOST_MAPS if limit == resource.RLIM_INFINITY else min(MOST_MAPS, limit // 2)
    return max(1, half // max(1, shares))


def _row_map(path: Path) -> NDArray[np.int64]:
    """Read a row map and check that it ascends."""
    rows = map_npy(path, np.int64, "a row map")
    if len(rows) == 0 or rows[0] < 0 or np.any(rows[1:] <= rows[:-1]):
        raise Damaged(f"{path} is not a row map: its rows do not ascend from 0 on")
    return rows
