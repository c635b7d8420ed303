"""Vectors in Arrow files: Feather, the IPC file format, and the IPC stream that Hugging Face uses for data sets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from ...errors import LookalikeError
from ..columns.named_columns import USUAL, Columns
from .table_vectors import TableVectors

_FILE_MAGIC = b"ARROW1"
_OLD_FEATHER = b"FEA1"


class ArrowVectors(TableVectors):
    """See table_vectors.TableVectors. Each batch is validated, since offsets of a damaged file point outside of it."""

    def __init__(self, path: Path, columns: Columns = USUAL) -> None:
        self._path = path
        with path.open("rb") as file:
            head = file.read(len(_FILE_MAGIC))
        if head.startswith(_OLD_FEATHER):
            raise LookalikeError(f"{path} is in the first Feather format, of 2016: write it as Feather 2 or .parquet")
        self._stream = head != _FILE_MAGIC
        with self._readable():
            schema, self.rows = self._counted()
            self._names = list(schema.names)  # which need not be text
        super().__init__(path, schema, columns)

    def _counted(self) -> tuple[Any, int]:
        """The schema and how many rows there are, which only the batches tell."""
        with pa.memory_map(str(self._path)) as file:
            if self._stream:
                schema = pa.ipc.open_stream(file).schema
                file.seek(0)
            else:
                schema = pa.ipc.open_file(file).schema
            return schema, sum(batch.num_rows for batch in self._whole_batches(file, [0][: len(schema)]))

    def _batches(self, size: int, names: list[str]) -> Iterator[Any]:
        with pa.memory_map(str(self._path)) as file:
            for batch in self._whole_batches(file, [self._names.index(name) for name in names]):
                chosen = batch.select(names)
                chosen.validate(full=True)
                for start in range(0, batch.num_rows, size):
                    yield chosen.slice(start, size)

    def _whole_batches(self, file: Any, fields: list[int]) -> Iterator[Any]:
        """All batches, reading only these columns."""
        options = pa.ipc.IpcReadOptions(included_fields=sorted(fields), use_threads=False)
        if self._stream:
            yield from pa.ipc.open_stream(file, options=options)
            return
        reader = pa.ipc.open_file(file, options=options)
        yield from (reader.get_batch(i) for i in range(reader.num_record_batches))

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, ValueError) as error:
            raise LookalikeError(f"{self._path} is not a whole Arrow file: {' '.join(str(error).split())}") from error
