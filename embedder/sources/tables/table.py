"""A CSV, JSON Lines or Parquet table of images.

The image is in the column `path` or `image` (a file, relative to the table's folder), or, in Parquet, in `image` or
`bytes` as encoded bytes or as the Hugging Face struct {bytes, path}; `--image-column` names another one. `label`, or
the column that `--label-column` names: null or an empty cell means unlabelled; whole numbers become their names where
the schema has Hugging Face's ClassLabel, and those below zero mean unlabelled there. Key: the column `key`, else the
path as it is written, else the row's number, zero-padded to eight digits. Other columns are kept where they are text,
numbers or times. A path is looked for as it is written, then in the forms of `other_forms`.
"""

import os
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from ...images.rejected import Rejected
from ..base import Record, Source
from ..files import facts, read_file
from ..options import USUAL, SourceOptions
from ..other_forms import Names, is_utf8, is_windows, warn_of_encoding
from .columns import NAMING, Columns, Rows, as_text, unread_labels
from .csv_rows import CsvRows
from .json_rows import JsonRows
from .no_table import explained
from .parquet_rows import ENDINGS, ParquetRows, is_parquet

JSON_LINES = (".jsonl", ".ndjson")
TABLES = (".csv", ".tsv", *JSON_LINES, *ENDINGS)
"""The endings of tables."""
_NOWHERE, _TOO_LONG = "no such file", "name too long"
_BASE64 = "not a file but an image as base64 text: decode it, and write a column of bytes in Parquet"
_ENCODED = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "data:image/")
"""How PNG, JPEG, GIF and WebP begin as base64."""


