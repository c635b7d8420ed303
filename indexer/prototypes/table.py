"""The file of prototypes: Parquet with one row per prototype; those of a class are adjacent, and classes in order.

Columns: class, count (of rows), sum (fixed-point int64), row (float32 unit row; zeros without direction). If classes
have several prototypes, also anchor (float32 unit row; zeros for a class with one). If a window limits them, also
window (the rows of the class in the window, at its first prototype).
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...store.errors import Damaged, one_line
from ...store.files.content import PrototypeRule
from ...store.files.escaped import escaped_array, unescaped_list
from ...store.files.new_files import parquet_bytes
from ...store.unit import TOLERANCE
from ...store.version.lookups import code_of
from ..segments.order import Floats, Ints
from .sums import Sums


class Table(NamedTuple):
    """sums: p of them. rows: (p, d) float32 unit rows. window: (m,) int64 ascending, None without a window."""

    sums: Sums
    rows: Floats
    window: Ints | None


def as_parquet(sums: Sums, rows: Floats, windows: list[Ints] | None) -> memoryview:
    """The content of the file: `sums`, their unit rows (p, d) and, if any, the window (m,) of each class."""
    columns = {
        "class": escaped_array(sums.classes[code] for code in sums.owners.tolist()),
        "count": pa.array(sums.counts),
        "sum": _lists(sums.sums),
        "row": _lists(rows),
    }
    if sums.anchors is not None:
        columns["anchor"] = _lists(sums.anchors)
    if windows is not None:
        spread: list[Ints] = [np.zeros(0, dtype=np.int64)] * len(rows)
        for place, window in zip(sums.starts[:-1].tolist(), windows, strict=True):
            spread[place] = window
        columns["window"] = pa.array(spread, pa.list_(pa.int64()))
    return parquet_bytes(pa.table(columns), compression="zstd")


def read_table(path: Path, dim: int | None, rule: PrototypeRule) -> Table:
    """The content that `as_parquet` wrote for prototypes made by `rule`. Raises Damaged for another file."""
    try:
        table = pq.read_table(path, partitioning=None)
        if nulls := [name for name in table.column_names if table.column(name).null_count]:
            raise ValueError(f"its {nulls[0]} lacks values")
        counts = _whole_numbers(table.column("count").to_numpy())
        sums, rows = (_matrix(table.column(name)) for name in ("sum", "row"))
        anchors = _matrix(table.column("anchor")) if rule.per_class > 1 else None
        window = _flat(table.column("window")) if rule.window else None
        names = [str(name) for name in unescaped_list(table.column("class"))]
    except (pa.ArrowException, OSError, KeyError, ValueError, AttributeError, TypeError) as error:
        raise Damaged(f"{path} does not hold prototypes: {one_line(error)}") from error
    shapes = {matrix.shape for matrix in (sums, rows, anchors) if matrix is not None}
    kinds = sums.dtype, rows.dtype, np.float32 if anchors is None else anchors.dtype
    if shapes != {(len(names), dim)} or kinds != (np.int64, np.float32, np.float32):
        raise Damaged(f"{path} does not hold prototypes of {dim} dimensions")
    for matrix in (rows, anchors):
        if matrix is not None and not _unit_or_zero(matrix):
            raise Damaged(f"{path} does not hold prototypes: one of its rows is not of length 1")
    if not names or names != sorted(names) or counts.min() < 0:
        raise Damaged(f"{path} does not hold prototypes: its classes are not in order, or a count is below 0")
    if window is not None and (window.min(initial=0) < 0 or (window[1:] == window[:-1]).any()):
        raise Damaged(f"{path} does not hold prototypes: its windows name rows twice, or rows that cannot be")
    classes = sorted(set(names))
    place = code_of(classes)
    owners = np.array([place[name] for name in names], dtype=np.int64)
    return Table(Sums(classes, owners, sums.copy(), counts, anchors), rows, window)


def _lists(matrix: np.ndarray) -> Any:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(matrix).reshape(-1)), matrix.shape[1])


def _matrix(column: Any) -> Any:
    joined = _joined(column)
    return joined.flatten().to_numpy().reshape(len(joined), joined.type.list_size)


def _flat(column: Any) -> Ints:
    """All values of a column of lists, sorted."""
    return np.sort(_whole_numbers(_joined(column).flatten().to_numpy(zero_copy_only=False)))


def _whole_numbers(values: np.ndarray) -> Ints:
    """The values as they are. Raises ValueError for another type, such as the one that nulls lead to."""
    if values.dtype != np.int64:
        raise ValueError(f"it has {values.dtype} where int64 must be")
    return values


def _unit_or_zero(matrix: Floats) -> bool:
    """Whether each row is of length 1, or zeros."""
    squares = np.vecdot(matrix, matrix, dtype=np.float64)
    return bool(((np.abs(squares - 1) <= 4 * TOLERANCE) | (squares == 0)).all())


def _joined(column: Any) -> Any:
    joined = column.combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        joined = pa.concat_arrays(joined.chunks) if joined.num_chunks else pa.array([], joined.type)
    return joined
