"""The prototypes' file: Parquet with class, count, sum (fixed-point int64), row (float32; zeros without direction)."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..store.errors import Damaged
from ..store.escaped import escaped_array, unescaped_list
from .ranks import Floats
from .sums import Sums

COLUMNS = ["class", "count", "sum", "row"]


def as_parquet(sums: Sums, rows: Floats) -> bytes:
    """The file's content: `sums` and the unit rows (c, d) that come of them."""
    dim = rows.shape[1]
    columns = [
        escaped_array(sums.classes),
        pa.array(sums.counts),
        pa.FixedSizeListArray.from_arrays(pa.array(sums.sums.reshape(-1)), dim),
        pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(rows).reshape(-1)), dim),
    ]
    stream = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, names=COLUMNS), stream, compression="zstd")
    data: bytes = stream.getvalue().to_pybytes()
    return data


def read_table(path: Path, dim: int | None) -> tuple[Sums, Floats]:
    """Sums and unit rows (c, d), as `as_parquet` wrote them; Damaged for another file."""
    try:
        table = pq.read_table(path, partitioning=None)
        counts = table.column("count").to_numpy()
        sums, rows = (_matrix(table.column(name)) for name in ("sum", "row"))
        classes = unescaped_list(table.column("class"))
    except (pa.ArrowException, OSError, KeyError, ValueError, AttributeError, TypeError) as error:
        raise Damaged(f"{path} does not hold prototypes: {error}") from error
    shape = (len(classes), dim)
    if not (sums.shape == rows.shape == shape and (sums.dtype, rows.dtype) == (np.int64, np.float32)):
        raise Damaged(f"{path} does not hold prototypes of {dim} dimensions")
    return Sums([str(name) for name in classes], sums.copy(), counts.astype(np.int64)), rows


def _matrix(column: Any) -> Any:
    joined = column.combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        joined = pa.concat_arrays(joined.chunks) if joined.num_chunks else pa.array([], joined.type)
    return joined.flatten().to_numpy().reshape(len(joined), joined.type.list_size)
