"""What the writer stages, and the commit that publishes it as the next version.

Staged changes live in memory and in files that no manifest names yet. Leaving without `commit` abandons them, and `gc`
collects the files. What a commit writes depends on what was staged, not on the size of the collection: a lookup run for
the new rows (sometimes joined with runs of its size), the bitmap of deleted rows, and the manifest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..disk.lock import Held, writer_lock
from ..errors import Damaged, LookalikeError
from ..files.content import (
    CalibrationEntry,
    Content,
    HeadEntry,
    MovedSource,
    PartEntry,
    PrototypeEntry,
    PrototypeRule,
    RejectEntry,
    RunEntry,
    SegmentEntry,
    SourceUse,
)
from ..files.escaped import unescaped_list
from ..files.model_files import model_entry
from ..files.runs import due, merge_runs, write_run
from ..foreign.table_trial import note_readable
from ..version.sources import with_moved, with_use
from ..version.store import Store
from .committing import commit_version, refuse_doubled
from .noting import noted_runs

Int64 = NDArray[np.int64]


@contextmanager
def writing(store: Store) -> Iterator["Writer"]:
    """Hold the writer's lock of the collection of `store`, and write on top of its newest version."""
    with writer_lock(store.path) as lock:
        yield Writer(store.latest(), lock)


