"""A folder of images.

Key: the path below the root, with "/". Label: the first folder below the root (a class folder); an image that lies
directly in the root has none. Where class folders hold only folders, a LookalikeWarning says so: people may mean the
inner ones. A `metadata.csv`, `metadata.jsonl` or `metadata.parquet` in the root overrides, see `metadata`: its `label`
column, where it has one, decides for the files it lists, and its other columns are kept. A file it lists that is not
among the folder's images is a record, and rejected. Such a file in a folder below the root is not read, which a
LookalikeWarning says: it is about that folder alone, which can be a source itself.

Names are walked in sorted order, depth first, one folder in memory at a time. Links to files are followed within the
root; links to folders never are (each is rejected), so no loop can be entered. Hidden files and folders are ignored,
and so are collections of ours.
"""

import os
import warnings
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from ...store.errors import LookalikeError, LookalikeWarning
from ..rejected import Rejected
from .base import Record, Source
from .files import facts, is_input, read_file
from .metadata import FILES, Listed, Metadata, metadata_file, read_metadata
from .options import USUAL, SourceOptions
from .other_forms import is_windows

_FEW = 3


class FolderSource(Source):
    """Images in a folder and all folders below it."""

    kind, called = "folder", "a folder"
    accepted_options = frozenset({"exclude", "labels", "follow_links", "label_column"})

    def __init__(self, root: str | Path, *, options: SourceOptions = USUAL) -> None:
        self.options = options
        self.root = os.path.realpath(root)
        self.name = self.root
        self._read_metadata: Metadata | None = None
        self._said = False
        self._said_unread = False
        self._unread: list[str] = []  # metadata files below the root
        if not os.path.isdir(self.root):
            raise LookalikeError(f"source {str(root)!r} is not a folder")
        metadata_file(self.root, options.label_column)

    @property
    def labelled(self) -> bool:  # type: ignore[override]
        """Whether there are class folders, or a metadata file with a label column."""
        if self._metadata().labelled:
            return True
        if not self.options.labels:
            return False
        with os.scandir(self.root) as entries:
            return any(_kind(entry) == "folder" for entry in entries)

    @property
    def extra_types(self) -> dict[str, str]:  # type: ignore[override]
        """The columns of the metadata file but the file's name and label."""
        return self._metadata().types

    def describe(self) -> dict[str, Any]:
        """The root."""
        return {"kind": self.kind, "root": self.root, **self.options.to_spec()}

    def read(self, locator: Any) -> bytes:
        """The bytes of a file below the root; a locator that is a dict stands for a file that is not there."""
        if isinstance(locator, dict):
            raise Rejected("read", _missing(locator["missing"], self._metadata().file))
        return read_file(os.path.join(self.root, locator), self.root)

    def locate(self, keys: Set[str]) -> dict[str, Any]:
        """A key is the path itself, so that nothing is listed; one that leads out of the root is none of ours."""
        ours = (key for key in keys if os.path.normpath(key) == key and not key.startswith(("/", "..")))
        return {key: key for key in ours if os.path.lexists(os.path.join(self.root, key))}

    def records(self) -> Iterator[Record]:
        """All inputs below the root, then what the metadata file lists besides."""
        self.ignored, self.unlisted, self._unread = 0, None, []
        listed, decided = dict(self._metadata().listed), self._metadata().labelled
        outer: dict[str, None] | None = (
            {} if self.options.labels else None
        )  # class folders so far; None once an image lies in one itself
        for path in self._walk():
            row = listed.pop(path, None)
            if outer is not None and "/" in path and not (row and decided):
                label, _, rest = path.partition("/")
                if "/" in rest:
                    outer[label] = None
                else:
                    outer = None
            yield self._record(path, row)
        for path, row in listed.items():
            yield self._record(path, row)._replace(locator={"missing": path}, size=None, mtime_ns=None)
        if outer and not self._said:
            self._said = True
            self._warn_of_outer(list(outer))
        self._warn_of_unread()

    def _warn_of_outer(self, names: list[str]) -> None:
        """Say which folders gave the labels, as people may mean the inner ones."""
        more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
        warnings.warn(
            f"source {self.root!r}: class folders hold only folders, so the labels are the outer ones' names "
            f"({', '.join(map(repr, names[:_FEW]))}{more}); for the inner ones' give an outer one as the source, such "
            f"as {os.path.join(self.root, names[0])!r}, or a {FILES[0]} with file_name and label",
            LookalikeWarning,
        )

    def _warn_of_unread(self) -> None:
        """Say which metadata files were not read, once."""
        unread, self._unread = self._unread, []
        if unread and not self._said_unread:
            self._said_unread = True
            more = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
            warnings.warn(
                f"source {self.root!r}: {unread[0]!r}{more} below it is not read, only a metadata file in the source "
                f"itself is: give {os.path.join(self.root, os.path.dirname(unread[0]))!r} as a source of its own",
                LookalikeWarning,
                stacklevel=2,
            )

    def _record(self, path: str, row: Listed | None) -> Record:
        label = path.split("/", 1)[0] if "/" in path and self.options.labels else None
        if row is not None and self._metadata().labelled:
            label = row.label
        return Record(path, label, path, *facts(os.path.join(self.root, path)), row.extra if row else {})

    def _walk(self) -> Iterator[str]:
        """Paths below the root of all inputs, and of what can be neither listed nor entered."""
        # Our own stack: the depth of a tree is not bounded by Python's.
        waiting = [self._listing("")]
        while waiting:
            for path, is_folder in waiting[-1]:
                if is_folder:
                    waiting.append(self._listing(path))
                    break
                yield path
            else:
                waiting.pop()

    def _listing(self, folder: str) -> Iterator[tuple[str, bool]]:
        """(path below the root, whether to enter it) of one folder, sorted by name; a folder that fails is a path."""
        try:
            with os.scandir(os.path.join(self.root, folder)) as entries:
                names = sorted((entry.name, _kind(entry)) for entry in entries)
        except OSError as error:
            if not folder:
                raise LookalikeError(f"source {self.root!r} cannot be listed: {error.strerror}") from error
            self.unlisted = folder
            yield folder, False
            return
        for name, kind in names:
            if kind == "ignored":
                self.ignored += bool(folder) or name not in FILES
                if folder and name in FILES:
                    self._unread.append(f"{folder}/{name}")
            else:
                yield f"{folder}/{name}" if folder else name, kind == "folder"

    def _metadata(self) -> Metadata:
        """What the root's metadata file says."""
        if self._read_metadata is None:
            self._read_metadata = read_metadata(self.root, self.options.label_column)
        return self._read_metadata


def _kind(entry: os.DirEntry[str]) -> str:
    """ "folder" (to enter), "input" or "ignored"."""
    if entry.name.startswith("."):
        return "ignored"
    try:
        if entry.is_dir(follow_symlinks=False):
            return "ignored" if _is_collection(entry.path) else "folder"
        if entry.is_symlink() and entry.is_dir():
            return "input"  # which reading then rejects: what it leads to is out of the source, or listed already
    except OSError:
        pass
    return "input" if is_input(entry.name) else "ignored"


def _is_collection(folder: str) -> bool:
    """Whether it is a collection of ours, which may lie beside the images it was made of."""
    return os.path.isfile(os.path.join(folder, "lock")) and os.path.isdir(os.path.join(folder, "manifests"))


def _missing(name: str, file: str | None) -> str:
    """Why a file that the metadata list cannot be read."""
    reason = f"listed in {file}, but not among the folder's images"
    return f"{reason}: this is a path of Windows; write names below the folder" if is_windows(name) else reason
