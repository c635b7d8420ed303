"""Vectors of a Parquet file with the columns key, label and vector, of which only `vector` must be there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .block import Block
from .errors import LookalikeError
from .escaped import unescaped_list


class ParquetVectors:
    """See block.Vectors. A part of a collection is such a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _readable(self._path), self._open() as file:
            schema, self.rows = file.schema_arrow, file.metadata.num_rows
        self._columns = [name for name in ("key", "label", "vector") if name in schema.names]
        self._check(schema)
        self.dim = getattr(schema.field("vector").type, "list_size", None)
        self.model, self._ours = _origin(schema.metadata or {})
        self.left_out = [] if self._ours else [name for name in schema.names if name not in self._columns]

    def _open(self) -> Any:
        """Unbuffered: a row group is then read by pages, not whole."""
        return pq.ParquetFile(self._path, pre_buffer=False, buffer_size=1 << 20)

    def _check(self, schema: Any) -> None:
        """Refuse columns that are missing or of another type."""
        if "vector" not in self._columns:
            raise LookalikeError(f"{self._path} has no column 'vector': its columns are {', '.join(schema.names)}")
        for name in self._columns:
            if schema.names.count(name) > 1:
                raise LookalikeError(f"{self._path} has {schema.names.count(name)} columns named {name!r}: one works")
            kind = schema.field(name).type
            if not (_is_vector(kind) if name == "vector" else _is_text(kind)):
                works = "a list of floats" if name == "vector" else "text or an integer"
                raise LookalikeError(f"{self._path}: column {name!r} is {kind}: {works} works")

    def blocks(self, size: int) -> Iterator[Block]:
        """All rows in order, `size` at a time at most."""
        start = 0
        with _readable(self._path), self._open() as file:
            for batch in file.iter_batches(size, columns=self._columns, use_threads=False):
                if batch.num_rows:
                    yield self._block(batch, start)
                start += batch.num_rows

    def _block(self, batch: Any, start: int) -> Block:
        column = dict(zip(batch.schema.names, batch.columns, strict=True))
        vectors = self._matrix(column["vector"], start)
        keys = self._texts(column["key"]) if "key" in column else None
        if keys is not None and None in keys:
            raise LookalikeError(
                f"{self._path}: column 'key', row {start + keys.index(None)} is null: every row needs one"
            )
        labels = self._texts(column["label"]) if "label" in column else None
        return Block(vectors, keys, labels)

    def _texts(self, column: Any) -> list[Any]:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        column = column.cast(pa.large_string())
        return unescaped_list(column) if self._ours else column.to_pylist()

    def _matrix(self, column: Any, start: int) -> NDArray[Any]:
        """The vectors of one block, (m, d); a null, or another length, is named by its row."""
        self._refuse(pc.is_null(column), start, "is null: every row needs a vector")
        lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
        if self.dim is None:
            self.dim = int(lengths[0])
        other = lengths != self.dim
        if other.any():
            row = int(other.argmax())
            self._refuse(other, start, f"has {lengths[row]} dimensions, the first row has {self.dim}")
        values = column.flatten()
        if values.null_count:
            nulls = pc.is_null(values).to_numpy(zero_copy_only=False).reshape(len(column), self.dim)
            self._refuse(nulls.any(axis=1), start, "has a null among its numbers: remove or repair it")
        matrix: NDArray[Any] = values.to_numpy(zero_copy_only=False).reshape(len(column), self.dim)
        return matrix

    def _refuse(self, wrong: Any, start: int, why: str) -> None:
        wrong = np.asarray(wrong)
        if wrong.any():
            raise LookalikeError(f"{self._path}: column 'vector', row {start + int(wrong.argmax())} {why}")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what pyarrow raises for a broken file into one line."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise LookalikeError(f"{path} is not a whole Parquet file: {' '.join(str(error).split())}") from error


def _origin(metadata: dict[bytes, bytes]) -> tuple[str | None, bool]:
    """The model that made the vectors, and whether the file is one of ours, whose text is escaped."""
    try:
        ours = json.loads(metadata[b"lookalike"])
        return ours["model"], True
    except (KeyError, ValueError, TypeError):
        return None, False


def _is_vector(kind: Any) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_list(kind) for is_list in lists) and pa.types.is_floating(kind.value_type)


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    kinds = pa.types
    texts = (kinds.is_string, kinds.is_large_string, kinds.is_string_view, kinds.is_integer, kinds.is_null)
    return any(is_text(kind) for is_text in texts)
