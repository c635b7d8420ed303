"""The sums behind the prototypes of a version and, if a window limits them, the rows that they contain.

There are three ways to get them: `afresh`, from all rows; `brought_up`, from the last fold and the rows added and
removed since, the same bit for bit if anchors stay; and `refolded`, for `index`: with new anchors for each class whose
rows changed, which equals `afresh` bit for bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...store.files.content import PrototypeEntry, PrototypeRule
from ...store.version.lookups import code_of
from ...store.version.store import Store
from ..segments.build import training_places
from ..segments.exact import in_chunks
from ..segments.order import Floats, Ints
from .anchors import anchors_of
from .sums import Sums
from .table import read_table
from .windows import newest

MOST_TRAINED = 4096  # rows of a class per anchor that k-means uses
_BLOCK = 16_384


@dataclass(frozen=True)
class Folded:
    """sums: of the live rows in `window`, (m,) int64 ascending, or of all live rows if that is None."""

    sums: Sums
    window: Ints | None = None


def current(store: Store) -> Folded:
    """The sums behind the prototypes of a version: the last fold with later changes, or from all rows."""
    entry, rule = store.content.prototypes, store.content.prototype_rule
    if entry is None or entry.rule != rule:
        return afresh(store, rule)
    return brought_up(store, entry)


def outdated(store: Store, entry: PrototypeEntry, rule: PrototypeRule) -> bool:
    """Whether rows or the rule have changed since the fold."""
    return (entry.next_row, entry.deleted, entry.rule) != (store.next_row, store.content.deleted, rule)


def afresh(store: Store, rule: PrototypeRule) -> Folded:
    """From all live labelled rows, read once in blocks or, if classes have several prototypes, class by class."""
    window = newest(store, rule.window) if rule.window else None
    if rule.per_class > 1:
        every = np.ones(len(store.classes), dtype=bool)
        pieces = [piece for _, piece in _anew(store, window, every, rule.per_class)]
        return Folded(Sums.joined(pieces, store.dim or 0), window)
    sums = Sums.zero(store.classes, store.dim or 0)
    for rows, vectors in store.blocks() if window is None else in_chunks(window, store.gather):
        sums.add(store.codes(rows), vectors)
    return Folded(sums.held(), window)


def brought_up(store: Store, entry: PrototypeEntry) -> Folded:
    """The fold at `entry` with later rows added and removed rows subtracted, each by the anchors of the fold."""
    return _brought_up(store, entry)[0]


def refolded(store: Store, entry: PrototypeEntry) -> Folded:
    """The fold at `entry`, with each class whose rows have changed clustered again."""
    folded, touched = _brought_up(store, entry)
    if entry.rule.per_class == 1 or not touched:
        return folded
    changed = np.array([name in touched for name in store.classes])
    new = dict(_anew(store, folded.window, changed, entry.rule.per_class))
    place = code_of(folded.sums.classes)
    pieces = [
        new[code] if code in new else folded.sums.of_class(place[name]) for code, name in enumerate(store.classes)
    ]
    return Folded(Sums.joined(pieces, store.dim or 0), folded.window)


def _brought_up(store: Store, entry: PrototypeEntry) -> tuple[Folded, set[str]]:
    """The fold with later changes, and the classes whose rows changed."""
    then = read_table(store.pages.table(entry.table), store.dim, entry.rule)
    window = None if then.window is None else newest(store, entry.rule.window, then.window, entry.next_row)
    sums = then.sums.over(store.classes)
    place = code_of(sums.classes)
    known = np.array([*(place[name] for name in store.classes), -1], dtype=np.int64)
    touched = np.zeros(len(sums.classes), dtype=bool)
    for rows, sign, vectors in _changes(store, entry, then.window, window):
        codes = known[store.codes(rows)]
        if sign < 0:  # perhaps of a class without live rows
            gone = np.flatnonzero(codes < 0)
            codes[gone] = [-1 if label is None else place[label] for label in store.labels(rows[gone])]
        sums.add(codes, store.gather(rows) if vectors is None else vectors, sign)
        touched[codes[codes >= 0]] = True
    return Folded(sums.held(), window), {sums.classes[code] for code in np.flatnonzero(touched).tolist()}


class _Change(NamedTuple):
    """Rows (m,) that were added (sign 1) or removed (-1), with their vectors (m, d) if those were read already."""

    rows: Ints
    sign: int
    vectors: Floats | None = None


def _changes(store: Store, entry: PrototypeEntry, before: Ints | None, now: Ints | None) -> Iterator[_Change]:
    """The rows added and removed since the fold, in blocks. before, now: the windows, if there are any."""
    if before is not None and now is not None:
        for rows in _cut(np.setdiff1d(now, before)):
            yield _Change(rows, 1)
        for rows in _cut(np.setdiff1d(before, now)):
            yield _Change(rows, -1)
        return
    if entry.next_row < store.next_row:
        for rows, vectors in store.blocks(entry.next_row):
            yield _Change(rows, 1, vectors)
    if store.content.deleted is not None and store.content.deleted != entry.deleted:
        rows = store.deleted.rows()
        rows = rows[(rows < entry.next_row) & ~store.pages.bitmap(entry.deleted).mask(rows)]
        for batch in _cut(rows):
            yield _Change(batch, -1)


def _cut(rows: Ints) -> Iterator[Ints]:
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]


def _anew(store: Store, window: Ints | None, chosen: np.ndarray, per_class: int) -> Iterator[tuple[int, Sums]]:
    """The sums of each class in `wanted`, (c,) bool, in at most `per_class` prototypes, with its code."""
    rows = store.live_rows() if window is None else window
    codes = store.codes(rows)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(store.classes) + 1))
    for code in np.flatnonzero(chosen).tolist():
        class_rows = rows[order[starts[code] : starts[code + 1]]]
        yield code, _clustered(store, store.classes[code], class_rows, per_class)


def _clustered(store: Store, name: str, rows: Ints, per_class: int) -> Sums:
    """The sums of the class `name`, which has the rows `rows` (m,), m > 0."""
    sample = rows[training_places(len(rows), min(len(rows), MOST_TRAINED * per_class))]
    anchors = anchors_of(store.gather(sample), per_class)
    count = max(1, len(anchors))
    sums = Sums.zero([name], store.dim or 0)
    if count > 1:
        empty = np.zeros((count, anchors.shape[1]), dtype=np.int64), np.zeros(count, dtype=np.int64)
        sums = Sums([name], np.zeros(count, dtype=np.int64), *empty, anchors)
    for batch, vectors in in_chunks(rows, store.gather):
        sums.add(np.zeros(len(batch), dtype=np.int64), vectors)
    return sums.taken(np.flatnonzero(sums.counts > 0))
