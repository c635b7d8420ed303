"""The content of one version of a collection, as its manifest lists it: plain data, and files with size and SHA-256."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from ..codec import LATER
from ..errors import Damaged


@dataclass(frozen=True)
class FileEntry:
    """A file below the collection's folder: relative POSIX path, bytes, SHA-256 in hex."""

    file: str
    size: int
    sha256: str

    def __post_init__(self) -> None:
        parts = self.file.split("/")
        if not self.file.isprintable() or "\\" in self.file or any(p in ("", ".", "..") for p in parts):
            raise Damaged(f"file name {self.file!r:.200} in a manifest leads out of the collection")


@dataclass(frozen=True)
class PartEntry(FileEntry):
    """A Parquet part: rows first_row, first_row + 1, ... or, once compacted, those in `row_map` (.npy, int64)."""

    first_row: int
    rows: int
    vector_offset: int  # bytes from the start of the file to its float32 vectors
    row_map: FileEntry | None = None


@dataclass(frozen=True)
class RunEntry(FileEntry):
    """A lookup table for keys, contents and labels of `rows` rows in first_row..last_row; see runs.py."""

    first_row: int
    last_row: int
    rows: int


@dataclass(frozen=True)
class RejectEntry(FileEntry):
    """A table of `rows` rejected images of one source."""

    rows: int
    source: str


@dataclass(frozen=True)
class SegmentEntry(FileEntry):
    """A FAISS index over `rows` rows from first_row on, or over the rows in its row map; its ids are 0..rows-1."""

    spec: str
    first_row: int
    rows: int
    row_map: FileEntry | None
    parameters: dict[str, Any]
    card: dict[str, Any]


@dataclass(frozen=True)
class ModelEntry:
    """The model that made the vectors; its files are in model/<digest>/."""

    digest: str
    dim: int
    precision: str
    files: tuple[FileEntry, ...]


@dataclass(frozen=True)
class PrototypeRule:
    """How prototypes are made: of the newest `window` rows of a class (0: all), with at most `per_class` means."""

    window: int = 0
    per_class: int = 1


@dataclass(frozen=True)
class PrototypeEntry:
    """Prototypes made by `rule` from the rows below `next_row` that were not in `deleted` at that time."""

    table: FileEntry
    index: FileEntry
    spec: str
    next_row: int
    deleted: FileEntry | None
    classes: int
    rule: PrototypeRule = field(default=PrototypeRule(), metadata=LATER)


@dataclass(frozen=True)
class HeadEntry(FileEntry):
    """A linear head over `classes` classes, fitted on the rows below `next_row` that were not in `deleted`."""

    next_row: int
    deleted: FileEntry | None
    version: int
    model: str | None
    classes: int


@dataclass(frozen=True)
class CalibrationEntry(FileEntry):
    """Thresholds for decisions by prototype, knn or linear, and the version on which they were chosen."""

    by: str
    version: int
    model: str | None


@dataclass(frozen=True)
class MovedSource:
    """Rows below `below` of the source `old`, after all earlier moves, belong to the source `new` now."""

    old: str
    new: str
    below: int


@dataclass(frozen=True)
class SourceUse:
    """How `source` was embedded under `prefix` ("" for none): the columns of a table; None for the usual ones."""

    source: str
    prefix: str
    image_column: str | None
    label_column: str | None


@dataclass(frozen=True)
class Content:
    """The content of a version. `deleted_count` counts deleted rows whose vectors are still stored."""

    dim: int | None = None
    next_row: int = 0
    model: ModelEntry | None = None
    parts: tuple[PartEntry, ...] = ()
    runs: tuple[RunEntry, ...] = ()
    rejects: tuple[RejectEntry, ...] = ()
    deleted: FileEntry | None = None
    deleted_count: int = 0
    segments: tuple[SegmentEntry, ...] = ()
    prototypes: PrototypeEntry | None = None
    calibrations: tuple[CalibrationEntry, ...] = ()
    index: dict[str, Any] | None = None  # what `index` was asked for: spec, recall, k
    prototype_rule: PrototypeRule = field(default=PrototypeRule(), metadata=LATER)
    head: HeadEntry | None = field(default=None, metadata=LATER)
    moved: tuple[MovedSource, ...] = field(default=(), metadata=LATER)
    uses: tuple[SourceUse, ...] = field(default=(), metadata=LATER)  # of sources with a prefix or with columns named


def files_of(content: Content) -> list[FileEntry]:
    """Every file that `content` names, each once."""
    return list({entry.file: entry for entry in file_entries(content)}.values())


def file_entries(value: Any) -> Iterator[FileEntry]:
    """All file entries in `value`, at any depth; repeated ones are repeated."""
    if isinstance(value, FileEntry):
        yield value
    if is_dataclass(value):
        value = [getattr(value, f.name) for f in fields(value)]
    if isinstance(value, list | tuple):
        for item in value:
            yield from file_entries(item)
