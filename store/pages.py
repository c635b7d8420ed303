"""A collection's published files as memory maps, each checked when it is first needed and kept while it is used.

Published files never change, so that versions and threads share them. Parts are kept up to a limit, since every map
costs a file descriptor.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from .checked import checked
from .deleted import Bitmap
from .errors import Damaged
from .footers import Footer, read_footer
from .manifest import FileEntry, PartEntry, RunEntry
from .parts import map_vectors
from .publish import plain_errors
from .runs import RunTable

_MOST_PARTS = 192
_MOST_OTHERS = 256
T = TypeVar("T")


class Pages:
    """The files below `folder`; safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._lock = threading.RLock()
        self._parts: OrderedDict[str, Any] = OrderedDict()
        self._others: OrderedDict[str, Any] = OrderedDict()
        self._footers: dict[str, Footer] = {}
        self._schemas: dict[Any, Any] = {}
        # Versions hold their own runs: one that all have let go of must not stay mapped while an import goes on.
        self._runs: WeakValueDictionary[str, RunTable] = WeakValueDictionary()

    def file(self, entry: FileEntry) -> Path:
        """The path of `entry`; Damaged where its bytes are not those promised, or a link leads to it."""
        path = self.folder
        for name in entry.file.split("/"):
            path = path / name
            if path.is_symlink():
                raise Damaged(f"{path} is a link: a collection holds its own files; copy the files there instead")
        with plain_errors(f"read {path}"):
            return checked(path, entry.size, entry.sha256)

    def vectors(self, entry: PartEntry, dim: int, *, keep: bool = True) -> NDArray[np.uint8]:
        """The vectors of a part as bytes, (rows, 4 * dim) uint8."""
        if not keep:
            return self._map(entry, dim)
        return self._kept(self._parts, _MOST_PARTS, entry, lambda: self._map(entry, dim))

    def row_map(self, entry: FileEntry) -> NDArray[np.int64]:
        """The rows that a compacted file holds, ascending."""
        return self._kept(self._others, _MOST_OTHERS, entry, lambda: _row_map(self.file(entry)))

    def footer(self, entry: PartEntry) -> Footer:
        """What a part says of itself; read once."""
        with self._lock:
            footer = self._footers.get(entry.file)
            if footer is None:
                footer = read_footer(self.file(entry))
                schema = self._schemas.setdefault(footer.schema, footer.schema)  # most parts have the same
                footer = self._footers[entry.file] = footer._replace(schema=schema)
            return footer

    def run(self, entry: RunEntry) -> RunTable:
        """A lookup table."""
        with self._lock:
            table = self._runs.get(entry.file)
            if table is None:
                with plain_errors(f"read {entry.file}"):
                    table = self._runs[entry.file] = RunTable(self.file(entry))
            return table

    def bitmap(self, entry: FileEntry | None) -> Bitmap:
        """Deleted rows; none where there is no file."""
        if entry is None:
            return Bitmap.empty()
        return self._kept(self._others, _MOST_OTHERS, entry, lambda: Bitmap.load(self.file(entry)))

    def _map(self, entry: PartEntry, dim: int) -> NDArray[np.uint8]:
        path = self.file(entry)
        with plain_errors(f"read {path}"):
            return map_vectors(path, entry, dim).view(np.ndarray)  # indexing a np.memmap costs ten times as much

    def _kept(self, shelf: "OrderedDict[str, Any]", most: int, entry: FileEntry, load: Callable[[], T]) -> T:
        """What `load` gave for this file last time; the one unused for longest is dropped where there are too many."""
        with self._lock:
            if entry.file in shelf:
                shelf.move_to_end(entry.file)
                return shelf[entry.file]
            with plain_errors(f"read {entry.file}"):
                shelf[entry.file] = load()
            while len(shelf) > most:
                shelf.popitem(last=False)
            return shelf[entry.file]


def _row_map(path: Path) -> NDArray[np.int64]:
    """Read a row map, checked to ascend."""
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise Damaged(f"{path} is not a row map: {error}") from None
    if rows.dtype != np.int64 or rows.ndim != 1 or np.any(np.diff(rows) <= 0):
        raise Damaged(f"{path} is not a row map: it must hold ascending int64 rows")
    return rows
