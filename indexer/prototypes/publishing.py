"""Folds prototypes into files, and changes the rule by which they are made."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from ...store.changing.writer import Writer, writing
from ...store.checks import whole_number
from ...store.disk.publish import Published, publish
from ...store.files.content import FileEntry, PrototypeEntry, PrototypeRule
from ...store.files.new_files import random_name
from ...store.foreign.table_trial import note_readable
from ...store.version.store import Store
from ..engine.device import Device
from ..engine.faiss_files import publish_index, write_faiss
from ..engine.specs import choose_spec
from ..engine.trial import File, note_sound
from ..segments.build import build, sample_size, training_places
from ..segments.exact import in_chunks
from ..segments.new import tuned_and_measured
from ..segments.order import Floats, Ints
from ..segments.segment import Segment
from .folded import Folded, afresh, outdated, refolded
from .sums import unit_means
from .table import as_parquet

FOLDER = "prototypes"
_RECALL, _K = 0.99, 10  # for an index over too many prototypes for Flat


def keep(path: str | os.PathLike[str], *, window: int | None = None, per_class: int | None = None) -> PrototypeRule:
    """From now on make prototypes of the newest `window` rows of a class (0: all), at most `per_class` for each.

    None leaves a setting unchanged. Prototypes are folded in the same commit; without a change nothing is committed.
    Raises LookalikeError for a smaller number.
    """
    with Store.open(path) as store, writing(store) as writer:
        last_rule = writer.content.prototype_rule
        rule = PrototypeRule(
            last_rule.window if window is None else whole_number("window", window, 0),
            last_rule.per_class if per_class is None else whole_number("per_class", per_class),
        )
        if rule != last_rule:
            writer.set_prototype_rule(rule)
            fold(writer)
            writer.commit()
        return rule


def fold(writer: Writer) -> None:
    """Stage the prototypes of the live rows of the writer's base. Raises LookalikeError where the disk fails."""
    store, entry, rule = writer.base, writer.base.content.prototypes, writer.content.prototype_rule
    if entry is None or outdated(store, entry, rule):
        folded = afresh(store, rule) if entry is None or entry.rule != rule else refolded(store, entry)
        entry = _publish(writer.path, store, folded, rule) if folded.sums.classes else None
    if entry != writer.content.prototypes:
        writer.set_prototypes(entry)


def _publish(folder: Path, store: Store, folded: Folded, rule: PrototypeRule) -> PrototypeEntry:
    """Write the table of prototypes and the index over its rows."""
    sums = folded.sums
    rows = unit_means(sums)
    pointing = np.ascontiguousarray(rows[rows.any(axis=1)])
    spec, index = _index_over(pointing)
    name = random_name(FOLDER, "")
    table = as_parquet(sums, rows, None if folded.window is None else _by_class(store, folded.window))
    published = publish(folder / f"{name}.parquet", table)
    note_readable(published.sha256)
    entry = PrototypeEntry(
        table=FileEntry(f"{name}.parquet", *published),
        index=FileEntry(f"{name}.faiss", *_published(folder / f"{name}.faiss", index, pointing, spec)),
        spec=spec,
        next_row=store.next_row,
        deleted=store.content.deleted,
        classes=len(sums.classes),
        rule=rule,
    )
    note_sound(File(folder / entry.index.file, entry.index.sha256, spec, rows.shape[1]))
    return entry


def _published(path: Path, index: Any, rows: Floats, spec: str) -> Published:
    return publish_index(path, index, rows[0], spec) if len(rows) else write_faiss(path, index)


def _by_class(store: Store, window: Ints) -> list[Ints]:
    """The rows (m,) of each class, ascending."""
    codes = store.codes(window)
    order = np.argsort(codes, kind="stable")
    return np.split(window[order], np.searchsorted(codes[order], np.arange(1, len(store.classes))))


def _index_over(rows: Floats) -> tuple[str, Any]:
    """The spec and index for prototypes (p, d), from the same builder as segments."""
    count, dim = rows.shape
    spec, _ = choose_spec("auto", count, dim, None)
    ids = np.arange(count)
    sample = rows[training_places(count, sample_size(spec, count, dim))]
    index = build(spec, dim, sample, in_chunks(ids, lambda places: rows[places]), Device("cpu"), count)
    blocks = in_chunks(ids, lambda places: rows[places])
    tuned_and_measured(lambda values: Segment(index, lambda places: rows[places], values), ids, blocks, _RECALL, _K)
    return spec, index
