"""Vectors in Parquet files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import LookalikeError
from ..columns.named_columns import USUAL, Columns
from .table_vectors import TableVectors


class ParquetVectors(TableVectors):
    """See table_vectors.TableVectors."""

    def __init__(self, path: Path, columns: Columns = USUAL) -> None:
        self._path = path
        with self._readable(), self._open() as file:
            schema, self.rows = file.schema_arrow, file.metadata.num_rows
            list(schema.names)  # which need not be text
        super().__init__(path, schema, columns)

    def _open(self) -> Any:
        """Unbuffered: a row group is then read by pages, not whole."""
        return pq.ParquetFile(self._path, pre_buffer=False, buffer_size=1 << 20)

    def _batches(self, size: int, names: list[str]) -> Iterator[Any]:
        with self._open() as file:
            yield from file.iter_batches(size, columns=names, use_threads=False)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, UnicodeError) as error:
            raise LookalikeError(
                f"{self._path} is incomplete, or is not a Parquet file: {' '.join(str(error).split())}"
            ) from error
