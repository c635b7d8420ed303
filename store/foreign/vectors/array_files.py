"""Vectors, and perhaps keys and labels, in files of named arrays, and .npz. Nothing is ever unpickled."""

import os
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import LookalikeError, one_line
from ...files.escaped import escaped_array
from ..columns.named_columns import USUAL, Columns, Role, choose, missing
from ..columns.text_columns import TEXT_WORDS, array_texts, kept_type
from .block import Block, as_floats, check_matrix

_KEYS, _LABELS = ("keys", "key"), ("labels", "label")
VECTORS = ("vectors", "vector", "train", "embeddings", "embedding")
_MATRIX = "a matrix of numbers"


class Kind(NamedTuple):
    """An array's shape and dtype, which are known before its numbers are read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def words(self) -> str:
        """Shape and dtype as messages show them."""
        what = "Python objects" if self.dtype.hasobject else str(self.dtype)
        return f"{what} {self.shape}"


class ArrayFile(ABC):
    """See block.Vectors. `columns` names arrays; the default is their usual names, or the only matrix."""

    model: str | None = None
    dim: int | None
    unit = "array"

    def __init__(self, path: Path, columns: Columns) -> None:
        self._path = path
        self._kinds = self._found()
        words = {name: kind.words for name, kind in self._kinds.items()}
        self._vector = self._chosen(columns.vector, words)
        check_matrix(f"{path}: {self.unit} {self._vector}", *self._kinds[self._vector])
        self.rows, self.dim = self._kinds[self._vector].shape
        self._key = choose(path, columns.key, self._text_role("key", _KEYS), words)
        self._label = choose(path, columns.label, self._text_role("label", _LABELS), words)
        further = [name for name in self._kinds if name not in (self._vector, self._key, self._label)]
        self._extra = [name for name in further if self._can_be_kept(name)]
        self.left_out = sorted(set(further) - set(self._extra))

    def _chosen(self, requested: str | None, words: dict[str, str]) -> str:
        """Which array holds the vectors."""
        floats = [name for name, kind in self._kinds.items() if len(kind.shape) == 2 and kind.dtype.kind == "f"]
        likely = [name for name in VECTORS if name in floats] or floats
        if requested is None and len(likely) > 1 and likely[0] not in VECTORS:
            raise LookalikeError(
                f"{self._path} has {len(likely)} matrices: name one with --vector-column: "
                + ", ".join(f"{name} ({words[name]})" for name in likely)
            )
        usual = likely or [name for name in self._kinds if self._is_matrix(name)]
        chosen = choose(self._path, requested, self._vector_role(usual), words)
        if chosen is not None:
            return chosen
        for name, kind in self._kinds.items():
            if kind.dtype.hasobject:
                check_matrix(f"{self._path}: {self.unit} {name}", *kind)
        raise missing(self._path, "vectors", self._vector_role(), words)

    def _is_matrix(self, name: str) -> bool:
        kind = self._kinds[name]
        return len(kind.shape) == 2 and kind.shape[1] > 0 and kind.dtype.kind in "fiu"

    def _text_role(self, name: str, usual: tuple[str, ...]) -> Role:
        fitting = [each for each in usual if each in self._kinds and self._could_name(each)]
        return Role(name, fitting, f"{TEXT_WORDS}, one for each vector", self._could_name, self.unit)

    def _vector_role(self, usual: Sequence[str] = ()) -> Role:
        return Role("vector", usual, _MATRIX, self._is_matrix, self.unit)

    def _could_name(self, name: str) -> bool:
        """Whether an array could hold keys or labels. An array of objects is refused when it is read."""
        return self._kinds[name].shape == (self.rows,)

    def _can_be_kept(self, name: str) -> bool:
        """Whether an array has one text, number, truth value or time for each vector."""
        shape, dtype = self._kinds[name]
        return shape == (self.rows,) and (dtype.kind in "USiufbM" or self._holds_text(name))

    @abstractmethod
    def _found(self) -> dict[str, Kind]:
        """All arrays of the file."""

    @abstractmethod
    def _rows(self, name: str, size: int) -> Iterator[NDArray[Any]]:
        """The rows of an array in order, `size` at a time."""

    def blocks(self, size: int) -> Iterator[Block]:
        """All rows in order, `size` at a time. Raises LookalikeError where they cannot be read."""
        start = 0
        keys, labels = self._texts(self._key, size), self._texts(self._label, size)
        further = {name: self._rows(name, size) for name in self._extra}
        for matrix in self._rows(self._vector, size):
            named = next(keys) if keys is not None else None
            if named is not None and None in named:
                raise LookalikeError(
                    f"{self._path}: {self.unit} {self._key!r}, row {start + named.index(None)} is empty: "
                    "every row needs a key"
                )
            yield Block(
                as_floats(matrix),
                None if named is None else [str(key) for key in named],
                None if labels is None else next(labels),
                pa.table({name: self._kept(next(values)) for name, values in further.items()}) if further else None,
            )
            start += len(matrix)

    def _kept(self, values: NDArray[Any]) -> Any:
        """The values of a further array, in the form that a table's column has."""
        values = self._as_text(values)
        if values.dtype.kind in "US":
            return escaped_array(map(os.fsdecode, values.tolist())).cast(pa.string())
        if values.dtype.kind == "M":
            texts = np.datetime_as_string(values).tolist()
            return pa.array([None if text == "NaT" else text for text in texts], pa.string())
        if values.dtype.kind == "f":
            return pa.array(values.astype(np.float64))
        kind = kept_type(pa.from_numpy_dtype(values.dtype.newbyteorder("=")))
        return pa.array(values.astype(values.dtype.newbyteorder("="))).cast(kind)

    def _texts(self, name: str | None, size: int) -> Iterator[list[str | None]] | None:
        if name is None:
            return None
        what = f"{self._path}: {self.unit} {name!r}"
        if self._kinds[name].dtype.hasobject and not self._holds_text(name):
            array_texts(np.empty(0, object), what)
        return (array_texts(self._as_text(values), what) for values in self._rows(name, size))

    def _holds_text(self, name: str) -> bool:
        return False

    def _as_text(self, values: NDArray[Any]) -> NDArray[Any]:
        return values


