"""A collection at one version, read-only.

Rows are int64 numbers that are assigned once and never reused. Live rows are stored and not deleted; a deleted row can
still be gathered until `compact` drops it. Opening reads the manifest; everything else is checked and mapped when it is
first needed.
"""

import os
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..checks import whole_number
from ..disk.lock import reader_lock, writer_lock
from ..disk.publish import TEMPORARY, plain_errors
from ..errors import Busy, LookalikeError
from ..files.content import Content, FileEntry, ModelEntry
from ..files.deleted import Bitmap
from ..files.manifest import Manifest, manifest_path, newest_version, read_manifest, versions, write_version
from ..work.forks import cached_property
from .layout import Int64, Layout
from .lookups import FileFacts, Lookups
from .pages import Pages
from .vectors import Float32
from .vectors import blocks as blocks_of
from .vectors import gather as vectors_of

_ATTEMPTS = 100
_PAUSE = 0.01  # seconds


class Store:
    """One version of the collection at `path`; can be shared between threads. Use `open` or `create`."""

    def __init__(self, path: Path, manifest: Manifest, pages: Pages, lock: int) -> None:
        self.path, self.manifest, self.pages = path, manifest, pages
        self.close = weakref.finalize(self, os.close, lock)

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> "Store":
        """Create an empty collection, version 1, in a folder that is empty or does not exist."""
        folder = _absolute(path)
        with plain_errors(f"create {folder}"):
            _refuse_occupied(folder)
            folder.mkdir(parents=True, exist_ok=True)
        with writer_lock(folder):
            _refuse_occupied(folder)
            write_version(folder, 1, None, Content())
        return cls.open(folder, 1)

    @classmethod
    def open(cls, path: str | os.PathLike[str], version: int | None = None) -> "Store":
        """The newest version, or the given one; `gc` leaves it alone until it is closed.

        Raises Damaged for a damaged manifest, and LookalikeError where there is no such collection or version.
        """
        folder = _absolute(path)
        return cls._at(folder, version, Pages(folder))

    @classmethod
    def open_or_create(cls, path: str | os.PathLike[str]) -> "Store":
        """`open` if there is a collection, otherwise `create`."""
        return cls.open(path) if versions(_absolute(path)) else cls.create(path)

    @classmethod
    def _at(cls, folder: Path, version: int | None, pages: Pages) -> "Store":
        """Lock the manifest, then read it. Where it disappeared in between, a newer one exists."""
        for _ in range(_ATTEMPTS):
            number = newest_version(folder) if version is None else version
            with plain_errors(f"open version {number} of {folder}"):
                lock = reader_lock(manifest_path(folder, number))
            if lock is not None:
                try:
                    return cls(folder, read_manifest(folder, number), pages, lock)
                except BaseException:
                    os.close(lock)
                    raise
            if version is not None and manifest_path(folder, version).exists():
                time.sleep(_PAUSE)  # gc checks whether it is read, and may leave it
            elif version is not None:
                newest_version(folder)  # raises the error for a folder that is not a collection
                there = ", ".join(map(str, versions(folder)[-10:]))
                raise LookalikeError(f"version {version} of {folder} does not exist: the last versions are {there}")
        raise Busy(f"the versions of {folder} are removed faster than they can be opened: try again")

    def latest(self) -> "Store":
        """The newest version; this object itself if nothing was committed since."""
        return self if newest_version(self.path) == self.version else Store._at(self.path, None, self.pages)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def version(self) -> int:
        """This version's number."""
        return self.manifest.version

    @property
    def content(self) -> Content:
        """What the manifest lists."""
        return self.manifest.content

    @property
    def dim(self) -> int | None:
        """The dimension of the vectors; None while the collection has never held one."""
        return self.content.dim

    @property
    def next_row(self) -> int:
        """The number that the next row will get."""
        return self.content.next_row

    @property
    def deleted_count(self) -> int:
        """The number of deleted rows that are still stored."""
        return self.content.deleted_count

    @property
    def rows(self) -> int:
        """The number of live rows."""
        return sum(p.rows for p in self.content.parts) - self.deleted_count

    @property
    def model(self) -> ModelEntry | None:
        """The model that made the vectors; None where they came from elsewhere."""
        return self.content.model

    @cached_property
    def layout(self) -> Layout:
        """Which part has which row."""
        return Layout(self.content.parts, self.content.deleted, self.pages)

    @cached_property
    def lookups(self) -> Lookups:
        """Keys, contents, labels and file facts."""
        return Lookups(self.content.runs, self.pages.run, self.layout.live, self.content.moved)

    @property
    def deleted(self) -> Bitmap:
        """The deleted rows, including dropped ones."""
        return self.layout.deleted

    def file(self, entry: FileEntry) -> Path:
        """The path of a file of this version, with its bytes checked. Raises Damaged where they are wrong."""
        return self.pages.file(entry)

    def live(self, rows: Int64) -> NDArray[np.bool_]:
        """Which of `rows` (m,) int64 are stored and not deleted, (m,) bool."""
        return self.layout.live(np.asarray(rows, dtype=np.int64))

    def live_rows(self) -> Int64:
        """All live rows, ascending, (rows,) int64."""
        return self.layout.live_between(self.layout.between(0, None))

    def gather(self, rows: Int64) -> Float32:
        """The vectors of `rows` (m,) int64 in their order, (m, d) float32.

        Raises LookalikeError for a row that is not stored.
        """
        vectors, absent = vectors_of(self.layout, self.dim or 0, np.asarray(rows, dtype=np.int64))
        if len(absent):
            raise LookalikeError(f"row {absent[0]} of {self.path} does not exist in version {self.version}")
        return vectors

    def blocks(self, first: int = 0, stop: int | None = None, size: int = 16384) -> Iterator[tuple[Int64, Float32]]:
        """Live rows with first <= row < stop, ascending, as rows (m,) int64, vectors (m, d) float32, m <= size.

        Raises ValueError for a size below 1.
        """
        return blocks_of(self.layout, self.dim or 0, first, stop, whole_number("size", size, error=ValueError))

    def keys(self, rows: Int64) -> list[str]:
        """The keys of `rows` (m,) int64. Raises LookalikeError for a row that does not exist."""
        return self.lookups.keys(rows)

    def labels(self, rows: Int64) -> list[str | None]:
        """The labels of `rows` (m,) int64, None for an unlabelled row.

        Raises LookalikeError for a row that does not exist.
        """
        return self.lookups.labels(rows)

    @property
    def classes(self) -> list[str]:
        """The labels of live rows, sorted."""
        return self.lookups.classes

    def codes(self, rows: Int64) -> NDArray[np.int32]:
        """The place in `classes` of the label of each of `rows` (m,), (m,) int32; -1 without a label, or for row -1."""
        return self.lookups.codes(rows)

    def find(self, keys: Sequence[str]) -> Int64:
        """The live row of each key, (m,) int64; -1 where there is none."""
        return self.lookups.find(keys)

    def find_contents(self, contents: Sequence[str]) -> Int64:
        """A live row of each content (SHA-256 of the encoded image, hex), (m,) int64; -1 where there is none."""
        return self.lookups.find_contents(contents)

    def facts(self, rows: Int64) -> FileFacts:
        """The stored facts of the files that `rows` (m,) int64 came from; see FileFacts."""
        return self.lookups.facts(rows)


def _absolute(path: str | os.PathLike[str]) -> Path:
    return Path(os.path.abspath(path))


def _refuse_occupied(folder: Path) -> None:
    """Refuse a folder that contains anything but the remains of an interrupted `create`."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise LookalikeError(f"cannot create {folder}: it is a file; a collection is a folder, empty or new")
    if versions(folder):
        raise LookalikeError(f"cannot create {folder}: it is a collection already; open it instead")
    names = [p.name for p in folder.iterdir()] + [p.name for p in (folder / "manifests").glob("*")]
    odd = [n for n in names if n not in ("lock", "manifests") and not n.endswith(TEMPORARY)]
    if odd:
        raise LookalikeError(f"cannot create {folder}: it holds {odd[0]!r}; a collection needs an empty or new folder")
