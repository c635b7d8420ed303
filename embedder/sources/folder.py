"""A folder of images.

Key: the path below the root, with "/". Label: the first folder below the root (a class folder); an image that lies
directly in the root has none. Where class folders hold only folders, a LookalikeWarning says so: people may mean the
inner ones. A `metadata.csv`, `metadata.jsonl` or `metadata.parquet` in the root overrides, see `metadata`: its `label`
column, where it has one, decides for the files it lists, and its other columns are kept. A file it lists that is not
among the folder's images is a record, and rejected. Such a file in a folder below the root is not read, which `notes`
says: it is about that folder alone, which can be a source itself.

Names are walked in sorted order, depth first, one folder in memory at a time. Links to files are followed within the
root; links out of it and links to folders are rejected, unless `follow_links` asks for them: then all are followed, but
for a link to a folder on the way to it. Hidden files and folders are ignored, and so are collections of ours, what file
servers and systems leave behind, and what `exclude` names.
"""

import os
import warnings
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from ...store.errors import LookalikeError, LookalikeWarning
from ...store.shown import shown
from ..images.rejected import Rejected
from .base import Record, Source
from .files import LINK_LOOP, facts, read_file
from .options import USUAL, SourceOptions
from .other_forms import is_windows
from .tables.metadata import FILES, Listed, Metadata, metadata_file, misnamed, read_metadata
from .tables.table import TABLES
from .walk import Walk

_FEW = 3


class FolderSource(Source):
    """Images in a folder and all folders below it."""

    kind, called = "folder", "a folder"
    accepted_options = frozenset({"exclude", "labels", "follow_links", "image_column", "label_column"})

    def __init__(self, root: str | Path, *, options: SourceOptions = USUAL) -> None:
        self.options = options
        self.root = os.path.realpath(root)
        self.name = self.root
        self.walk = Walk(self.root, options)
        self._read_metadata: Metadata | None = None
        self._said = False
        self._unread: list[str] = []  # metadata files below the root
        self._tables: list[str] = []
        self._any = False  # whether there is an image
        if not os.path.isdir(self.root):
            raise LookalikeError(f"source {str(root)!r} is not a folder")
        metadata_file(self.root, options)

    @property
    def extra_types(self) -> dict[str, str]:  # type: ignore[override]
        """The columns of the metadata file but the file's name and label."""
        return self._metadata().types

    @property
    def ignored(self) -> int:  # type: ignore[override]
        """Files and folders that the last listing left out, a folder once."""
        return self.walk.ignored

    @property
    def unlisted(self) -> str | None:  # type: ignore[override]
        """A folder that the last listing could not list."""
        return self.walk.unlisted

    def notes(self) -> list[str]:
        """What the last listing left out that people may want to know of."""
        unread = [] if self._metadata().file else misnamed(self.root)
        return [*self.walk.notes(), *self._metadata().notes, *unread, *self._unread_note(), *self._tables_note()]

    def _unread_note(self) -> Iterator[str]:
        """Which metadata files were not read."""
        if self._unread:
            more = f" and {len(self._unread) - 1} more" if len(self._unread) > 1 else ""
            yield (
                f"{shown(self._unread[0])}{more} was not read, because only the one in the source folder itself is: "
                f"give {shown(os.path.join(self.root, os.path.dirname(self._unread[0])))} as a separate source"
            )

    def _tables_note(self) -> Iterator[str]:
        """Which tables there are in a folder without images, as data sets come."""
        if self._tables and not self._any:
            first = shown(os.path.join(self.root, self._tables[0]))
            more = f" and {len(self._tables) - 1} more" if len(self._tables) > 1 else ""
            yield f"this folder has tables but no images ({first}{more}): give each table as a separate source"

    def describe(self) -> dict[str, Any]:
        """The root."""
        return {"kind": self.kind, "root": self.root, **self.options.to_spec()}

    def read(self, locator: Any) -> bytes:
        """The bytes of a file below the root; a locator that is a dict stands for what is no file there."""
        if isinstance(locator, dict):
            if "loop" in locator:
                raise Rejected("read", LINK_LOOP)
            raise Rejected("read", _missing(locator["missing"], self._metadata().file))
        return read_file(os.path.join(self.root, locator), None if self.options.follow_links else self.root)

    def locate(self, keys: Set[str]) -> dict[str, Any]:
        """A key is the path itself, so that nothing is listed; one that leads out of the root is none of ours."""
        ours = (key for key in keys if os.path.normpath(key) == key and not key.startswith(("/", "..")))
        return {key: key for key in ours if os.path.lexists(os.path.join(self.root, key))}

    def path_of(self, locator: Any) -> str | None:
        """The file at that path below the root; None for what metadata.csv lists and the folder does not have."""
        return os.path.join(self.root, locator) if isinstance(locator, str) else None

    def inputs(self) -> Iterator[str]:
        """List the paths below the root of all inputs, in their order, whatever a metadata file says of them."""
        return (path for path, _ in Walk(self.root, self.options).inputs())

    def records(self) -> Iterator[Record]:
        """All inputs below the root, then what the metadata file lists besides."""
        self.walk = walk = Walk(self.root, self.options, self._is_metadata)
        listed, decided = dict(self._metadata().listed), self._metadata().labelled
        self._unread, self._tables, self._any = [], [], False
        outer: dict[str, None] | None = (
            {} if self.options.labels else None
        )  # class folders so far; None once an image lies in one itself
        for path, is_loop in walk.inputs():
            self._any = True
            row = listed.pop(path, None)
            if outer is not None and "/" in path and not (row and decided):
                label, _, rest = path.partition("/")
                if "/" in rest:
                    outer[label] = None
                else:
                    outer = None
            record = self._record(path, row)
            yield record._replace(locator={"loop": path}) if is_loop else record
        for path, row in listed.items():
            if not walk.exclusion.excludes_file(path):
                yield self._record(path, row)._replace(locator={"missing": path}, size=None, mtime_ns=None)
        if outer and not self._said:
            self._said = True
            self._warn_of_outer(list(outer))

    def _warn_of_outer(self, names: list[str]) -> None:
        """Warn which folders gave the labels, because people may mean the inner ones."""
        more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
        warnings.warn(
            f"source {self.root!r}: the class folders hold only folders, so the labels are the names of the outer "
            f"folders ({', '.join(map(repr, names[:_FEW]))}{more}); to use the inner folders, give an outer one as the "
            f"source, such as {os.path.join(self.root, names[0])!r}, or a {FILES[0]} with file_name and label",
            LookalikeWarning,
        )

    def _is_metadata(self, path: str) -> bool:
        """Whether a file that is no image is the source's own metadata; takes note of those, and tables, not read."""
        name = os.path.basename(path)
        if name.lower().endswith(TABLES) and path not in FILES and not self.walk.exclusion.excludes_file(path):
            (self._unread if name in FILES else self._tables).append(path)
        return path in FILES

    def _record(self, path: str, row: Listed | None) -> Record:
        label = path.split("/", 1)[0] if "/" in path and self.options.labels else None
        if row is not None and self._metadata().labelled:
            label = row.label
        return Record(path, label, path, *facts(os.path.join(self.root, path)), row.extra if row else {})

    def _metadata(self) -> Metadata:
        """What the root's metadata file says."""
        if self._read_metadata is None:
            self._read_metadata = read_metadata(self.root, self.options)
        return self._read_metadata


def _missing(name: str, file: str | None) -> str:
    """Why a file that the metadata list cannot be read."""
    reason = f"listed in {file}, but not among the folder's images"
    return f"{reason}: this is a Windows path; write names below the folder" if is_windows(name) else reason
