"""Importing a file of vectors: a sync between the file and the rows that the collection has from it."""

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
    """Make the collection at `path`, created if need be, hold the rows of the file `vectors` (see `open_vectors`).

    keys, labels: files with one value for each row (see `listed`); by default the file's own columns, else the row's
    number is the key. key_column, label_column, vector_column: other columns than the usual ones, the first two of the
    file `keys` or `labels` where that is given. An empty label means none. Further columns are kept where they are
    text, numbers or times. This is a sync: rows of this file that are there with the same vector, label and further
    columns are skipped, others replaced. commit_every: seconds.
    Raises LookalikeError for what `unit_rows` refuses, for a column
    that is missing or of another type, for a key that comes twice or belongs to another source, and for vectors of
    another model or dimension; with up to 65,536 rows nothing is then changed and no new collection left behind, with
    more the commits until then stay.
    """
    own = Columns(None if keys is not None else key_column, None if labels is not None else label_column, vector_column)
    file = open_vectors(vectors, own)
    if file.left_out:
        warnings.warn(
            f"{vectors}: keys, labels, vectors, text, numbers and times are taken; left out: "
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
    """A block of a file, its first row, and its rows' unit vectors, keys and labels; the rest as in `Block`."""

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
        """What the file's further columns are called in the collection."""
        return stored_names(names, self._held)

    def _checked_model(self, model: str | None) -> str | None:
        """The model that the new parts name, which is the file's; LookalikeError where the collection has another's."""
        base = self.writer.base
        if model is None:
            if base.model is not None:
                warnings.warn(
                    f"{self.path} does not say which model made its vectors: they are compared with those of model "
                    f"{base.model.digest} as if it had",
                    LookalikeWarning,
                    stacklevel=4,
                )
            return None
        held = [base.model.digest] if base.model else [base.pages.footer(part).model for part in base.content.parts]
        for other in held:
            if other not in (None, model):
                raise LookalikeError(
                    f"{self.path} holds vectors of model {model}, and {self.writer.path} of model {other}: "
                    "use another collection"
                )
        return model

    def take(self, block: _Named) -> None:
        """Stage what is new or differs, and commit now and then."""
        if block.extra is not None:
            block = block._replace(extra=block.extra.rename_columns(self._stored(block.extra.column_names)))
        check_dim(self.writer.base, block.vectors)
        if doubtful := NO_LABEL.intersection(label for label in block.labels if label is not None):
            self.no_labels |= doubtful.difference(self.writer.base.classes)
        held = self.writer.base.find(block.keys)
        self._refuse_doubled(block, held)
        self._refuse_foreign(block, held)
        self._met = self._met.with_rows(held[held >= 0])
        new, same = held < 0, self._same(block, held)
        self.writer.delete(held[~new & ~same])
        self._add(block, np.flatnonzero(~same))
        for name, which in (("seen", new | True), ("added", new), ("replaced", ~new & ~same), ("skipped", same)):
            self.counts[name] += int(which.sum())
        self._commit_now_and_then()

    def _refuse_doubled(self, block: _Named, held: NDArray[np.int64]) -> None:
        """Refuse a key that an earlier row of the same import had."""
        staged = np.array([key in self._staged for key in block.keys], dtype=bool)
        doubled = staged | (held >= self._own) | self._met.mask(held)
        if doubled.any():
            at = int(doubled.argmax())
            raise LookalikeError(
                f"{self.path}: key {block.keys[at]!r} comes twice, the second time in row {block.first + at}: "
                "keys must be distinct"
            )

    def _refuse_foreign(self, block: _Named, held: NDArray[np.int64]) -> None:
        """Refuse a key that another source owns."""
        at = np.flatnonzero(held >= 0)
        for position, source in zip(at, self.writer.base.facts(held[at]).source, strict=True):
            if source != self.source:
                raise LookalikeError(
                    f"{self.path}: key {block.keys[position]!r}, row {block.first + position}, belongs to "
                    f"{source} in {self.writer.path}: {self._way_out(source)}"
                )

    def _way_out(self, owner: str) -> str:
        """What to do about a key of another source, which may be this one before it was renamed."""
        if os.path.isabs(owner) and not os.path.lexists(owner):
            command = shlex.join(("lookalike", "move", str(self.writer.path), owner, self.source))
            return f"if that file has moved, `{command}` says so; if not, rename the key"
        return "rename it, or remove those rows first"

    def _same(self, block: _Named, held: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which rows are there already, with the same vector, label and further columns."""
        same = held >= 0
        at = np.flatnonzero(same)
        if len(at):
            base = self.writer.base
            labels = base.labels(held[at])
            equal = (base.gather(held[at]) == block.vectors[at]).all(axis=1)
            equal &= [block.labels[i] == label for i, label in zip(at, labels, strict=True)]
            extra = None if block.extra is None else block.extra.take(pa.array(at))
            same[at] = equal & KeptColumns(base).equal(extra, held[at])
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
        """Commit after some seconds, or before more is staged than memory should hold."""
        due = len(self._staged) + BLOCK > AT_ONCE or time.monotonic() - self._last >= self._every
        if due and not self._whole:
            self.writer.commit()
            self._staged.clear()
            pa.default_memory_pool().release_unused()  # else it grows by what its pages are too torn to serve again
            self._last = time.monotonic()


def _of_images(table: Any) -> dict[str, Any]:
    """What `Rows` calls the facts of images in an export."""
    names = {"contents": "content_sha256", "widths": "width", "heights": "height"}
    return {name: table.column(column).to_pylist() for name, column in names.items()}