class Npz(ArrayFile):
    """An archive of NumPy arrays, each read as a stream, so that a small archive cannot fill the memory."""

    def __init__(self, path: Path, columns: Columns = USUAL) -> None:
        super().__init__(path, columns)

    def _found(self) -> dict[str, Kind]:
        kinds = {}
        with self._archive() as archive:
            for name in archive.namelist():
                with self._member(archive, name) as file:
                    shape, _, dtype = self._header(file, name)
                kinds[name.removesuffix(".npy")] = Kind(shape, dtype)
        if not kinds:
            raise LookalikeError(f"{self._path} is an archive without an array")
        return kinds

    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self._path)
        except OSError:
            raise
        except Exception as error:
            raise LookalikeError(f"{self._path} is not a whole .npz archive: {one_line(error)}") from None

    def _member(self, archive: zipfile.ZipFile, name: str) -> Any:
        try:
            return archive.open(name)
        except Exception as error:
            raise self._broken(name, error) from None

    def _header(self, file: Any, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        """Shape, whether in Fortran's order, and dtype."""
        try:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
        except Exception as error:  # NumPy hands the header to Python's own parser, which raises almost anything
            raise self._broken(name, error) from None
        return shape, fortran, dtype

    def _rows(self, name: str, size: int) -> Iterator[NDArray[Any]]:
        with self._archive() as archive:
            member = name if name in archive.namelist() else f"{name}.npy"
            with self._member(archive, member) as file:
                shape, fortran, dtype = self._header(file, name)
                if fortran and len(shape) == 2:
                    columns = self._numbers(file, name, (shape[1], shape[0]), dtype)
                    yield from (columns[:, at : at + size].T for at in range(0, shape[0], size))
                    return
                for at in range(0, shape[0], size):
                    yield self._numbers(file, name, (min(size, shape[0] - at), *shape[1:]), dtype)

    def _numbers(self, file: Any, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """The next values of an array."""
        need = int(np.prod(shape)) * dtype.itemsize
        try:
            data = file.read(need)
        except Exception as error:  # a wrong checksum, or a stream that cannot be unpacked
            raise self._broken(name, error) from None
        if len(data) < need:
            raise LookalikeError(f"{self._path}: array {name!r} ends before its last row")
        return np.frombuffer(data, dtype).reshape(shape)

    def _broken(self, name: str, error: Exception) -> LookalikeError:
        return LookalikeError(f"{self._path}: {name!r} cannot be read as an array: {one_line(error)}")
