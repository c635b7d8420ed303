"""The manifest: one version of a collection, as frozen data and as one line of canonical JSON.

It names every file with size and SHA-256, and holds its parent's digest and a digest of the rest. A damaged one is
refused and never passed over for an older one. All file names are relative POSIX paths below the collection's folder.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .codec import LATER, from_plain, to_plain
from .contradiction import contradiction
from .errors import Damaged, LookalikeError
from .publish import plain_errors, publish
from .regular import read_regular

FORMAT = 1
_NAME = re.compile(r"(\d{8,18})\.json")


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
    """A FAISS index over `rows` rows from first_row on, or over those of its row map; its ids are 0..rows-1."""

    spec: str
    first_row: int
    rows: int
    row_map: FileEntry | None
    parameters: dict[str, Any]
    card: dict[str, Any]


@dataclass(frozen=True)
class ModelEntry:
    """The model that made the vectors; its files lie in model/<digest>/."""

    digest: str
    dim: int
    precision: str
    files: tuple[FileEntry, ...]


@dataclass(frozen=True)
class PrototypeRule:
    """What a class's prototypes are made of: its newest `window` rows (0: all), by at most `per_class` means."""

    window: int = 0
    per_class: int = 1


@dataclass(frozen=True)
class PrototypeEntry:
    """Prototypes, made by `rule`, of the rows below `next_row` that were not in `deleted` when they were folded."""

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
    """Thresholds for decisions made by prototype, knn or linear, and the version they were found on."""

    by: str
    version: int
    model: str | None


@dataclass(frozen=True)
class MovedSource:
    """Rows below `below` that are of source `old`, moves before this one taken into account, are of source `new`."""

    old: str
    new: str
    below: int


@dataclass(frozen=True)
class Content:
    """What a version holds. `deleted_count` counts deleted rows whose vectors are still stored."""

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


@dataclass(frozen=True)
class Manifest:
    """A version of a collection; `digest` is the SHA-256 of all the rest."""

    version: int
    parent: str | None
    created: str  # UTC, for people; the order is the version's
    content: Content
    digest: str = ""

    def sealed(self) -> "Manifest":
        """The same with its digest filled in."""
        return replace(self, digest=_digest(_as_json(self)))

    def files(self) -> list[FileEntry]:
        """Every file that this version needs, each once."""
        return files_of(self.content)


def files_of(content: Content) -> list[FileEntry]:
    """Every file that `content` names, each once."""
    return list({entry.file: entry for entry in file_entries(content)}.values())


def file_entries(value: Any) -> Iterator[FileEntry]:
    """All file entries in `value`, at any depth, doubled ones too."""
    if isinstance(value, FileEntry):
        yield value
    if is_dataclass(value):
        value = [getattr(value, f.name) for f in fields(value)]
    if isinstance(value, list | tuple):
        for item in value:
            yield from file_entries(item)


def manifest_path(folder: Path, version: int) -> Path:
    """Where `version` of the collection in `folder` is kept."""
    return Path(folder) / "manifests" / f"{version:08d}.json"


def versions(folder: Path) -> list[int]:
    """All versions whose manifest is there, damaged or not, ascending; empty where `folder` is not a collection."""
    try:
        names = [p.name for p in (Path(folder) / "manifests").iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise LookalikeError(f"cannot read {folder}: {(error.strerror or str(error)).lower()}") from error
    found = [int(m[1]) for m in map(_NAME.fullmatch, names) if m]
    return sorted(v for v in found if manifest_path(folder, v).name in names)


def newest_version(folder: Path) -> int:
    """The newest version's number; LookalikeError where there is no collection."""
    found = versions(folder)
    if not found:
        why = "it has no manifests" if os.path.lexists(folder) else "it does not exist"
        raise LookalikeError(f"{folder} is not a collection: {why}; `embed` or `import` creates one")
    return found[-1]


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Publish `manifest` as its version, which must not exist yet; the manifest with its digest."""
    sealed = manifest.sealed()
    publish(manifest_path(folder, sealed.version), _line(_as_json(sealed)))
    return sealed


def write_version(folder: Path, version: int, parent: str | None, content: Content) -> Manifest:
    """Publish `content` as `version`, made now from the version with the digest `parent`."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return write_manifest(folder, Manifest(version, parent, created, content))


def read_manifest(folder: Path, version: int) -> Manifest:
    """The manifest of `version`; Damaged, and how to go back, where a single byte is wrong."""
    path = manifest_path(folder, version)
    with plain_errors(f"read version {version} of {folder}"):
        if path.is_symlink():
            raise _damaged(folder, version, "it is a link")
        raw = read_regular(path)
    return parse_manifest(raw, folder, version)


def parse_manifest(raw: bytes, folder: Path, version: int) -> Manifest:
    """`raw` as the manifest of `version` of `folder`, checked against its own digest; see read_manifest."""
    try:
        data = json.loads(raw)
        form = data["format"]
        whole = data["digest"] == _digest(data) and raw == _line(data)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(folder, version, "it is not the JSON that was written") from error
    if not whole:
        raise _damaged(folder, version, "its digest does not match")
    if form != FORMAT:
        raise LookalikeError(
            f"version {version} of {folder} has format {form!r}, and this lookalike reads format {FORMAT}: upgrade it"
        )
    data.pop("format")
    try:
        manifest = from_plain(Manifest, data, f"version {version} of {folder}")
    except RecursionError as error:
        raise _damaged(folder, version, "it is nested too deeply") from error
    if manifest.version != version:
        raise _damaged(folder, version, f"it says that it is version {manifest.version}")
    problem = contradiction(manifest.content)
    if problem is not None:
        raise _damaged(folder, version, problem)
    return manifest


def _damaged(folder: Path, version: int, why: str) -> Damaged:
    return Damaged(
        f"version {version} of {folder} is damaged ({why}) and nothing is read past it: `lookalike rollback {folder}` "
        "goes back to the last sound version (`--to N`: to version N)"
    )


def _line(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n").encode("ascii")


def _digest(data: dict[str, Any]) -> str:
    return hashlib.sha256(_line({k: v for k, v in data.items() if k != "digest"})).hexdigest()


def _as_json(manifest: Manifest) -> dict[str, Any]:
    return {"format": FORMAT, **to_plain(manifest)}
