"""Reads vectors from files of other tools, in blocks, with memory that does not grow with the file.

Row numbers in messages count from 0. Vectors are returned as they are in the file; `unit_rows` checks their values.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...disk.publish import plain_errors
from ...errors import LookalikeError
from ..columns.listed import count_lines, read_lines
from ..columns.named_columns import USUAL, Columns
from .array_files import Npz
from .arrow_files import ArrowVectors
from .block import Vectors
from .matrix_files import Bvecs, Fvecs, Hdf5, Npy
from .parquet_vectors import ParquetVectors

__all__ = ["count_lines", "open_vectors", "read_lines"]

NAMED: dict[str, Callable[[Path, Columns], Vectors]] = {
    ".parquet": ParquetVectors,
    ".pq": ParquetVectors,
    ".arrow": ArrowVectors,
    ".feather": ArrowVectors,
    ".npz": Npz,
    ".hdf5": Hdf5,
    ".h5": Hdf5,
}
"""Readers of files whose columns have names."""
NAMELESS: dict[str, Callable[[Path], Vectors]] = {".npy": Npy, ".fvecs": Fvecs, ".bvecs": Bvecs}
"""Readers of files that hold a matrix alone."""
_SAVE = "save the vectors with numpy.save as .npy"
_PICKLE = f"is a pickle, which could run code when it is read, so it is never loaded: {_SAVE}"
_TABLE = "is text, which loses digits and is not read as vectors: {save}, or the table as .parquet with a list column"
_KNOWN: dict[str, str] = {
    **dict.fromkeys((".csv", ".tsv", ".txt", ".json", ".jsonl"), _TABLE.format(save=_SAVE)),
    **dict.fromkeys((".pkl", ".pickle", ".pt", ".pth", ".joblib"), _PICKLE),
    **dict.fromkeys(
        (".faiss", ".index"), f"is an index, whose vectors may be rounded: {_SAVE} before they are indexed"
    ),
    **dict.fromkeys((".gz", ".zst", ".xz", ".bz2", ".zip"), "is compressed: unpack it first"),
    ".ivecs": "holds lists of neighbours, not vectors: give the .fvecs or .bvecs file",
    ".safetensors": f"is read for models only: {_SAVE}",
}
"""What people give instead, and what to do then."""


def open_vectors(path: str | os.PathLike[str], columns: Columns = USUAL) -> Vectors:
    """Open a file of vectors (n, d) by its ending, in any case: one of NAMED and NAMELESS.

    columns: which columns, arrays or datasets to read, in files that name them; by default key, label and vector (for
    arrays: keys, labels and vectors, or the only matrix). Raises LookalikeError for another ending, for a file that
    does not exist, and for a file that its reader refuses.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in NAMED and ending not in NAMELESS:
        why = _KNOWN.get(ending) or ("is a folder: give one file" if path.is_dir() else "is not a file of vectors")
        raise LookalikeError(f"{path} {why}; accepted are {', '.join([*NAMELESS, *NAMED])}")
    with plain_errors(f"read {path}"):
        if not path.is_file():
            raise LookalikeError(f"cannot read {path}: {_no_file(path)}")
        if ending in NAMED:
            return NAMED[ending](path, columns)
        _refuse_names(path, columns)
        return NAMELESS[ending](path)


def _no_file(path: Path) -> str:
    """Why there is nothing to read: Spark and Dask write folders that have names like files."""
    if path.is_dir():
        return "it is not a file but a folder: import each file in it"
    return "it is not a file" if path.exists() else "no such file"


def _refuse_names(path: Path, columns: Columns) -> None:
    """Refuse column names for a matrix, which has none."""
    for role, name in columns._asdict().items():
        if name is not None:
            instead: Any = {"key": "give keys with --keys FILE", "label": "give labels with --labels FILE"}
            raise LookalikeError(
                f"{path} is one matrix, whose columns have no names such as {name!r}: "
                + instead.get(role, "leave out --vector-column")
            )
