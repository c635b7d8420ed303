"""Keys or labels in a column of a Parquet or Arrow file, such as the metadata that clip-retrieval writes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from ...errors import LookalikeError
from .class_label import class_label
from .named_columns import Role, choose, missing
from .text_columns import TEXT_WORDS, is_text, texts_of


def parquet_column(path: Path, what: str, column: str | None) -> list[str | None]:
    """The texts of a column of a Parquet file: `column`, otherwise the one named `what`, or the only suitable one."""
    with _readable(path, "Parquet"), pq.ParquetFile(path, pre_buffer=False) as file:
        name = _chosen(path, file.schema_arrow, what, column)
        return _texts(path, file.schema_arrow, name, file.read([name], use_threads=False).column(0))


def arrow_column(path: Path, what: str, column: str | None) -> list[str | None]:
    """The texts of a column of an Arrow file or stream; see `parquet_column`."""
    with _readable(path, "Arrow"), pa.memory_map(str(path)) as file:
        is_file = file.read(6) == b"ARROW1"
        opened: Callable[..., Any] = pa.ipc.open_file if is_file else pa.ipc.open_stream
        file.seek(0)
        schema = opened(file).schema
        name = _chosen(path, schema, what, column)
        file.seek(0)
        options = pa.ipc.IpcReadOptions(included_fields=[schema.names.index(name)], use_threads=False)
        values = opened(file, options=options).read_all().column(name)
        values.validate(full=True)
        return _texts(path, schema, name, values)


def _chosen(path: Path, schema: Any, what: str, column: str | None) -> str:
    """Which column to read. Raises LookalikeError, which lists the suitable columns, where that is not clear."""
    kinds = dict(zip(schema.names, schema.types, strict=True))
    words = {name: str(kind) for name, kind in kinds.items()}
    role = Role(what, (what, f"{what}s"), TEXT_WORDS, lambda name: is_text(kinds[name]))
    name = choose(path, column, role, words)
    if name is None:
        able = [name for name, kind in kinds.items() if is_text(kind)]
        if len(able) != 1:
            raise missing(path, what, role, words)
        name = able[0]
    if schema.names.count(name) > 1:
        raise LookalikeError(
            f"{path} has {schema.names.count(name)} columns named {name!r}: rename all but one of them"
        )
    return name


def _texts(path: Path, schema: Any, name: str, column: Any) -> list[str | None]:
    classes = class_label(schema.metadata or {}, name)
    if classes is not None and (pt.is_integer(column.type) or pt.is_floating(column.type)):
        what = f"{path}: column {name!r}, row"
        return [classes.name(code, f"{what} {row}") for row, code in enumerate(column.to_pylist())]
    return [text for chunk in column.chunks for text in texts_of(chunk)]


@contextmanager
def _readable(path: Path, kind: str) -> Iterator[None]:
    """Turn pyarrow's errors for a broken file into a one-line error."""
    try:
        yield
    except (pa.ArrowException, ValueError) as error:
        raise LookalikeError(f"{path} is not a whole {kind} file: {' '.join(str(error).split())}") from error
