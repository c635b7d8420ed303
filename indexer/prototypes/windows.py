"""Sliding windows: the newest rows of each class, by row number."""

from collections.abc import Iterator

import numpy as np

from ...store.version.store import Store
from ..segments.order import Ints

NONE = np.zeros(0, dtype=np.int64)


def newest(store: Store, size: int, before: Ints = NONE, since: int = 0) -> Ints:
    """The newest `size` live rows of each class, ascending (m,) int64; all rows of a class that has fewer.

    before: the result for an earlier version, (m',) int64, whose next row was `since`; then older rows are only read
    for classes that lost rows of their window. Rows are read backwards, only as far as some class needs.
    """
    window = _Window(store, size)
    window.take_all(since, store.next_row)
    window.take(before[store.live(before)][::-1])
    window.reach_below(before)
    window.take_all(0, window.stop())
    return np.sort(np.concatenate(window.taken))


class _Window:
    """The windows of all classes while they are filled, newer rows first.

    left: (c,) int64 rows that each class can still take. below: (c,) int64; only rows before this one count.
    """

    def __init__(self, store: Store, size: int) -> None:
        self.store, self.size = store, size
        self.left = np.full(len(store.classes), size, dtype=np.int64)
        self.below = np.full(len(store.classes), store.next_row, dtype=np.int64)
        self.taken = [NONE]

    def take(self, rows: Ints) -> None:
        """Take from `rows` (m,), descending, as many as their classes need."""
        codes = self.store.codes(rows)
        rows, codes = rows[codes >= 0], codes[codes >= 0]
        fits = rows < self.below[codes]
        rows, codes = rows[fits], codes[fits]
        fits = _places(codes) < self.left[codes]
        self.taken.append(rows[fits])
        self.left -= np.bincount(codes[fits], minlength=len(self.left))

    def take_all(self, first: int, stop: int) -> None:
        """Take from the live rows with first <= row < stop until no class needs more."""
        for rows in _backwards(self.store, first, stop):
            if not self.left.any():
                break
            self.take(rows)

    def reach_below(self, before: Ints) -> None:
        """Continue below the rows `before`; a window that was not full then has no older rows."""
        codes = self.store.codes(before)
        before, codes = before[codes >= 0], codes[codes >= 0]
        full = np.bincount(codes, minlength=len(self.left)) >= self.size
        self.left[~full] = 0
        np.minimum.at(self.below, codes, before)

    def stop(self) -> int:
        """The row below which all rows lie that are still needed."""
        return int(self.below[self.left > 0].max(initial=0))


def _backwards(store: Store, first: int, stop: int) -> Iterator[Ints]:
    """Live rows with first <= row < stop, part by part, descending."""
    for part in reversed(store.layout.between(first, stop)):
        yield store.layout.live_between([part], first, stop)[::-1]


def _places(codes: np.ndarray) -> Ints:
    """How many equal codes come before each of `codes` (m,), (m,) int64."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    places = np.empty(len(codes), dtype=np.int64)
    places[order] = np.arange(len(codes)) - np.searchsorted(ordered, ordered)
    return places
