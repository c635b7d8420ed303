"""A folder of images.

Key: the path below the root, with "/". Label: the first folder below the root (a class folder); an image that lies
directly in the root has none. Where class folders hold only folders, a LookalikeWarning says so: people may mean the
inner ones. A `metadata.csv` in the root (Hugging Face's ImageFolder convention) with a column `file_name` overrides:
its `label` column, where it has one, decides for the files it lists, and its other columns are kept. A file it lists
that is not among the folder's images is a record, and rejected.

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
from ..rejected import Rejected
from .base import Record, Source
from .csv_rows import CsvRows
from .files import LINK_LOOP, facts, read_file
from .options import USUAL, SourceOptions
from .walk import Walk

METADATA = "metadata.csv"
_FEW = 3
_MISSING = f"listed in {METADATA}, but not among the folder's images"


class FolderSource(Source):
    """Images in a folder and all folders below it."""

    kind, called = "folder", "a folder"
    accepted_options = frozenset({"exclude", "labels", "follow_links"})

    def __init__(self, root: str | Path, *, options: SourceOptions = USUAL) -> None:
        self.options = options
        self.root = os.path.realpath(root)
        self.name = self.root
        self.walk = Walk(self.root, options)
        self._listed: dict[str, dict[str, str | None]] | None = None
        self._said = False
        if not os.path.isdir(self.root):
            raise LookalikeError(f"source {str(root)!r} is not a folder")

    @property
    def labelled(self) -> bool:  # type: ignore[override]
        """Whether there are class folders, or a metadata.csv with a label column."""
        if any("label" in row for row in self._metadata().values()):
            return True
        if not self.options.labels:
            return False
        return Walk(self.root, self.options).has_folders()

    @property
    def extra_types(self) -> dict[str, str]:  # type: ignore[override]
        """The columns of metadata.csv but file_name and label, all text."""
        first: dict[str, str | None] = next(iter(self._metadata().values()), {})
        return {name: "string" for name in first if name != "label"}

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
        return self.walk.notes()

    def describe(self) -> dict[str, Any]:
        """The root."""
        return {"kind": self.kind, "root": self.root, **self.options.to_spec()}

    def read(self, locator: Any) -> bytes:
        """The bytes of a file below the root; a locator that is a dict stands for what is no file there."""
        if isinstance(locator, dict):
            raise Rejected("read", LINK_LOOP if "loop" in locator else _MISSING)
        return read_file(os.path.join(self.root, locator), None if self.options.follow_links else self.root)

    def locate(self, keys: Set[str]) -> dict[str, Any]:
        """A key is the path itself, so that nothing is listed; one that leads out of the root is none of ours."""
        ours = (key for key in keys if os.path.normpath(key) == key and not key.startswith(("/", "..")))
        return {key: key for key in ours if os.path.lexists(os.path.join(self.root, key))}

    def records(self) -> Iterator[Record]:
        """All inputs below the root, then what metadata.csv lists besides."""
        self.walk = walk = Walk(self.root, self.options, lambda path: path == METADATA)
        listed = dict(self._metadata())
        outer: dict[str, None] | None = (
            {} if self.options.labels else None
        )  # class folders so far; None once an image lies in one itself
        for path, is_loop in walk.inputs():
            row = listed.pop(path, {})
            if outer is not None and "/" in path and "label" not in row:
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
        """Say which folders gave the labels, as people may mean the inner ones."""
        more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
        warnings.warn(
            f"source {self.root!r}: class folders hold only folders, so the labels are the outer ones' names "
            f"({', '.join(map(repr, names[:_FEW]))}{more}); for the inner ones' give an outer one as the source, such "
            f"as {os.path.join(self.root, names[0])!r}, or a {METADATA} with file_name and label",
            LookalikeWarning,
        )

    def _record(self, path: str, row: dict[str, str | None]) -> Record:
        folder = path.split("/", 1)[0] if "/" in path and self.options.labels else None
        extra = {name: value for name, value in row.items() if name != "label"}
        return Record(path, row.get("label", folder), path, *facts(os.path.join(self.root, path)), extra)

    def _metadata(self) -> dict[str, dict[str, str | None]]:
        """The rows of metadata.csv by path below the root, without `file_name`; empty where there is none."""
        if self._listed is None:
            path = os.path.join(self.root, METADATA)
            self._listed = _read_metadata(path) if os.path.isfile(path) else {}
        return self._listed


def _read_metadata(path: str) -> dict[str, dict[str, str | None]]:
    rows = CsvRows(path)
    if "file_name" not in rows.columns:
        raise LookalikeError(f"{path} has no column file_name; it has {', '.join(rows.columns) or 'none'}")
    listed: dict[str, dict[str, str | None]] = {}
    for number, row in enumerate(rows, 2):
        name = os.path.normpath(row.pop("file_name") or "")
        if name in (".", "..") or name.startswith(("/", "../")):
            raise LookalikeError(f"{path} line {number}: file_name {name!r} is not a file below the folder")
        if name in listed:
            raise LookalikeError(f"{path} line {number}: file_name {name!r} comes twice")
        listed[name] = row
    return listed