class Writer:
    """Changes staged on top of `base`, the newest version."""

    def __init__(self, base: Store, held: Held | None = None) -> None:
        self._held = held
        self._reset(base)

    def _reset(self, base: Store) -> None:
        """Start again on top of `base`, with nothing staged."""
        self.base = base
        self._content = base.content
        self._tables: list[Any] = []
        self._deleted: list[Int64] = []
        self._appended: list[PartEntry] = []

    @property
    def path(self) -> Path:
        """The collection's folder."""
        return self.base.path

    @property
    def next_row(self) -> int:
        """The number of the first row of the next part."""
        return self._content.next_row

    @property
    def content(self) -> Content:
        """What the next version will hold, without deleted rows and lookups, which `commit` adds."""
        return self._content

    @property
    def staged(self) -> bool:
        """Whether `commit` has anything to publish."""
        return bool(self._deleted) or self._content != self.base.content

    def _set(self, **changes: Any) -> None:
        self._content = replace(self._content, **changes)

    def set_model(self, digest: str, dim: int, precision: str, files: dict[str, Path | bytes]) -> None:
        """Store the model that makes the vectors: its files (by name) go to model/<digest>/.

        Does nothing where the collection has this model. Raises LookalikeError where another model made the vectors, or
        where their origin is unknown.
        """
        stored_model = self._content.model
        if stored_model is not None and (stored_model.digest, stored_model.dim) == (digest, dim):
            return
        if stored_model is not None and stored_model.digest != digest:
            raise LookalikeError(
                f"{self.path} holds vectors of model {stored_model.digest}, not of model {digest}: use that "
                "model, or another collection"
            )
        self.base.pages.ensure_tables(self._content.parts)
        made_by = {self.base.pages.footer(part).model for part in self._content.parts}
        if made_by - {digest} or (made_by and self._content.dim != dim):
            others = sorted(other for other in made_by if other not in (None, digest))
            what = (
                f"of model {others[0]}, not of model {digest}"
                if others
                else "that were added without a model, and model"
            )
            fit = "use another collection" if others else f"{digest} may not fit them: use another collection"
            raise LookalikeError(f"{self.path} holds vectors {what}{': ' if others else ' '}{fit}")
        self._set(model=model_entry(self.path, digest, dim, precision, files), dim=dim)

    def add_part(self, part: PartEntry, table: Any) -> int:
        """Add a part that `write_part` published, with the `lookup_columns` of its rows. Returns its first row.

        Raises LookalikeError where its dimension or model differs, and Damaged where it does not match its entry.
        """
        self._check_part(part, table)
        first = self.next_row
        self._appended.append(replace(part, first_row=first))
        self._tables.append(table)
        self._set(parts=(*self._content.parts, self._appended[-1]), next_row=first + part.rows)
        return first

    def _check_part(self, part: PartEntry, table: Any) -> None:
        """Refuse a part that does not belong in this collection. The first part sets the dimension."""
        path = self.base.file(part)
        note_readable(part.sha256)  # it is ours, whichever process wrote it
        dim, model, rows, _ = self.base.pages.footer(part)
        if not rows == part.rows == table.num_rows > 0:
            raise Damaged(f"{path} holds {rows} rows, but its entry says {part.rows} and its lookups {table.num_rows}")
        stored_model = self._content.model
        if model is not None and stored_model is not None and stored_model.digest != model:
            raise LookalikeError(
                f"{path} was made by model {model}, but {self.path} holds vectors of model {stored_model.digest}"
            )
        expected = self._content.dim if self._content.parts else stored_model and stored_model.dim
        if expected not in (None, dim):
            raise LookalikeError(f"{path} has {dim} dimensions, but {self.path} has {expected}")
        self._set(dim=dim)

    def delete(self, rows: Int64) -> None:
        """Delete `rows` (m,) int64, staged ones too. Raises LookalikeError for a row that is not live."""
        rows = np.unique(np.asarray(rows, dtype=np.int64))
        base_rows = rows[rows < self.base.next_row]
        gone = base_rows[~self.base.live(base_rows)]
        gone = np.union1d(np.union1d(gone, rows[rows >= self.next_row]), np.intersect1d(rows, self._deleted_rows()))
        if len(gone):
            raise LookalikeError(f"row {gone[0]} of {self.path} cannot be deleted: there is no such live row")
        if len(rows):
            self._deleted.append(rows)

    def _deleted_rows(self) -> Int64:
        """The rows that this writer deletes."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *self._deleted])

    def note_files(self, rows: Int64, sizes: Int64, mtimes_ns: Int64) -> NDArray[np.bool_]:
        """Note new sizes (bytes) and mtimes (ns) of the unchanged files of `rows` of `base`, all (m,) int64.

        Returns which were noted, (m,) bool; see `noting`. Parts stay as they are: tables and `compact` use what was
        noted.
        """
        runs, noted = noted_runs(self.base, self._content.runs, rows, sizes, mtimes_ns)
        self._set(runs=runs)
        return noted

    def add_rejects(self, entry: RejectEntry) -> None:
        """List one more table of rejected images."""
        self._set(rejects=(*self._content.rejects, entry))

    def drop_rejects(self, source: str) -> None:
        """Forget the rejected images of a source."""
        self._set(rejects=tuple(r for r in self._content.rejects if r.source != source))

    def move_source(self, old: str, new: str) -> None:
        """Give the rows and rejected images of the source `old` to the source `new`; their files stay as they are."""
        rejects = tuple(replace(r, source=new) if r.source == old else r for r in self._content.rejects)
        move = MovedSource(old, new, self.next_row)
        uses = with_moved(self._content.uses, old, new)
        self._set(moved=(*self._content.moved, move), rejects=rejects, uses=uses)

    def note_use(self, use: SourceUse) -> None:
        """Note how a source is embedded."""
        self._set(uses=with_use(self._content.uses, use))

    def set_segments(self, segments: tuple[SegmentEntry, ...]) -> None:
        """Replace the list of index segments."""
        self._set(segments=tuple(segments))

    def set_index(self, index: dict[str, Any] | None) -> None:
        """Note the settings of the last `index`."""
        self._set(index=index)

    def set_prototypes(self, entry: PrototypeEntry | None) -> None:
        """Replace the class prototypes."""
        self._set(prototypes=entry)

    def set_prototype_rule(self, rule: PrototypeRule) -> None:
        """Note how prototypes are made from now on; prototypes folded by another rule are not used."""
        self._set(prototype_rule=rule)

    def set_head(self, entry: HeadEntry | None) -> None:
        """Replace the linear head."""
        self._set(head=entry)

    def add_calibration(self, entry: CalibrationEntry) -> None:
        """Add a calibration; it replaces an earlier one for the same kind of decision."""
        self._set(calibrations=(*(c for c in self._content.calibrations if c.by != entry.by), entry))

    def replace_parts(
        self, parts: tuple[PartEntry, ...], runs: tuple[RunEntry, ...], *, keep_prototypes: bool = True
    ) -> None:
        """Store exactly the live rows, in other files: what `compact` stages."""
        self._set(parts=parts, runs=runs, deleted_count=0)
        if not keep_prototypes:
            self._set(prototypes=None)
        if not parts:
            self._set(segments=(), prototypes=None, head=None)

    def regroup(self, parts: tuple[PartEntry, ...]) -> None:
        """Store the same rows, deleted ones included, in other parts: what `merge_small` stages."""
        self._set(parts=parts)

    def commit(self) -> Store:
        """Publish the staged changes as the next version and go on from it; without changes the version stays the same.

        Raises LookalikeError where two rows would have one key or the disk fails, and Busy where another process has
        written since `base` in spite of the lock. Then no version is published, and the changes stay staged.
        """
        if not self.staged:
            return self.base
        if self._held is not None:
            self._held.warn_if_shared()
        content = self._final()
        there = {entry.file for entry in self.base.manifest.files()}
        manifest = commit_version(self.path, self.base.version + 1, self.base.manifest.digest, content, there)
        self._reset(self.base.latest())
        if self.base.version == manifest.version and self.base.manifest != manifest:
            raise Damaged(f"version {manifest.version} of {self.path} is not the one that was written")
        return self.base

    def _final(self) -> Content:
        """The staged content with its lookups and deleted rows published."""
        content = self._content
        self._refuse_doubled_keys()
        if self._tables:
            rows = np.concatenate([np.arange(p.first_row, p.first_row + p.rows) for p in self._appended])
            content = replace(content, runs=self._joined_runs(write_run(self.path, rows, _concatenated(self._tables))))
        deleted = self._deleted_rows()
        if len(deleted):
            bitmap = self.base.deleted.with_rows(deleted)
            count = content.deleted_count + len(deleted)
            content = replace(content, deleted=bitmap.save(self.path), deleted_count=count)
        return content

    def _joined_runs(self, new: RunEntry) -> tuple[RunEntry, ...]:
        """All runs and `new`, which is joined with runs of about its size."""
        runs = (*self._content.runs, new)
        count = due(runs)
        if not count:
            return runs
        joined = merge_runs(self.path, [self.base.pages.table(run) for run in runs[-count:]])
        return (*runs[:-count], *([joined] if joined else []))

    def _refuse_doubled_keys(self) -> None:
        """Refuse a key that would have two live rows."""
        if self._tables:
            rows = np.concatenate([np.arange(p.first_row, p.first_row + p.rows) for p in self._appended])
            keys = np.array(unescaped_list(_concatenated(self._tables).column("key")), dtype=object)
            refuse_doubled(self.base, keys, rows, self._deleted_rows())


def _concatenated(tables: list[Any]) -> Any:
    """The tables one after the other, each column in one chunk."""
    return pa.concat_tables(tables).combine_chunks()
