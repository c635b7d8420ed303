"""Reading a Parquet table of images: its small columns row by row, its image column one row at a time, going forward.

Images are never loaded as a whole column: a cursor walks the pages of one row group, a few rows in memory.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as pt

from ...store.errors import LookalikeError
from ...store.publish import plain_errors

_BATCH = 4096
_FEW = 16


class ParquetRows:
    """The rows of a Parquet file as dicts of its small columns, `types` giving each column's kind.

    binary: the columns that hold encoded images, as bytes or as {bytes, path}.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        with plain_errors(f"read {path}"):
            try:
                self._file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
            except pa.ArrowException as error:
                raise self._damaged(error) from error
        schema = self._file.schema_arrow
        self.columns: list[str] = list(schema.names)
        if len(set(self.columns)) != len(self.columns):
            raise LookalikeError(f"{path}: a column name comes twice in {', '.join(self.columns)}")
        self.binary = {field.name for field in schema if _holds_images(field.type)}
        kinds = {field.name: _kind(field.type) for field in schema if field.name not in self.binary}
        self.types: dict[str, str] = {name: kind for name, kind in kinds.items() if kind is not None}
        self._class_names = _class_names(schema.metadata or {})
        groups = self._file.metadata.num_row_groups
        lengths = [self._file.metadata.row_group(g).num_rows for g in range(groups)]
        self._starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        self._cursor: tuple[str, int, Any, Iterator[Any]] | None = None

    def type_of(self, column: str) -> str:
        """A column's type in words."""
        return str(self._file.schema_arrow.field(column).type)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if not self.types:
            yield from ({} for _ in range(self._file.metadata.num_rows))
            return
        try:
            for batch in self._file.iter_batches(_BATCH, columns=list(self.types)):
                yield from self._dicts(batch)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error

    def _dicts(self, batch: Any) -> Iterator[dict[str, Any]]:
        columns = {}
        for name, kind in self.types.items():
            column = batch.column(batch.schema.get_field_index(name))
            columns[name] = pc.cast(column, pa.type_for_alias(kind)).to_pylist()
        if self._class_names and "label" in columns:
            columns["label"] = [self._class_names.get(code, code) for code in columns["label"]]
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))

    def image(self, row: int, column: str) -> tuple[bytes | None, str | None]:
        """(encoded bytes or None, path or None) of one row; rows asked in ascending order are read once."""
        try:
            value = self._value(row, column)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error
        if isinstance(value, dict):
            return value.get("bytes"), value.get("path")
        return value, None

    def path(self, row: int, column: str) -> str | None:
        """The path in one row's struct without bytes, else None; a row group that has bytes everywhere is not read."""
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        if self._bytes_everywhere(group, column):
            return None
        data, path = self.image(row, column)
        return path if data is None else None

    def _bytes_everywhere(self, group: int, column: str) -> bool:
        """Whether each row of a row group holds bytes, by what the file says of its columns."""
        if not pt.is_struct(self._file.schema_arrow.field(column).type):
            return True
        counts = self._file.metadata.row_group(group)
        for place in range(counts.num_columns):
            one = counts.column(place)
            if one.path_in_schema == f"{column}.bytes" and one.statistics is not None:
                return bool(one.statistics.has_null_count and one.statistics.null_count == 0)
        return False

    def _value(self, row: int, column: str) -> Any:
        at = self._cursor
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        if at is None or at[0] != column or not self._starts[group] <= at[1] <= row:
            batches = self._file.iter_batches(_FEW, row_groups=[group], columns=[column])
            at = (column, int(self._starts[group]), next(batches), batches)
        while row >= at[1] + len(at[2]):
            at = (column, at[1] + len(at[2]), next(at[3]), at[3])
        self._cursor = at
        return at[2].column(0)[row - at[1]].as_py()

    def _damaged(self, error: Exception) -> LookalikeError:
        return LookalikeError(f"{self._path} cannot be read as Parquet: {' '.join(str(error).split())}")


def _holds_images(kind: Any) -> bool:
    if pt.is_struct(kind):
        return any(kind.field(i).name == "bytes" and _is_bytes(kind.field(i).type) for i in range(kind.num_fields))
    return _is_bytes(kind)


def _is_bytes(kind: Any) -> bool:
    return pt.is_binary(kind) or pt.is_large_binary(kind)


def _kind(kind: Any) -> str | None:
    """What a column is kept as; None where it is left out (nested, binary, a time span)."""
    if pt.is_dictionary(kind):
        return _kind(kind.value_type)
    if pt.is_boolean(kind):
        return "bool"
    if pt.is_integer(kind):
        return "string" if pt.is_uint64(kind) else "int64"
    if pt.is_floating(kind):
        return "double"
    if pt.is_duration(kind) or pt.is_interval(kind):  # Arrow writes neither as text
        return None
    if pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind):
        return "string"
    return "string" if pt.is_temporal(kind) or pt.is_decimal(kind) else None


def _class_names(metadata: dict[bytes, bytes]) -> dict[int, str]:
    """The names of Hugging Face's ClassLabel in the column `label`, by code."""
    try:
        feature = json.loads(metadata[b"huggingface"])["info"]["features"]["label"]
        return {code: str(name) for code, name in enumerate(feature["names"])}
    except (KeyError, TypeError, ValueError):
        return {}
