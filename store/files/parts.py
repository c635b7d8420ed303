"""Parts: the Parquet files that hold a collection's vectors, keys and labels.

A part has one row group, with all vectors PLAIN and uncompressed in one page, so that the last n * d * 4 bytes of that
column are the float32 matrix itself and can be memory-mapped. Text is stored in the form that `escaped` gives. Unknown
content, width, height, file size and mtime are null. Size and mtime are those of the file when its row was made;
`Store.table` returns what was noted since (see `noting`). The schema's metadata holds b"lookalike": {"format": 1,
"model": digest or null}.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..errors import Damaged, LookalikeError, one_line
from ..foreign.table_trial import note_readable
from ..version.extra_names import RESERVED as RESERVED
from ..version.extra_names import stored_names as stored_names
from ..work.forks import cached_property
from .content import PartEntry
from .escaped import escaped_array
from .new_files import parquet_bytes, publish_new
from .runs import COLUMNS

FOLDER = "vectors"
FORMAT = 1
FIRM = ("key", "vector", "source")  # never null
_VECTOR = "vector.list.element"
_ONE_PAGE = 1 << 30
_PROBES = 64


@dataclass(frozen=True)
class Rows:
    """The rows of one part, in order.

    keys: n distinct texts. vectors: (n, d) float32 unit rows. labels: n texts or None; an empty text becomes None.
    contents: the SHA-256 of the encoded image in hex, or None. widths, heights: pixels. source: the source that the
    rows belong to. sizes: bytes of each file. mtimes_ns: nanoseconds. extra: n rows of the source's further columns.
    Raises LookalikeError for a key that is empty or appears twice, and ValueError for lengths that differ.
    """

    keys: Sequence[str]
    vectors: NDArray[np.float32]
    labels: Sequence[str | None]
    contents: Sequence[str | None]
    widths: Sequence[int | None]
    heights: Sequence[int | None]
    source: str
    sizes: Sequence[int | None]
    mtimes_ns: Sequence[int | None]
    extra: Any = None

    def __post_init__(self) -> None:
        lists = (self.labels, self.contents, self.widths, self.heights, self.sizes, self.mtimes_ns)
        lengths = {len(self.keys), len(self.vectors), *(len(each) for each in lists)}
        if self.extra is not None:
            lengths.add(self.extra.num_rows)
        if len(lengths) > 1:
            raise ValueError(f"rows of one part have columns of different lengths: {sorted(lengths)}")
        if self.vectors.dtype != np.float32 or self.vectors.ndim != 2:
            raise ValueError(f"vectors are {self.vectors.dtype}{self.vectors.shape}, not a float32 matrix")
        check_keys(self.keys)
        object.__setattr__(self, "labels", [label or None for label in self.labels])

    @classmethod
    def of_vectors(
        cls, keys: Sequence[str], vectors: NDArray[np.float32], labels: Sequence[str | None] | None, source: str
    ) -> "Rows":
        """Rows without images: only keys, vectors and labels are known."""
        none: list[None] = [None] * len(keys)
        return cls(keys, vectors, none if labels is None else labels, none, none, none, source, none, none)

    @cached_property
    def columns(self) -> dict[str, Any]:
        """All columns but `vector` and extras, as Arrow arrays by name."""
        return {
            "key": escaped_array(self.keys),
            "label": escaped_array(self.labels),
            "content_sha256": pa.array(self.contents, pa.large_string()),
            "width": pa.array(self.widths, pa.int32()),
            "height": pa.array(self.heights, pa.int32()),
            "source": escaped_array([self.source]).take(pa.array(np.zeros(len(self.keys), dtype=np.int64))),
            "file_size": pa.array(self.sizes, pa.int64()),
            "file_mtime_ns": pa.array(self.mtimes_ns, pa.int64()),
        }


def check_keys(keys: Sequence[str], first: int = 0) -> None:
    """Refuse empty keys and keys that appear twice. Messages count rows from `first`."""
    if len(set(keys)) == len(keys) and "" not in keys:
        return
    seen: dict[str, int] = {}
    for number, key in enumerate(keys, first):
        if key == "":
            raise LookalikeError(f"row {number} has an empty key: every row needs a name")
        if key in seen:
            raise LookalikeError(f"key {key!r} appears twice, in rows {seen[key]} and {number}: keys must be distinct")
        seen[key] = number


def lookup_columns(rows: Rows) -> Any:
    """The table of `rows` from which the writer makes the key, content and label lookups (columns: runs.COLUMNS)."""
    return pa.table({name: rows.columns[name] for name in COLUMNS})


def write_part(folder: Path, rows: Rows, model: str | None) -> PartEntry:
    """Publish `rows` as vectors/<name>.parquet below the collection `folder`; the writer fills in first_row (here -1).

    Before publishing, the file is checked to map back to the vectors. Raises LookalikeError where it does not, or where
    the disk fails.
    """
    return write_table(folder, _table(rows), model)


def write_table(folder: Path, table: Any, model: str | None) -> PartEntry:
    """`write_part` for a table with the columns of a part, as `read_part` returns it.

    Raises ValueError for a table without rows.
    """
    if table.num_rows == 0:
        raise ValueError("a part needs at least one row")
    vectors = _matrix(table.column("vector").combine_chunks())
    buffer = _encoded(table, model)
    offset = _vector_offset(pq.read_metadata(pa.BufferReader(buffer)), vectors.nbytes)
    _check_mapping(np.frombuffer(buffer, np.uint8), offset, vectors)
    file = publish_new(folder, FOLDER, ".parquet", buffer)
    note_readable(file.sha256)
    return PartEntry(file.file, file.size, file.sha256, first_row=-1, rows=table.num_rows, vector_offset=offset)


def _matrix(column: Any) -> NDArray[np.float32]:
    """The vectors of a fixed-size list array, (n, d) float32."""
    matrix: NDArray[np.float32] = column.flatten().to_numpy(zero_copy_only=True)
    return matrix.reshape(len(column), column.type.list_size)


def provenance(model: str | None) -> dict[bytes, bytes]:
    """Metadata for our Parquet files: that text is `escaped`, and the digest of the vectors' model."""
    return {b"lookalike": json.dumps({"format": FORMAT, "model": model}).encode()}


