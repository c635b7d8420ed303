"""A CSV or Parquet table of images.

The image is in the column `path` or `image` (a file, relative to the table's folder), or, in Parquet, in `image` or
`bytes` as encoded bytes or as the Hugging Face struct {bytes, path}. `label`: null or an empty cell means unlabelled;
whole numbers become their names where the schema has Hugging Face's ClassLabel. Key: the column `key`, else the path,
else the row's number, zero-padded to eight digits. Other columns are kept where they are text, numbers or times.
"""

import os
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from ...store.errors import LookalikeError
from ..rejected import Rejected
from .base import Record, Source
from .csv_rows import CsvRows
from .files import facts, read_file
from .parquet_rows import ParquetRows

IMAGE_COLUMNS = ("image", "bytes", "path")


class TableSource(Source):
    """Images listed in, or held by, a table."""

    kind = "table"

    def __init__(self, path: str | Path) -> None:
        self._path = os.path.abspath(path)
        self._folder = os.path.dirname(self._path)
        self.name = os.path.realpath(path)
        self._rows: CsvRows | ParquetRows
        if self._path.lower().endswith((".parquet", ".pq")):
            self._rows = ParquetRows(self._path)
        else:
            self._rows = CsvRows(self._path)
        types = self._rows.types
        self._holds = next((c for c in IMAGE_COLUMNS if c in self._rows.binary), None)
        self._names = next((c for c in ("path", "image") if c in types and c != self._holds), None)
        if self._holds is None and self._names is None:
            raise self._no_images(str(path))
        for column in ("key", "label"):
            if column in self._rows.columns and column not in types:
                kind = self._rows.type_of(column)
                raise LookalikeError(f"{path}: column {column!r} is {kind}: text or whole numbers work")
        self.labelled = "label" in self._rows.columns
        self.unique = "key" not in self._rows.columns and self._names is None
        ours = {"key", "label", self._holds, self._names}
        self.extra_types = {name: kind for name, kind in types.items() if name not in ours}

    def _no_images(self, path: str) -> LookalikeError:
        """What to say where no column has images or their paths: that there is none, or of what type it is."""
        mistyped = next((c for c in IMAGE_COLUMNS if c in self._rows.columns), None)
        if mistyped is None:
            return LookalikeError(f"{path} has no column path, image or bytes; it has {', '.join(self._rows.columns)}")
        return LookalikeError(
            f"{path}: column {mistyped!r} is {self._rows.type_of(mistyped)}: text (a path), encoded bytes, or a struct "
            "{bytes, path} works"
        )

    def describe(self) -> dict[str, Any]:
        """The table."""
        return {"kind": self.kind, "path": self._path}

    def records(self) -> Iterator[Record]:
        """All rows in their order."""
        own = facts(self._path)
        for number, row in enumerate(self._rows):
            path = None if self._names is None else _text(row[self._names])
            key = _key(row, path, number)
            extra = {name: row[name] for name in self.extra_types}
            if self._holds is not None:
                yield Record(key, _text(row.get("label")) or None, number, *own, extra)
            else:
                found = (None, None) if path is None else facts(self._file(path))
                yield Record(key, _text(row.get("label")) or None, path, *found, extra)

    def locate(self, keys: Set[str]) -> dict[str, Any]:
        """As the base class does, but no row's file is looked at; where a key is the path, nothing is listed either."""
        found: dict[str, Any] = {}
        if self._holds is None and "key" not in self._rows.columns:
            found = {key: key for key in keys if os.path.lexists(self._file(key))}
        for number, row in enumerate(self._rows if len(found) < len(keys) else ()):
            path = None if self._names is None else _text(row[self._names])
            if (key := _key(row, path, number)) in keys:
                found.setdefault(key, path if self._holds is None else number)
                if len(found) == len(keys):
                    break
        return found

    def path_of(self, locator: Any) -> str | None:
        """The file that a path column, or a struct without bytes, names; None where the table holds the image."""
        if isinstance(locator, int) and self._holds is not None and isinstance(self._rows, ParquetRows):
            locator = self._rows.path(locator, self._holds)
        if not isinstance(locator, str) or not locator:
            return None
        file = self._file(locator)
        tidy = os.path.normpath(file)
        # Beyond a link, "x/.." is not where one came from.
        same = not os.path.exists(file) or (os.path.exists(tidy) and os.path.samefile(tidy, file))
        return tidy if same else file

    def read(self, locator: Any) -> bytes:
        """The bytes of the file at that path, or of the row of that number."""
        if isinstance(locator, int) and self._holds is not None and isinstance(self._rows, ParquetRows):
            data, path = self._rows.image(locator, self._holds)
            if data is not None:
                return data
            locator = path
        if not locator:
            raise Rejected("read", "no image in this row")
        return read_file(self._file(locator))

    def _file(self, path: str) -> str:
        return os.path.join(self._folder, path)


def _key(row: dict[str, Any], path: str | None, number: int) -> str:
    """The key of the row of that number."""
    return _text(row.get("key")) or path or f"{number:08d}"


def _text(value: Any) -> str | None:
    """A cell as a key or label: pandas writes whole numbers with gaps as floats."""
    if value is None or value == "" or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
