"""Imports a file of vectors, as a sync between the file and the rows that the collection has from it."""

import itertools
import os
import shlex
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import LookalikeError, LookalikeWarning
from ..files.deleted import Bitmap
from ..files.parts import Rows, check_keys
from ..foreign.columns.listed import listed
from ..foreign.columns.named_columns import Columns
from ..foreign.columns.no_label import NO_LABEL, no_label_words
from ..foreign.vectors.block import BLOCK, Vectors
from ..foreign.vectors.readers import open_vectors
from ..progress import Progress, silent
from ..unit import unit_rows
from ..version.extra_names import stored_names
from ..version.tables import held_names
from .counts import ImportResult
from .fresh import opened_or_made
from .kept_columns import KeptColumns
from .staging import check_dim, stage
from .writer import Writer, writing

AT_ONCE = 1 << 16  # rows that are staged in memory at most; a file of no more is imported whole or not at all

Folder = str | os.PathLike[str]


def import_vectors(
    path: Folder,
    vectors: Folder,
    *,
    keys: Folder | None = None,
    labels: Folder | None = None,
    key_column: str | None = None,
    label_column: str | None = None,
    vector_column: str | None = None,
    normalise: bool = False,
    progress: Progress = silent,
    commit_every: float = 5.0,
) -> ImportResult:
    """Sync the collection at `path`, created if needed, with the rows of the file `vectors` (see `open_vectors`).

    keys, labels: files with one value per row (see `listed`). By default the file's own columns are used; without a key
    column, row numbers are the keys. key_column, label_column, vector_column: names of columns other than the usual
    ones; the first two belong to the file `keys` or `labels` where that is given. An empty label means no label.
    Further columns are kept if they hold text, numbers or times. Rows that the collection has from this file with the
    same vector, label and further columns are skipped; others are replaced. commit_every: seconds between commits.

    Raises LookalikeError for vectors that `unit_rows` refuses, for a
    column that is missing or has the wrong type, for a key that appears twice or belongs to another source, and for
    vectors of another model or dimension. With up to 65,536 rows nothing is changed then, and no new collection is left
    behind; with more rows, the commits made until then stay.
    """
    columns = Columns(
        None if keys is not None else key_column, None if labels is not None else label_column, vector_column
    )
    file = open_vectors(vectors, columns)
    if file.left_out:
        warnings.warn(
            f"{vectors}: only keys, labels, vectors, text, numbers and times are imported; not imported: "
            f"{', '.join(map(repr, file.left_out))}",
            LookalikeWarning,
            stacklevel=2,
        )
    blocks = _named(file, Path(vectors), (keys, key_column), (labels, label_column), normalise)
    checked = [*itertools.islice(blocks, 1)]  # before a collection is made for it
    with opened_or_made(path) as store, writing(store) as writer:
        sync = _Sync(writer, Path(vectors), file, commit_every)
        for block in itertools.chain(checked, blocks):
            sync.take(block)
            progress(sync.counts["seen"], file.rows, "rows")
        writer.commit()
    if sync.no_labels:
        warnings.warn(f"{vectors}: {no_label_words(sorted(sync.no_labels))}", LookalikeWarning, stacklevel=2)
    return ImportResult(**sync.counts)


class _Named(NamedTuple):
    """A block of a file: its first row, and the unit vectors, keys and labels of its rows; the rest as in `Block`."""

    first: int
    vectors: NDArray[np.float32]
    keys: list[str]
    labels: list[str | None]
    extra: Any
    images: Any


_Beside = tuple[Folder | None, str | None]
"""A file of keys or labels, and the column of it that is asked for."""


def _named(file: Vectors, path: Path, keys: _Beside, labels: _Beside, normalise: bool) -> Iterator[_Named]:
    """The blocks of a file with their keys and labels, wherever those come from."""
    key_lines = None if keys[0] is None else listed(keys[0], file.rows, path, "key", keys[1])
    label_lines = None if labels[0] is None else listed(labels[0], file.rows, path, "label", labels[1])
    first = 0
    for block in file.blocks(BLOCK):
        n = len(block.vectors)
        named = block.keys or [str(row) for row in range(first, first + n)]
        labelled: Iterable[str | None] = block.labels or [None] * n
        if key_lines is not None:
            named = [key or "" for key in itertools.islice(key_lines, n)]
        if label_lines is not None:
            labelled = itertools.islice(label_lines, n)
        check_keys(named, first)
        unit = unit_rows(block.vectors, normalise=normalise, first=first, what=f"{path}: row")
        yield _Named(first, unit, named, [label or None for label in labelled], block.extra, block.images)
        first += n


