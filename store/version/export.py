"""Exports all live rows of a collection to one file for other tools, streamed, so that memory does not grow with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow.parquet as pq

from ..disk.publish import publish
from ..errors import LookalikeError
from ..files.parts import provenance
from ..progress import Progress, silent
from .store import Store
from .tables import live_tables


def export(store: Store, out: Path, progress: Progress = silent) -> None:
    """Write the live rows, ascending, to `out`: the columns of `Store.table` to .parquet, (rows, d) float32 to .npy.

    The Parquet file names the vectors' model, so that a collection of another model refuses them. Raises LookalikeError
    where `out` exists, has another ending, or the collection has never held a vector.
    """
    if out.suffix.lower() not in _WRITERS:
        raise LookalikeError(f"cannot export to {out}: its name must end in {' or '.join(_WRITERS)}")
    if not out.absolute().parent.is_dir():
        raise LookalikeError(f"cannot export to {out}: there is no folder {out.parent}")
    if store.dim is None:
        raise LookalikeError(f"cannot export {store.path}: it has never held a vector")
    publish(out, lambda file: _WRITERS[out.suffix.lower()](store, file, progress))


def _parquet(store: Store, file: BinaryIO, progress: Progress) -> None:
    """Write one row group per part."""
    tables = live_tables(store)
    done = 0
    ours = provenance(store.model.digest if store.model else None)
    with pq.ParquetWriter(file, next(tables).schema.with_metadata(ours)) as writer:
        for table in tables:
            if table.num_rows:
                writer.write_table(table)
            done += table.num_rows
            progress(done, store.rows, "rows")


def _npy(store: Store, file: BinaryIO, progress: Progress) -> None:
    """Write NumPy's header, and then block after block."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (store.rows, store.dim)}
    np.lib.format.write_array_header_1_0(file, header)
    done = 0
    for rows, vectors in store.blocks():
        file.write(vectors.astype("<f4", copy=False).data)
        done += len(rows)
        progress(done, store.rows, "rows")


_WRITERS: dict[str, Callable[[Store, Any, Progress], None]] = {".parquet": _parquet, ".npy": _npy}
