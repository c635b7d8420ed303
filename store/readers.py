"""Vectors and text from elsewhere, read in blocks with memory that does not grow with the file.

Row numbers in messages count from 0. Vectors are given as the file has them; `unit_rows` checks their values.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from .block import Vectors
from .errors import LookalikeError
from .matrix_files import Fvecs, Hdf5, Npy
from .parquet_vectors import ParquetVectors
from .publish import plain_errors

READERS: dict[str, Callable[[Path], Vectors]] = {
    ".npy": Npy,
    ".parquet": ParquetVectors,
    ".hdf5": Hdf5,
    ".h5": Hdf5,
    ".fvecs": Fvecs,
}


def open_vectors(path: str | os.PathLike[str]) -> Vectors:
    """Open a file of vectors (n, d) by its ending: .npy, .parquet (key, label, vector), .hdf5 or .h5, .fvecs.

    LookalikeError for another ending, a file that is not there and one that its reader refuses.
    """
    path = Path(path)
    if path.suffix.lower() not in READERS:
        raise LookalikeError(f"{path} is not a file of vectors: {', '.join(READERS)} work")
    with plain_errors(f"read {path}"):
        if not path.is_file():
            raise LookalikeError(f"cannot read {path}: " + ("it is not a file" if path.exists() else "no such file"))
        return READERS[path.suffix.lower()](path)


def read_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    """The lines of a text file (UTF-8; other bytes are kept as `os.fsdecode` does), without their ends."""
    with plain_errors(f"read {path}"), open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        for number, line in enumerate(file):
            text = line.removeprefix("\ufeff") if number == 0 else line
            yield text.removesuffix("\n").removesuffix("\r")


def count_lines(path: str | os.PathLike[str]) -> int:
    """How many lines `read_lines` gives."""
    lines, last = 0, b"\n"
    with plain_errors(f"read {path}"), open(path, "rb") as file:
        while data := file.read(1 << 20):
            lines, last = lines + data.count(b"\n"), data[-1:]
    return lines + (last != b"\n")
