"""Vectors in files that hold matrices: .npy, .fvecs, .bvecs, HDF5."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...disk.publish import plain_errors
from ...errors import LookalikeError, one_line
from ..columns.named_columns import USUAL, Columns
from .array_files import VECTORS, ArrayFile, Kind
from .block import Block, as_floats, check_matrix


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
            raise LookalikeError(f"{path} is not a whole .npy file of numbers: {_why(error)}") from None
        if not isinstance(matrix, np.memmap):
            raise LookalikeError(f"{path} is an archive of arrays: rename it to end in .npz")
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
                    yield Block(as_floats(np.ascontiguousarray(self._mapped[start : start + rows])))
                else:
                    yield Block(as_floats(read_matrix(file, self._path, rows, self._columns, self._dtype)))


def _why(error: Exception) -> str:
    """The reason why NumPy could not read a .npy file."""
    if "Object arrays" in str(error) or "Python objects" in str(error):
        return "it holds Python objects (a pickle), which are never loaded: save it with .astype('float32')"
    return "it is another kind of file" if "pickle" in str(error) else one_line(error)


class Fvecs:
    """The .fvecs and .bvecs formats (http://corpus-texmex.irisa.fr): each row comes after its length as int32."""

    model: str | None = None
    dim: int | None
    left_out: list[str]
    kind: np.dtype[Any] = np.dtype("<f4")

    def __init__(self, path: Path) -> None:
        self._path, self.left_out = path, []
        size = path.stat().st_size
        with open(path, "rb") as file:
            dim = int.from_bytes(file.read(4), "little", signed=True)
        self.rows, self.dim, self._bytes = 0, None, 4 + dim * self.kind.itemsize
        if size == 0:
            return
        if dim < 1 or size % self._bytes:
            raise LookalikeError(
                f"{path} is not a whole {path.suffix} file: {size} bytes do not divide into rows of {dim} dimensions"
            )
        self.rows, self.dim = size // self._bytes, dim

    def blocks(self, size: int) -> Iterator[Block]:
        """All rows in order, `size` at a time. Raises LookalikeError for a row of another length."""
        with plain_errors(f"read {self._path}"), open(self._path, "rb") as file:
            for start in range(0, self.rows, size):
                rows = read_matrix(file, self._path, min(size, self.rows - start), self._bytes, np.dtype(np.uint8))
                lengths = np.ascontiguousarray(rows[:, :4]).view("<i4")[:, 0]
                if (other := lengths != self.dim).any():
                    row = int(other.argmax())
                    raise LookalikeError(
                        f"{self._path}: row {start + row} has {lengths[row]} dimensions, the first has {self.dim}"
                    )
                yield Block(as_floats(np.ascontiguousarray(rows[:, 4:]).view(self.kind)))


class Bvecs(Fvecs):
    """Rows of bytes, as in SIFT1B; they need `normalise`."""

    kind = np.dtype(np.uint8)


class Hdf5(ArrayFile):
    """The datasets of an HDF5 file. Of several matrices of floats: "vectors", else "train", else the first by name."""

    unit = "dataset"

    def __init__(self, path: Path, columns: Columns = USUAL) -> None:
        super().__init__(path, columns)

    def _chosen(self, requested: str | None, words: dict[str, str]) -> str:
        floats = [name for name, kind in self._kinds.items() if len(kind.shape) == 2 and kind.dtype.kind == "f"]
        if requested is None and floats:
            return next((name for name in VECTORS if name in floats), min(floats))
        if requested is None:
            shown = f"its datasets are {', '.join(words)}" if words else "it has no dataset"
            raise LookalikeError(f"{self._path} has no 2-D dataset of floats, such as one named 'vectors': {shown}")
        return super()._chosen(requested, words)

    def _open(self) -> Any:
        try:
            import h5py
        except ImportError:
            raise LookalikeError(f"reading {self._path} needs h5py: pip install 'lookalike[hdf5]'") from None
        try:
            return h5py.File(self._path, "r")
        except Exception as error:
            raise LookalikeError(f"{self._path} is not a whole HDF5 file: {one_line(error)}") from None

    def _found(self) -> dict[str, Kind]:
        kinds: dict[str, Kind] = {}
        with self._open() as file:
            try:
                file.visititems(
                    lambda name, item: kinds.update({name: Kind(item.shape, item.dtype)}) if _is_dataset(item) else None
                )
            except Exception as error:
                raise LookalikeError(f"{self._path} is not a whole HDF5 file: {one_line(error)}") from None
        return dict(sorted(kinds.items()))

    def _rows(self, name: str, size: int) -> Iterator[NDArray[Any]]:
        with self._open() as file:
            for start in range(0, self.rows, size):
                try:
                    block = file[name][start : start + size]
                except Exception as error:
                    reason = one_line(error)
                    raise LookalikeError(f"{self._path}: dataset {name} cannot be read: {reason}") from None
                yield block

    def _holds_text(self, name: str) -> bool:
        import h5py

        return h5py.check_string_dtype(self._kinds[name].dtype) is not None

    def _as_text(self, values: NDArray[Any]) -> NDArray[Any]:
        """Texts of any length come as objects, each of them bytes."""
        return np.array(values.tolist(), dtype=bytes if len(values) else "S1") if values.dtype.hasobject else values


def _is_dataset(item: Any) -> bool:
    return getattr(item, "shape", None) is not None and hasattr(item, "dtype")


def read_matrix(file: Any, path: Path, rows: int, dim: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The next (rows, dim) numbers of a file. Raises LookalikeError where it ends too early."""
    matrix = np.fromfile(file, dtype=dtype, count=rows * dim)
    if len(matrix) < rows * dim:
        raise LookalikeError(f"{path} ends before its last row: it became shorter while it was read")
    return matrix.reshape(rows, dim)
