"""The sources of a version: how many live rows each has, which rows, and how each was embedded."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .layout import Int64
from .moved import renamed_codes

if TYPE_CHECKING:
    from .store import Store
from dataclasses import replace

from ..files.content import SourceUse


def source_counts(store: "Store") -> dict[str, int]:
    """The number of live rows of each source, by name, sorted."""
    counts: Counter[str] = Counter()
    for names, codes, _ in _live_codes(store):
        for name, rows in zip(names, np.bincount(codes, minlength=len(names)).tolist(), strict=True):
            counts[name] += rows
    return {name: rows for name, rows in sorted(counts.items()) if rows}


def rows_of_source(store: "Store", source: str) -> Int64:
    """The live rows of a source, ascending, (m,) int64."""
    pieces = [np.zeros(0, dtype=np.int64)]
    for names, codes, rows in _live_codes(store):
        if source in names:
            pieces.append(rows[codes == names.index(source)])
    return np.sort(np.concatenate(pieces))


def _live_codes(store: "Store") -> Iterator[tuple[list[str], NDArray[np.int32], Int64]]:
    """For each run: the names of sources, and for its live rows the code of each into these names and their numbers."""
    for names, codes, rows in store.lookups.sources():
        live = store.live(rows)
        yield *renamed_codes(names, codes[live], rows[live], store.content.moved), rows[live]


Uses = tuple[SourceUse, ...]


def with_use(uses: Uses, use: SourceUse) -> Uses:
    """The list with one more use, which replaces the earlier one of that source and prefix.

    The usual way, with no prefix and no column named, is not listed.
    """
    if use in uses:
        return uses
    others = (other for other in uses if (other.source, other.prefix) != (use.source, use.prefix))
    return (*others, *(() if use == SourceUse(use.source, "", None, None) else (use,)))


def with_moved(uses: Uses, old: str, new: str) -> Uses:
    """The list after a source has moved."""
    for use in [use for use in uses if use.source == old]:
        uses = with_use(tuple(other for other in uses if other != use), replace(use, source=new))
    return uses