class TableSource(Source):
    """Images listed in, or held by, a table."""

    kind, called = "table", "a table"
    accepted_options = frozenset({"follow_links", "image_column", "label_column"})  # links are always followed

    def __init__(self, path: str | Path, *, options: SourceOptions = USUAL) -> None:
        self.options = options
        self._path = os.path.abspath(path)
        self._folder = os.path.dirname(self._path)
        self._there = Names(self._folder)
        self.name = os.path.realpath(path)
        self._rows, self._columns = _opened(self._path, str(path), options)
        columns = self._columns
        self.unique = columns.key is None and columns.names is None
        ours = {"key", columns.label, columns.holds, columns.names}
        self.extra_types = {name: kind for name, kind in self._rows.types.items() if name not in ours}
        self._elsewhere = False
        if isinstance(self._rows, ParquetRows) and columns.holds is not None:
            self._elsewhere = self._rows.only_paths(columns.holds)
        self._said = False

    def describe(self) -> dict[str, Any]:
        """The table."""
        return {"kind": self.kind, "path": self._path, **self.options.to_spec()}

    def records(self) -> Iterator[Record]:
        """All rows in their order."""
        own = facts(self._path)
        columns, foreign = self._columns, None
        for number, row in enumerate(self._rows):
            path = columns.names and as_text(row[columns.names])
            label = columns.label and as_text(row[columns.label])
            extra = {name: row[name] for name in self.extra_types}
            found, size_and_mtime = path, own
            if path and columns.holds is None:
                path, found, size_and_mtime = self._looked_up(path)
                if label and not is_utf8(label) and found and is_utf8(found) and size_and_mtime != (None, None):
                    foreign = foreign or (label, self._rows.where(number))
            elif columns.holds is None:
                size_and_mtime = (None, None)
            elif self._elsewhere:
                size_and_mtime = facts(self.path_of(number) or "")
            key = (columns.key and as_text(row[columns.key])) or path or f"{number:08d}"
            locator = found if columns.holds is None else number
            yield Record(key, label, locator, *size_and_mtime, extra)
        self._warn_of(foreign)

    def notes(self) -> list[str]:
        """Which column was not taken for labels, if people may think so."""
        return unread_labels(self._rows.columns, self.options)

    def _looked_up(self, path: str) -> tuple[str, str, tuple[int | None, int | None]]:
        """The path as a key, the path of the file that is there, and the file's size and mtime."""
        known = facts(self._file(path))
        if known != (None, None):
            return path, path, known
        trimmed = path.strip() if isinstance(self._rows, CsvRows) else path
        found = self._there.find(path)
        if found is None:
            return trimmed, trimmed, (None, None)
        return path if found == path else trimmed, found, facts(self._file(found))

    def _warn_of(self, foreign: tuple[str, str] | None) -> None:
        """Warn that a table is not UTF-8, unless the names of its files say otherwise."""
        if foreign is not None and not self._said:
            self._said = True
            warn_of_encoding(self._path, *foreign)

    def locate(self, keys: Set[str]) -> dict[str, Any]:
        """As the base class does, but few files are looked at; where a key is the path, nothing is listed either."""
        columns, found = self._columns, dict[str, Any]()
        if columns.holds is None and columns.key is None:
            found = {key: key for key in keys if os.path.lexists(self._file(key))}
        for number, row in enumerate(self._rows if len(found) < len(keys) else ()):
            path = columns.names and as_text(row[columns.names])
            given = columns.key and as_text(row[columns.key])
            names = (given,) if given else (path, path.strip()) if path else (f"{number:08d}",)
            for key in (keys & set(names)) - found.keys():
                found[key] = number if columns.holds is not None else path and self._looked_up(path)[1]
            if len(found) == len(keys):
                break
        return found

    def path_of(self, locator: Any) -> str | None:
        """The file that a path column, or a struct without bytes, names; None where the table holds the image."""
        if isinstance(locator, int) and self._columns.holds is not None and isinstance(self._rows, ParquetRows):
            path = self._rows.path(locator, self._columns.holds)
            locator = path and (self._there.find(path) or path)
        if not isinstance(locator, str) or not locator:
            return None
        file = self._file(locator)
        tidy = os.path.normpath(file)
        # Beyond a link, "x/.." is not where one came from.
        same = not os.path.exists(file) or (os.path.exists(tidy) and os.path.samefile(tidy, file))
        return tidy if same else file

    def read(self, locator: Any) -> bytes:
        """The bytes of the file at that path, or of the row of that number."""
        if isinstance(locator, int) and self._columns.holds is not None and isinstance(self._rows, ParquetRows):
            data, path = self._rows.image(locator, self._columns.holds)
            if data is not None:
                return data
            locator = path and (self._there.find(path) or path)
        if not locator:
            raise Rejected("read", "no image in this row")
        try:
            return read_file(self._file(locator))
        except Rejected as rejected:
            if rejected.reason == _TOO_LONG and locator.startswith(_ENCODED):
                raise Rejected("read", _BASE64) from rejected
            if rejected.reason != _NOWHERE:
                raise
            raise Rejected("read", _absent(locator)) from rejected

    def _file(self, path: str) -> str:
        return os.path.join(self._folder, path)


def _opened(path: str, said: str, options: SourceOptions) -> tuple[Rows, Columns]:
    """The rows of the table at `path`, which is called `said` in messages, and which of its columns is what."""
    with explained(path):
        if is_parquet(path):
            rows: Rows = ParquetRows(path, options.label_column or "label")
        elif path.lower().endswith(JSON_LINES):
            rows = JsonRows(path)
        else:
            rows = CsvRows(path, NAMING if options.image_column is None else (options.image_column,))
        return rows, Columns.of(said, rows, options)


def _absent(path: str) -> str:
    """Why there is no file at a path, where the path itself tells."""
    if path.startswith(_ENCODED) and len(path) > 100:
        return _BASE64
    if is_windows(path):
        return f"{_NOWHERE}: this is a Windows path; write paths relative to the table's folder"
    if path.lower().startswith("file:/"):
        return f"{_NOWHERE}: this is a file:// address; write the path, without file://"
    if "://" in path:
        return f"{_NOWHERE}: this is a web address, and only files on this machine are read"
    return _NOWHERE
