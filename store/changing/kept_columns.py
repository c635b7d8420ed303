"""Compares the further columns of stored rows with those of a table that is imported again."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..files.parts import RESERVED, read_part, stored_names
from ..version.layout import groups
from ..version.store import Store


class KeptColumns:
    """The extra columns of stored rows, to compare with those of a file."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def equal(self, table: Any, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the m rows of `table` have the same further values as the stored `rows` (m,) int64, (m,) bool.

        table: None means a table without columns.
        """
        names = [] if table is None else stored_names(table.column_names)
        new = dict(zip(names, [] if table is None else table.columns, strict=True))
        equal = np.ones(len(rows), dtype=bool)
        parts, places = self._store.layout.locate(rows)
        for part, group in groups(parts):
            stored = self._of_part(part)
            at = pa.array(np.arange(len(rows))[group])
            for name in new.keys() | stored.keys():
                one = new[name].take(at) if name in new else None
                other = stored[name].take(pa.array(places[group])) if name in stored else None
                equal[group] &= _equal(one, other)
        return equal

    def _of_part(self, part: int) -> dict[str, Any]:
        """The further columns of a part by their stored names."""
        entry = self._store.content.parts[part]
        names = [name for name in self._store.pages.footer(entry).schema.names if name not in RESERVED]
        if not names:
            return {}
        table = read_part(self._store.file(entry), names)
        return dict(zip(table.column_names, table.columns, strict=True))


def _equal(one: Any, other: Any) -> NDArray[np.bool_] | bool:
    """Where two columns agree. Null equals null and a missing column; NaN equals NaN."""
    if one is None or other is None:
        return pc.is_null(other if one is None else one).to_numpy(zero_copy_only=False)
    if one.type != other.type:
        return pc.and_(pc.is_null(one), pc.is_null(other)).to_numpy(zero_copy_only=False)
    same = pc.equal(one, other)
    if pa.types.is_floating(one.type):
        same = pc.or_(same, pc.and_(pc.is_nan(one), pc.is_nan(other)))
    same = pc.or_kleene(same, pc.and_(pc.is_null(one), pc.is_null(other)))
    return pc.fill_null(same, False).to_numpy(zero_copy_only=False)
