"""The sources of a version's live rows, by name: how many rows each has, and which. No row is looked at one by one."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .layout import Int64
from .moved import renamed_codes

if TYPE_CHECKING:
    from .store import Store


def source_counts(store: "Store") -> dict[str, int]:
    """The number of live rows of each source that has some, by name, sorted."""
    counts: Counter[str] = Counter()
    for names, codes, _ in _live_codes(store):
        for name, rows in zip(names, np.bincount(codes, minlength=len(names)).tolist(), strict=True):
            counts[name] += rows
    return {name: rows for name, rows in sorted(counts.items()) if rows}


def rows_of_source(store: "Store", source: str) -> Int64:
    """The live rows of a source, ascending, (m,) int64."""
    found = [np.zeros(0, dtype=np.int64)]
    for names, codes, rows in _live_codes(store):
        if source in names:
            found.append(rows[codes == names.index(source)])
    return np.sort(np.concatenate(found))


def _live_codes(store: "Store") -> Iterator[tuple[list[str], NDArray[np.int32], Int64]]:
    """By run: names of sources, and for its live rows the code of each into the names, and their numbers."""
    for names, codes, rows in store.lookups.sources():
        live = store.live(rows)
        yield *renamed_codes(names, codes[live], rows[live], store.content.moved), rows[live]