def empty_schema(dim: int | None) -> Any:
    """The columns that every part has. Where the dimension is not known yet, vectors are lists of any length."""
    schema = _table(Rows.of_vectors([], np.empty((0, dim or 1), np.float32), None, "")).schema
    if dim is not None:
        return schema
    at = schema.get_field_index("vector")
    return schema.set(at, schema.field(at).with_type(pa.list_(schema.field(at).type.value_field)))


def _encoded(table: Any, model: str | None) -> memoryview:
    """The bytes of the Parquet file."""
    paths = [_VECTOR if name == "vector" else name for name in table.column_names]
    return parquet_bytes(
        table.replace_schema_metadata(provenance(model)),
        row_group_size=table.num_rows,
        compression={path: "none" if path == _VECTOR else "zstd" for path in paths},
        use_dictionary=["label", "source"],
        write_statistics=[path for path in paths if path != _VECTOR],
        data_page_size=_ONE_PAGE,
        max_rows_per_page=_ONE_PAGE,
    )


def _table(rows: Rows) -> Any:
    """All columns of a part, in the order of the design."""
    values = pa.array(np.ascontiguousarray(rows.vectors).reshape(-1))
    element = pa.field("element", pa.float32(), nullable=False)
    vectors = pa.FixedSizeListArray.from_arrays(values, type=pa.list_(element, rows.vectors.shape[1]))
    head = {"key": rows.columns["key"], "label": rows.columns["label"], "vector": vectors}
    columns = head | rows.columns | _extra(rows.extra)
    fields = [pa.field(name, column.type, nullable=name not in FIRM) for name, column in columns.items()]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def _extra(extra: Any) -> dict[str, Any]:
    """The source's further columns under their stored names."""
    if extra is None:
        return {}
    columns = [column.combine_chunks() for column in extra.columns]
    return dict(zip(stored_names(extra.column_names), columns, strict=True))


def _vector_offset(metadata: Any, size: int) -> int:
    """The position of the float32 matrix: the last `size` bytes of its column."""
    group = metadata.row_group(0)
    for i in range(group.num_columns):
        column = group.column(i)
        if column.path_in_schema == _VECTOR:
            return int(column.data_page_offset + column.total_compressed_size - size)
    raise LookalikeError("this version of pyarrow writes vectors under another name: install pyarrow 26")


def _check_mapping(data: NDArray[np.uint8], offset: int, vectors: NDArray[np.float32]) -> None:
    """Refuse a file whose bytes at `offset` are not the vectors."""
    n, d = vectors.shape
    mapped = data[offset : offset + n * d * 4].reshape(n, d * 4)
    sample = np.unique(np.linspace(0, n - 1, min(n, _PROBES)).astype(np.int64))
    if not np.array_equal(np.take(mapped, sample, axis=0).view(np.float32), vectors[sample]):
        raise LookalikeError("this version of pyarrow does not write vectors in one page: install pyarrow 26")


def map_vectors(path: Path, entry: PartEntry, dim: int) -> NDArray[np.uint8]:
    """The vectors of a part as a read-only memory map of bytes, (n, 4 * dim) uint8.

    The matrix is not aligned in the file: take rows first, then `.view(np.float32)`. Raises Damaged for a file that is
    too short.
    """
    if entry.vector_offset < 0 or entry.vector_offset + entry.rows * 4 * dim > path.stat().st_size:
        raise Damaged(f"{path} is too short for {entry.rows} vectors of {dim} dimensions")
    return np.memmap(path, dtype=np.uint8, mode="r", offset=entry.vector_offset, shape=(entry.rows, 4 * dim))


def read_part(path: Path, columns: list[str] | None = None) -> Any:
    """All columns of a part, or the named ones in order; text as stored, see `escaped`.

    Raises Damaged where the part cannot be read.
    """
    try:
        return pq.read_table(path, columns=columns, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise Damaged(f"{path} cannot be read: {one_line(error)}") from error