class _Sync:
    """Brings a collection in line with a file, block by block."""

    def __init__(self, writer: Writer, path: Path, file: Vectors, commit_every: float) -> None:
        self.writer, self.path, self.source = writer, path, os.path.realpath(path)
        self.counts = {"seen": 0, "added": 0, "replaced": 0, "skipped": 0}
        self.no_labels: set[str] = set()  # new labels that other programs write where there is none
        self._staged: set[str] = set()
        self._own = writer.next_row  # rows from here on are this import's
        self._met = Bitmap.empty()  # older rows that a key of this import had
        self._model = self._checked_model(file.model)
        self._held = held_names(writer.base)
        self._whole = file.rows <= AT_ONCE
        self._every, self._last = commit_every, time.monotonic()

    def _stored(self, names: list[str]) -> list[str]:
        """The names that the file's further columns get in the collection."""
        return stored_names(names, self._held)

    def _checked_model(self, model: str | None) -> str | None:
        """The model of the file, for the new parts. Raises LookalikeError where the collection has another one."""
        base = self.writer.base
        if model is None:
            if base.model is not None:
                warnings.warn(
                    f"{self.path} does not say which model made its vectors: they are treated as vectors of model "
                    f"{base.model.digest}, the model of the collection",
                    LookalikeWarning,
                    stacklevel=4,
                )
            return None
        stored_models = (
            [base.model.digest] if base.model else [base.pages.footer(part).model for part in base.content.parts]
        )
        for other in stored_models:
            if other not in (None, model):
                raise LookalikeError(
                    f"{self.path} holds vectors of model {model}, and {self.writer.path} of model {other}: "
                    "use another collection"
                )
        return model

    def take(self, block: _Named) -> None:
        """Stage the rows that are new or differ, and commit from time to time."""
        if block.extra is not None:
            block = block._replace(extra=block.extra.rename_columns(self._stored(block.extra.column_names)))
        check_dim(self.writer.base, block.vectors)
        if doubtful := NO_LABEL.intersection(label for label in block.labels if label is not None):
            self.no_labels |= doubtful.difference(self.writer.base.classes)
        stored_rows = self.writer.base.find(block.keys)
        self._refuse_doubled(block, stored_rows)
        self._refuse_foreign(block, stored_rows)
        self._met = self._met.with_rows(stored_rows[stored_rows >= 0])
        new, same = stored_rows < 0, self._same(block, stored_rows)
        self.writer.delete(stored_rows[~new & ~same])
        self._add(block, np.flatnonzero(~same))
        for name, which in (("seen", new | True), ("added", new), ("replaced", ~new & ~same), ("skipped", same)):
            self.counts[name] += int(which.sum())
        self._commit_now_and_then()

    def _refuse_doubled(self, block: _Named, stored_rows: NDArray[np.int64]) -> None:
        """Refuse a key that an earlier row of the same import had."""
        staged = np.array([key in self._staged for key in block.keys], dtype=bool)
        doubled = staged | (stored_rows >= self._own) | self._met.mask(stored_rows)
        if doubled.any():
            at = int(doubled.argmax())
            raise LookalikeError(
                f"{self.path}: key {block.keys[at]!r} appears twice, the second time in row {block.first + at}: "
                "keys must be distinct"
            )

    def _refuse_foreign(self, block: _Named, stored_rows: NDArray[np.int64]) -> None:
        """Refuse a key that belongs to another source."""
        at = np.flatnonzero(stored_rows >= 0)
        for position, source in zip(at, self.writer.base.facts(stored_rows[at]).source, strict=True):
            if source != self.source:
                raise LookalikeError(
                    f"{self.path}: key {block.keys[position]!r}, row {block.first + position}, belongs to "
                    f"{source} in {self.writer.path}: {self._way_out(source)}"
                )

    def _way_out(self, owner: str) -> str:
        """What to do about a key of another source, which may be this source under its earlier name."""
        if os.path.isabs(owner) and not os.path.lexists(owner):
            command = shlex.join(("lookalike", "move", str(self.writer.path), owner, self.source))
            return f"if that file has moved, run `{command}`; if not, rename the key"
        return "rename it, or remove those rows first"

    def _same(self, block: _Named, stored_rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which rows are stored already, with the same vector, label and further columns."""
        same = stored_rows >= 0
        at = np.flatnonzero(same)
        if len(at):
            base = self.writer.base
            labels = base.labels(stored_rows[at])
            equal = (base.gather(stored_rows[at]) == block.vectors[at]).all(axis=1)
            equal &= [block.labels[i] == label for i, label in zip(at, labels, strict=True)]
            extra = None if block.extra is None else block.extra.take(pa.array(at))
            same[at] = equal & KeptColumns(base).equal(extra, stored_rows[at])
        return same

    def _add(self, block: _Named, at: NDArray[np.int64]) -> None:
        """Stage the rows at these positions of a block."""
        if len(at) == 0:
            return
        keys = [block.keys[i] for i in at]
        rows = Rows.of_vectors(keys, block.vectors[at], [block.labels[i] for i in at], self.source)
        if block.extra is not None:
            rows = replace(rows, extra=block.extra.take(pa.array(at)).combine_chunks())
        if block.images is not None and self._model is not None:
            rows = replace(rows, **_of_images(block.images.take(pa.array(at))))
        stage(self.writer, rows, self._model)
        self._staged.update(keys)

    def _commit_now_and_then(self) -> None:
        """Commit after some seconds, or before the staged rows take too much memory."""
        due = len(self._staged) + BLOCK > AT_ONCE or time.monotonic() - self._last >= self._every
        if due and not self._whole:
            self.writer.commit()
            self._staged.clear()
            pa.default_memory_pool().release_unused()  # else it grows by what its pages are too torn to serve again
            self._last = time.monotonic()


def _of_images(table: Any) -> dict[str, Any]:
    """The image facts of an export, under the names that `Rows` uses."""
    names = {"contents": "content_sha256", "widths": "width", "heights": "height"}
    return {name: table.column(column).to_pylist() for name, column in names.items()}
