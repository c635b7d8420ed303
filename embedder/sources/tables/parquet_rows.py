"""Reading a Parquet table of images: its small columns row by row, its image column one row at a time, going forward.

Images are never loaded as a whole column: a cursor walks the pages of one row group, a few rows in memory.
"""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from ....store.disk.publish import plain_errors
from ....store.disk.regular import check_regular, open_regular
from ....store.errors import LookalikeError
from ....store.foreign.columns.class_label import class_label
from .parquet_types import holds_images, is_bytes, is_null, kept_as, plain, stored_type, values

ENDINGS = (".parquet", ".pq")
_BATCH = 4096
_FEW = 16


def is_parquet(path: str) -> bool:
    """Whether a file is Parquet, by its ending or, whatever it is called, by its first bytes."""
    if path.lower().endswith(ENDINGS):
        return True
    if not (os.path.isfile(path) and os.access(path, os.R_OK)):
        return False
    with plain_errors(f"read {path}"), open_regular(path) as file:
        return file.read(4) == b"PAR1"


class ParquetRows:
    """The rows of a Parquet file as dicts of its small columns, `types` giving each column's kind.

    label_column: the one whose codes become names, where the schema has Hugging Face's ClassLabel for it. binary: the
    columns that may hold encoded images, as bytes or as {bytes, path}. nulls: those that never hold a value.
    """

    def __init__(self, path: str, label_column: str = "label") -> None:
        self._path, self._label = path, label_column
        with plain_errors(f"read {path}"):
            check_regular(path)
            try:
                self._file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
            except pa.ArrowException as error:
                raise self._damaged(error) from error
        schema = self._file.schema_arrow
        self.columns: list[str] = list(schema.names)
        if len(set(self.columns)) != len(self.columns):
            raise LookalikeError(f"{path} has a column name twice: {', '.join(self.columns)}")
        self.binary = {field.name for field in schema if holds_images(field.type)}
        self.nulls = {field.name for field in schema if is_null(field.type)}
        kinds = {field.name: kept_as(field.type) for field in schema}
        self.types: dict[str, str] = {name: kind for name, kind in kinds.items() if kind is not None}
        self._classes = class_label(schema.metadata or {}, label_column)
        groups = self._file.metadata.num_row_groups
        lengths = [self._file.metadata.row_group(g).num_rows for g in range(groups)]
        self._starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        self._cursor: tuple[str, int, Any, Iterator[Any]] | None = None

    def __len__(self) -> int:
        return int(self._starts[-1])

    def type_of(self, column: str) -> str:
        """A column's type in words."""
        return str(self._file.schema_arrow.field(column).type)

    def where(self, number: int) -> str:
        """Where a row stands, in words."""
        return f"row {number}"

    def as_text(self, column: str) -> bool:
        """Read a column of bytes as text from now on; False for a column of another type, which is left as it is."""
        if not is_bytes(self._file.schema_arrow.field(column).type):
            return False
        self.types[column] = "string"
        return True

    def first_bytes(self, column: str) -> bytes | None:
        """The first value of a column of bytes that is not null; None where there is none, or it holds no bytes."""
        if not is_bytes(self._file.schema_arrow.field(column).type):
            return None
        try:
            for batch in self._file.iter_batches(_FEW, columns=[column]):
                for value in plain(batch.column(0)):
                    if value.is_valid:
                        return bytes(value.as_py())
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error
        return None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if not self.types:
            yield from ({} for _ in range(self._file.metadata.num_rows))
            return
        start = 0
        try:
            for batch in self._file.iter_batches(_BATCH, columns=list(self.types)):
                yield from self._dicts(batch, start)
                start += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error

    def _dicts(self, batch: Any, start: int) -> Iterator[dict[str, Any]]:
        columns = {}
        for name, kind in self.types.items():
            columns[name] = values(batch.column(batch.schema.get_field_index(name)), kind)
        if self._classes is not None and self.types.get(self._label) in ("int64", "double"):
            named = enumerate(columns[self._label], start)
            columns[self._label] = [self._classes.name(code, f"{self._path} row {row}") for row, code in named]
        for cells in zip(*columns.values(), strict=True):
            yield dict(zip(columns, cells, strict=True))

    def image(self, row: int, column: str) -> tuple[bytes | None, str | None]:
        """(encoded bytes or None, path or None) of one row; rows asked in ascending order are read once."""
        try:
            value = self._value(row, column)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error
        if isinstance(value, dict):
            path = value.get("path")
            return value.get("bytes"), os.fsdecode(path) if isinstance(path, bytes) else path
        return value, None

    def path(self, row: int, column: str) -> str | None:
        """The path in one row's struct without bytes, else None; a row group that has bytes everywhere is not read."""
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        if self._bytes_everywhere(group, column):
            return None
        data, path = self.image(row, column)
        return path if data is None else None

    def only_paths(self, column: str) -> bool:
        """Whether no row holds bytes, but structs with paths alone, by what the file says of its columns."""
        kind = stored_type(self._file.schema_arrow.field(column).type)
        if not pt.is_struct(kind):
            return False
        if all(field.name != "bytes" or is_null(field.type) for field in kind):
            return True
        groups = range(len(self._starts) - 1)
        return all(
            self._without_bytes(group, column) == self._starts[group + 1] - self._starts[group] for group in groups
        )

    def _bytes_everywhere(self, group: int, column: str) -> bool:
        """Whether each row of a row group holds bytes, by what the file says of its columns."""
        return not pt.is_struct(self._file.schema_arrow.field(column).type) or self._without_bytes(group, column) == 0

    def _without_bytes(self, group: int, column: str) -> int | None:
        """How many structs of a row group hold no bytes, None where the file does not say."""
        counts = self._file.metadata.row_group(group)
        for place in range(counts.num_columns):
            one = counts.column(place)
            if one.path_in_schema == f"{column}.bytes" and one.statistics is not None:
                return int(one.statistics.null_count) if one.statistics.has_null_count else None
        return None

    def _value(self, row: int, column: str) -> Any:
        at = self._cursor
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        if at is None or at[0] != column or not self._starts[group] <= at[1] <= row:
            batches = self._file.iter_batches(_FEW, row_groups=[group], columns=[column])
            at = (column, int(self._starts[group]), plain(next(batches).column(0)), batches)
        while row >= at[1] + len(at[2]):
            at = (column, at[1] + len(at[2]), plain(next(at[3]).column(0)), at[3])
        self._cursor = at
        return at[2][row - at[1]].as_py()

    def _damaged(self, error: Exception) -> LookalikeError:
        return LookalikeError(f"{self._path} cannot be read as Parquet: {' '.join(str(error).split())}")
