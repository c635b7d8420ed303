"""Vectors in a table with named columns, in any file format: the common part of Parquet and Arrow files."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from ...errors import LookalikeError
from ...files.escaped import escaped_array, unescaped_list
from ...files.parts import RESERVED
from ..columns.class_label import class_label
from ..columns.named_columns import Columns, Role, choose, missing
from ..columns.text_columns import TEXT_WORDS, is_text, kept_type, plain_array, texts_of, values_of
from .arrow_vectors import VECTOR_WORDS, dim_of, is_list, is_vector, matrix_of
from .block import Block

_OF_IMAGES = {"content_sha256": pa.large_string(), "width": pa.int32(), "height": pa.int32()}
_SHA256 = "^[0-9a-f]{64}$"


class TableVectors:
    """See block.Vectors. Parts of a collection and exports are such files; `columns` says which columns to read."""

    rows: int

    def __init__(self, path: Path, schema: Any, columns: Columns) -> None:
        self._path = path
        self.model, self._ours = _origin(schema.metadata or {})
        kinds = {name: schema.field(i).type for i, name in enumerate(schema.names)}
        self._choose(kinds, columns)
        chosen = [name for name in (self._key, self._label, self._vector) if name is not None]
        for name in chosen:
            if schema.names.count(name) > 1:
                raise LookalikeError(
                    f"{path} has {schema.names.count(name)} columns named {name!r}: rename all but one of them"
                )
        self.dim = dim_of(kinds[self._vector])
        self._classes = None if self._label is None else class_label(schema.metadata or {}, self._label)
        self._images = self._ours and all(name in kinds for name in _OF_IMAGES)
        further = [name for name in kinds if name not in chosen and not pt.is_null(kinds[name])]
        further = [name for name in further if not (self._ours and name in RESERVED)]
        self._extra = {name: kind for name in further if (kind := kept_type(kinds[name])) is not None}
        self._extra = {name: kind for name, kind in self._extra.items() if schema.names.count(name) == 1}
        self.left_out = [name for name in further if name not in self._extra]
        self._wanted = [*dict.fromkeys(chosen), *self._extra, *(_OF_IMAGES if self._images else ())]

    def _choose(self, kinds: dict[str, Any], requested: Columns) -> None:
        """Find the columns. Raises LookalikeError where one is missing or has the wrong type."""
        words = {name: str(kind) for name, kind in kinds.items()}
        for column in [column for column in requested if column is not None and requested.count(column) > 1][:1]:
            raise LookalikeError(f"{self._path}: column {column!r} is named for two purposes: name it once")

        def text(name: str) -> bool:
            return is_text(kinds[name])

        def vector(name: str) -> bool:
            return is_vector(kinds[name]) if name in (requested.vector, "vector") else is_list(kinds[name])

        self._key = choose(self._path, requested.key, Role("key", ["key"], TEXT_WORDS, text), words)
        if requested.key is None and self._key is not None and pt.is_null(kinds[self._key]):
            self._key = None  # as pandas writes a column of None: no row has a key of its own
        self._label = choose(self._path, requested.label, Role("label", ["label"], TEXT_WORDS, text), words)
        role = Role("vector", ["vector"], VECTOR_WORDS, vector)
        chosen = choose(self._path, requested.vector, role, words)
        if chosen is None:
            error = missing(self._path, "vector", role, words)
            numbers = [name for name, kind in kinds.items() if pt.is_floating(kind)]
            if len(numbers) < 2 or any(map(vector, kinds)):
                raise error
            raise LookalikeError(f"{error}; join the {len(numbers)} columns of numbers into one column of lists")
        self._vector: str = chosen

    def _batches(self, size: int, names: list[str]) -> Iterator[Any]:
        """The rows of these columns as record batches of at most `size` rows."""
        raise NotImplementedError

    def _readable(self) -> AbstractContextManager[None]:
        """Turn pyarrow's errors for a broken file into a one-line error."""
        raise NotImplementedError

    def blocks(self, size: int) -> Iterator[Block]:
        """All rows in order, at most `size` at a time."""
        start = 0
        with self._readable():
            for batch in self._batches(size, self._wanted):
                if batch.num_rows:
                    yield self._block(batch, start)
                start += batch.num_rows

    def _block(self, batch: Any, start: int) -> Block:
        column = dict(zip(batch.schema.names, batch.columns, strict=True))
        vectors = matrix_of(column[self._vector], self.dim, f"{self._path}: column {self._vector!r}", start)
        self.dim = vectors.shape[1]
        return Block(
            vectors,
            None if self._key is None else self._keys(column[self._key], start),
            None if self._label is None else self._labels(column[self._label], start),
            self._further(column),
            pa.table({name: _of_images(column[name], kind) for name, kind in _OF_IMAGES.items()})
            if self._images
            else None,
        )

    def _keys(self, column: Any, start: int) -> list[str]:
        keys = self._texts(column)
        if None in keys:
            raise LookalikeError(
                f"{self._path}: column {self._key!r}, row {start + keys.index(None)} is null: every row needs one"
            )
        return [str(key) for key in keys]

    def _labels(self, column: Any, start: int) -> list[str | None]:
        plain = plain_array(column)
        if self._classes is None or not (pt.is_integer(plain.type) or pt.is_floating(plain.type)):
            return self._texts(column)
        what = f"{self._path}: column {self._label!r}, row"
        return [self._classes.name(code, f"{what} {row}") for row, code in enumerate(plain.to_pylist(), start)]

    def _texts(self, column: Any) -> list[str | None]:
        if self._ours:
            return unescaped_list(plain_array(column).cast(pa.large_string()))
        return texts_of(column)

    def _further(self, column: dict[str, Any]) -> Any:
        """The table of the columns that are kept for conditions; None without any."""
        if not self._extra:
            return None
        return pa.table({name: self._kept(column[name], kind) for name, kind in self._extra.items()})

    def _kept(self, column: Any, kind: Any) -> Any:
        column = pc.cast(plain_array(column), kind)
        if kind != pa.string() or self._ours:
            return column
        return escaped_array(values_of(column)).cast(kind)


def _of_images(column: Any, kind: Any) -> Any:
    """A fact of images from a file that may have been edited; invalid values become null."""
    column = column.cast(kind)
    sound = pc.match_substring_regex(column, _SHA256) if kind == pa.large_string() else pc.greater(column, 0)
    return pc.if_else(sound, column, pa.scalar(None, kind))


def _origin(metadata: dict[bytes, bytes]) -> tuple[str | None, bool]:
    """The model that made the vectors, and whether the file is one of ours, with escaped text."""
    try:
        ours = json.loads(metadata[b"lookalike"])
        return ours["model"], True
    except (KeyError, ValueError, TypeError):
        return None, False
