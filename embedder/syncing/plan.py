"""What a sync has to do: every record of a source compared with the collection, before and during the work.

A record is unchanged where its row came from a file of the same size and mtime and has the same label and further
columns; with `checksum` the content stands for size and mtime, which the fragment finds out. A file that only looked
changed is noted anew. A key that another source owns is refused.
"""

import os
import shlex
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...store.errors import LookalikeError
from ...store.progress import Progress
from ...store.version.store import Store
from ...store.work.fragments import cut
from ..sources import Record, Source
from ..sources.class_names import ClassNames
from .extra_columns import ExtraColumns
from .vanished import Prune, check_prune, gone_note, vanished_rows

_CHUNK = 4096


@dataclass(frozen=True)
class Wanted:
    """What is asked of a sync: the source, its keys' prefix, and whether contents decide instead of size and mtime."""

    source: Source
    prefix: str = ""
    checksum: bool = False


@dataclass(frozen=True)
class Plan:
    """seen: records of the source. work: how many are new or changed. vanished: (m,) int64 rows to remove.

    note: what to say of rows of the source that have no record any more and stay; None where there are none.
    """

    seen: int
    work: int
    vanished: NDArray[np.int64]
    note: str | None = None


def judged(store: Store, wanted: Wanted) -> Iterator[tuple[Record, int, bool]]:
    """List the source as (record under its key in the collection, its row or -1, whether there is work to do).

    Raises LookalikeError for the first key that belongs to another source.
    """
    columns = ExtraColumns(store, wanted.source.extra_types)
    for records in cut(wanted.source.records(), _CHUNK):
        named = [record._replace(key=wanted.prefix + record.key) for record in records]
        rows = store.find([record.key for record in named])
        unchanged = np.zeros(len(rows), dtype=bool)
        if (rows >= 0).any():
            unchanged = _unchanged(store, wanted, named, rows)
            unchanged &= ~columns.changed(named, np.where(unchanged, rows, -1))
        for record, row, same in zip(named, rows.tolist(), unchanged.tolist(), strict=True):
            yield record, row, not same


def _unchanged(store: Store, wanted: Wanted, records: list[Record], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which records have a row of the same size, mtime and label; none with `checksum`."""
    held = np.flatnonzero(rows >= 0)
    facts, labels = store.facts(rows[held]), store.labels(rows[held])
    same = np.zeros(len(rows), dtype=bool)
    for at, place in enumerate(held.tolist()):
        record = records[place]
        if facts.source[at] != wanted.source.name:
            raise _owned(store, wanted, record, facts.source[at], int(facts.file_size[at]))
        known = (int(facts.file_size[at]), int(facts.mtime_ns[at]), labels[at])
        same[place] = not wanted.checksum and known == (record.size, record.mtime_ns, record.label)
    return same


def _owned(store: Store, wanted: Wanted, record: Record, owner: str, size: int) -> LookalikeError:
    """What to say of a key that another source owns, which may be this one before it was renamed."""
    source, key = wanted.source.name, record.key
    what = f"key {key!r} of source {source!r} already belongs to source {owner!r}"
    advice = "give --prefix P to put P before every key of this source"
    same = size == record.size and not _is_there(owner, key.removeprefix(wanted.prefix))
    if same or (os.path.isabs(owner) and not os.path.lexists(owner)):
        command = shlex.join(("lookalike", "move", str(store.path), owner, str(source)))
        return LookalikeError(
            f"{what}, which no longer has it: if the source has moved, run `{command}`, which keeps its images without "
            f"embedding them again; if not, {advice}"
        )
    return LookalikeError(f"{what}: {advice}")


def _is_there(source: str, key: str) -> bool:
    """Whether a source still exists, and where it is a folder, whether it has the file of a key."""
    return os.path.lexists(os.path.join(source, key)) if os.path.isdir(source) else os.path.lexists(source)


def plan(store: Store, wanted: Wanted, *, prune: Prune, progress: Progress) -> Plan:
    """Go through the whole source once, before any work. Raises LookalikeError for anything that would fail later.

    prune: whether to remove the rows of images that are gone; True only if at least half is left, "all" in any case.
    """
    seen = work = 0
    found = np.zeros(store.next_row, dtype=bool)
    hashes = array("q")
    classes = ClassNames(store.classes)
    for record, row, to_do in judged(store, wanted):
        if not record.key:
            raise LookalikeError(f"record {seen} of source {wanted.source.name!r} has an empty key")
        seen += 1
        work += to_do
        classes.add(record.label)
        if row >= 0:
            found[row] = True
        if not wanted.source.unique:
            hashes.append(hash(record.key))
        if seen % _CHUNK == 0:
            progress(0, None, f"{seen} images found")
    _refuse_doubled(wanted, np.frombuffer(hashes, dtype=np.int64))
    classes.warn(wanted.source.name)
    if prune and wanted.source.unlisted is not None:
        raise LookalikeError(
            f"cannot prune: {wanted.source.unlisted!r} in source {wanted.source.name!r} cannot be listed, so its "
            "images would be removed as well"
        )
    none = np.zeros(0, dtype=np.int64)
    if wanted.source.unlisted is not None:
        return Plan(seen, work, none)
    gone, left = vanished_rows(store, wanted.source, wanted.prefix, found)
    check_prune(store, wanted.source, left, len(gone), prune)
    if prune:
        return Plan(seen, work, gone)
    return Plan(seen, work, none, gone_note(store, wanted.source, wanted.prefix, left, gone))


def _refuse_doubled(wanted: Wanted, hashes: NDArray[np.int64]) -> None:
    """Refuse a source with a key that comes twice; 8 bytes a record find out whether to look closer."""
    ordered = np.sort(hashes)
    suspects = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    if not suspects:
        return
    keys = Counter(record.key for record in wanted.source.records() if hash(wanted.prefix + record.key) in suspects)
    key, times = keys.most_common(1)[0]
    if times > 1:
        raise LookalikeError(
            f"key {key!r} occurs {times} times in {wanted.source.name!r}: add a column `key` with distinct names"
        )
