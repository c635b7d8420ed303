"""Lookups over all runs of a version: from keys and contents to rows, and from rows to keys, labels and file facts.

Nothing is scanned: a lookup is a binary search in each of the O(log n) runs (see runs.py). At most one live row has a
given key.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import LookalikeError
from ..files.content import MovedSource, RunEntry
from ..files.escaped import escaped_array, unescaped_list
from ..files.runs import NUMBERS, RunTable, content_hashes, digest_bytes, key_hashes
from ..work.forks import cached_property
from .moved import renamed

_Int64 = NDArray[np.int64]


def code_of(classes: Sequence[str]) -> dict[str, int]:
    """The code of each class: its place in `classes`."""
    return {name: code for code, name in enumerate(classes)}


def codes_of(labels: Iterable[str | None], classes: Sequence[str]) -> _Int64:
    """The code of each label, (n,) int64; -1 for a label that is not among `classes`."""
    known = code_of(classes)
    return np.array([-1 if label is None else known.get(label, -1) for label in labels], np.int64)


@dataclass(frozen=True)
class FileFacts:
    """The facts of the files that m rows came from.

    source: m texts. content: m SHA-256 in hex, or None. file_size (bytes), mtime_ns: (m,) int64; width, height
    (pixels): (m,) int32; -1 where unknown.
    """

    source: list[str]
    file_size: _Int64
    mtime_ns: _Int64
    content: list[str | None]
    width: NDArray[np.int32]
    height: NDArray[np.int32]


class Lookups:
    """The runs of one version, in row order.

    entries: the entry of each run. load: opens a run; only the runs that may have a row are opened. live: takes rows
    (m,) int64 and returns which exist and are not deleted, (m,) bool. moved: sources whose names have changed.
    """

    def __init__(
        self,
        entries: Sequence[RunEntry],
        load: Callable[[RunEntry], RunTable],
        live: Callable[[_Int64], NDArray[np.bool_]],
        moved: Sequence[MovedSource] = (),
    ) -> None:
        self._entries, self._load, self._live, self._moved = entries, load, live, moved
        self._open: dict[int, RunTable] = {}
        self._first = np.array([entry.first_row for entry in entries], dtype=np.int64)

    def _run(self, number: int) -> RunTable:
        """A run, which is kept from then on."""
        if number not in self._open:
            self._open[number] = self._load(self._entries[number])
        return self._open[number]

    @property
    def _runs(self) -> list[RunTable]:
        return [self._run(number) for number in range(len(self._entries))]

    def find(self, keys: Sequence[str]) -> _Int64:
        """The live rows of `keys`, (m,) int64; -1 where there is none."""
        stored = escaped_array(keys)
        hashes = key_hashes(stored.to_pylist())
        return self._newest_live(len(keys), [run.find_keys(hashes, stored) for run in self._runs])

    def find_contents(self, hexes: Sequence[str]) -> _Int64:
        """For each SHA-256 in hex one live row with that content (the newest), (m,) int64; -1 where there is none."""
        digests = digest_bytes(hexes)
        hashes = content_hashes(digests)
        return self._newest_live(len(hexes), [run.find_contents(hashes, digests) for run in self._runs])

    def all_with_contents(self, hexes: Sequence[str]) -> tuple[_Int64, _Int64]:
        """Every live row with one of m contents (SHA-256 in hex): (which of them, row), (p,) int64 each, ascending."""
        digests = digest_bytes(hexes)
        hashes = content_hashes(digests)
        none = np.empty(0, dtype=np.int64)
        matches = [(none, none), *(run.find_contents(hashes, digests) for run in self._runs)]
        which, rows = (np.concatenate(column) for column in zip(*matches, strict=True))
        live = self._live(rows)
        order = np.lexsort((rows[live], which[live]))
        return which[live][order], rows[live][order]

    def _newest_live(self, count: int, matches: list[tuple[_Int64, _Int64]]) -> _Int64:
        rows = np.full(count, -1, dtype=np.int64)
        for which, candidates in matches:
            live = self._live(candidates)
            np.maximum.at(rows, which[live], candidates[live])
        return rows

    def keys(self, rows: _Int64) -> list[str]:
        """The keys of `rows`. Raises LookalikeError for a row that does not exist."""
        return unescaped_list(self._taken("key", rows))

    def labels(self, rows: _Int64) -> list[str | None]:
        """The labels of `rows`, None for unlabelled rows. Raises LookalikeError for a row that does not exist."""
        return unescaped_list(self._taken("label", rows))

    def facts(self, rows: _Int64) -> FileFacts:
        """The file facts of `rows`. Raises LookalikeError for a row that does not exist."""
        size, mtime, width, height = (self._taken(name, rows).to_numpy() for name in NUMBERS)
        contents = (value.hex() if any(value) else None for value in self._taken("content", rows).to_pylist())
        source = renamed(unescaped_list(self._taken("source", rows)), np.asarray(rows), self._moved)
        return FileFacts(source, size, mtime, list(contents), width, height)

    def sources(self) -> Iterator[tuple[list[str], NDArray[np.int32], _Int64]]:
        """For each run: the stored names of sources, the code of each row into them, and the rows' numbers."""
        for run in self._runs:
            column = run.batch.column("source")
            yield unescaped_list(column.dictionary), _codes(column), run.rows

    def numbers(self, name: str, rows: _Int64) -> Any:
        """One of NUMBERS for `rows` as an Arrow array, -1 where unknown. Raises LookalikeError for a missing row."""
        return self._taken(name, rows)

    def _taken(self, name: str, rows: _Int64) -> Any:
        """The values of one column at `rows`, an Arrow array in the order of `rows`."""
        rows = np.asarray(rows, dtype=np.int64)
        pieces, places = [pa.array([], _TYPES[name])], [np.zeros(0, dtype=np.int64)]
        for run, here in self._visits(rows):
            at = run.positions(rows[here])
            if (missing := at < 0).any():
                raise LookalikeError(f"row {rows[here][missing][0]} does not exist in this version")
            taken = run.batch.column(name).take(pa.array(at))
            pieces.append(taken.dictionary_decode() if pa.types.is_dictionary(taken.type) else taken)
            places.append(here)
        return pa.concat_arrays(pieces).take(pa.array(np.argsort(np.concatenate(places))))

    def _visits(self, rows: _Int64) -> list[tuple[RunTable, _Int64]]:
        """The runs that may have some of `rows`, each with the places of those rows.

        Raises LookalikeError for a row before all runs.
        """
        of_run = np.searchsorted(self._first, rows, "right") - 1
        if (missing := of_run < 0).any():
            raise LookalikeError(f"row {rows[missing][0]} does not exist in this version")
        return [(self._run(run), np.flatnonzero(of_run == run)) for run in np.unique(of_run).tolist()]

    @cached_property
    def classes(self) -> list[str]:
        """The labels of live rows, sorted."""
        return sorted(set().union(*(self._live_labels(run) for run in self._runs)))

    def _live_labels(self, run: RunTable) -> set[str]:
        column = run.batch.column("label")
        codes = _codes(column)[self._live(run.rows)]
        used = np.unique(codes[codes >= 0])
        return set(unescaped_list(column.dictionary.take(pa.array(used))))

    @cached_property
    def _class_codes(self) -> list[NDArray[np.int32]]:
        """For each run: the code in `classes` of each of its label codes; the last entry, -1, is for no label."""
        known = code_of(self.classes)
        labels = (unescaped_list(run.batch.column("label").dictionary) for run in self._runs)
        return [np.array([*(known.get(label, -1) for label in each), -1], dtype=np.int32) for each in labels]

    def codes(self, rows: _Int64) -> NDArray[np.int32]:
        """The labels of `rows` as codes into `classes`, (m,) int32.

        -1 for unlabelled rows, for row -1, and for labels that no live row has.
        """
        rows = np.asarray(rows, dtype=np.int64)
        codes = np.full(len(rows), -1, dtype=np.int32)
        of_run = np.searchsorted(self._first, rows, "right") - 1
        for run in np.unique(of_run[of_run >= 0]).tolist():
            here = np.flatnonzero(of_run == run)
            at = self._run(run).positions(rows[here])
            here, at = here[at >= 0], at[at >= 0]
            codes[here] = self._class_codes[run][_codes(self._run(run).batch.column("label").take(pa.array(at)))]
        return codes


_TYPES = {
    "key": pa.large_string(),
    "label": pa.large_string(),
    "source": pa.large_string(),
    "content": pa.binary(32),
    "file_size": pa.int64(),
    "file_mtime_ns": pa.int64(),
    "width": pa.int32(),
    "height": pa.int32(),
}


def _codes(column: Any) -> NDArray[np.int32]:
    """The codes of an Arrow dictionary array, -1 for null."""
    codes: NDArray[np.int32] = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes
