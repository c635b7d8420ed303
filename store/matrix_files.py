"""Vectors of files that hold a matrix and nothing else: .npy, .fvecs, HDF5."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .block import Block, check_matrix
from .errors import LookalikeError
from .publish import plain_errors


class Npy:
    """A .npy matrix. Rows in C order are read, not mapped, so that they do not count as memory in use."""

    model: str | None = None
    dim: int | None
    left_out: list[str]

    def __init__(self, path: Path) -> None:
        self._path, self.left_out = path, []
        try:
            matrix = np.load(path, mmap_mode="r", allow_pickle=False)
        except OSError:
            raise
        except Exception as error:  # NumPy hands the header to Python's own parser, which raises almost anything
            why = "it is another kind of file" if "pickle" in str(error) else plain(error)
            raise LookalikeError(f"{path} is not a whole .npy file of numbers: {why}") from None
        if not isinstance(matrix, np.memmap):
            raise LookalikeError(f"{path} is an archive of arrays: a .npy file of one matrix works")
        check_matrix(f"{path}", matrix.shape, matrix.dtype)
        self.rows, self._columns = matrix.shape
        self.dim = self._columns
        self._dtype = matrix.dtype
        self._offset = matrix.offset
        self._mapped = None if matrix.flags.c_contiguous else matrix

    def blocks(self, size: int) -> Iterator[Block]:
        """All rows in order, `size` at a time."""
        with plain_errors(f"read {self._path}"), open(self._path, "rb") as file:
            file.seek(self._offset)
            for start in range(0, self.rows, size):
                rows = min(size, self.rows - start)
                if self._mapped is not None:
                    yield Block(np.ascontiguousarray(self._mapped[start : start + rows]))
                else:
                    yield Block(read_matrix(file, self._path, rows, self._columns, self._dtype))


class Fvecs:
    """The .fvecs format (http://corpus-texmex.irisa.fr): each row of float32 follows its length as int32."""

    model: str | None = None
    dim: int | None
    left_out: list[str]

    def __init__(self, path: Path) -> None:
        self._path, self.left_out = path, []
        size = path.stat().st_size
        with open(path, "rb") as file:
            dim = int.from_bytes(file.read(4), "little", signed=True)
        self.rows, self.dim, self._columns = 0, None, 1
        if size == 0:
            return
        if dim < 1 or size % (4 * (dim + 1)):
            raise LookalikeError(f"{path} is not a whole .fvecs file: {size} bytes do not divide into rows of {dim}")
        self.rows, self.dim, self._columns = size // (4 * (dim + 1)), dim, dim + 1

    def blocks(self, size: int) -> Iterator[Block]:
        """All rows in order, `size` at a time; a row of another length raises."""
        with plain_errors(f"read {self._path}"), open(self._path, "rb") as file:
            for start in range(0, self.rows, size):
                rows = read_matrix(file, self._path, min(size, self.rows - start), self._columns, np.dtype("<f4"))
                lengths = np.ascontiguousarray(rows[:, 0]).view("<i4")
                if (other := lengths != self.dim).any():
                    row = int(other.argmax())
                    raise LookalikeError(
                        f"{self._path}: row {start + row} has {lengths[row]} dimensions, the first has {self.dim}"
                    )
                yield Block(np.ascontiguousarray(rows[:, 1:]))


class Hdf5:
    """A 2-D float dataset of an HDF5 file: "vectors", else "train", else the first by name."""

    model: str | None = None
    dim: int | None
    left_out: list[str]

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as file:
            try:
                self._name = self._choose(file)
                self.left_out = [name for name in _datasets(file) if name != self._name]
                shape, dtype = file[self._name].shape, file[self._name].dtype
            except LookalikeError:
                raise
            except Exception as error:
                raise LookalikeError(f"{path} is not a whole HDF5 file: {plain(error)}") from None
            check_matrix(f"{path}: dataset {self._name}", shape, dtype)
            self.rows, self.dim = shape

    def _open(self) -> Any:
        try:
            import h5py
        except ImportError:
            raise LookalikeError(f"reading {self._path} needs h5py: pip install 'lookalike[hdf5]'") from None
        try:
            return h5py.File(self._path, "r")
        except Exception as error:
            raise LookalikeError(f"{self._path} is not a whole HDF5 file: {plain(error)}") from None

    def _choose(self, file: Any) -> str:
        found: list[str] = []
        file.visititems(lambda name, item: found.append(name) if _is_matrix(item) else None)
        named = [name for name in ("vectors", "train") if name in found]
        if not found:
            raise LookalikeError(f"{self._path} has no 2-D dataset of floats, such as one named 'vectors'")
        return named[0] if named else min(found)

    def blocks(self, size: int) -> Iterator[Block]:
        """All rows in order, `size` at a time; LookalikeError where they cannot be read."""
        with self._open() as file:
            for start in range(0, self.rows, size):
                try:
                    yield Block(file[self._name][start : start + size])
                except Exception as error:
                    reason = plain(error)
                    raise LookalikeError(f"{self._path}: dataset {self._name} cannot be read: {reason}") from None


def _datasets(file: Any) -> list[str]:
    """The names of all datasets of an HDF5 file."""
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if hasattr(item, "shape") else None)
    return sorted(found)


def _is_matrix(item: Any) -> bool:
    return getattr(item, "ndim", None) == 2 and item.dtype.kind == "f"


def plain(error: Exception) -> str:
    """What a library says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def read_matrix(file: Any, path: Path, rows: int, dim: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The next (rows, dim) numbers of a file; LookalikeError where it ends before."""
    matrix = np.fromfile(file, dtype=dtype, count=rows * dim)
    if len(matrix) < rows * dim:
        raise LookalikeError(f"{path} ends before its last row: it became shorter while it was read")
    return matrix.reshape(rows, dim)
