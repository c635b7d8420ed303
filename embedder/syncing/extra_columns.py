"""A source's further columns (`Record.extra`): as a part takes them, and which rows say something else than the source.

What counts is what a table shows: a column that one side lacks is null there, NaN equals NaN, and a value of another
type is another value, but for numbers of the same worth (7 and 7.0). Of a part nothing is read but its further columns,
and of one without any only the footer.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...store.files.escaped import escaped, unescaped_list
from ...store.files.parts import read_part
from ...store.version.extra_names import RESERVED, stored_names
from ...store.version.layout import groups
from ...store.version.store import Store
from ...store.version.tables import held_names
from ..sources import Record

_PARTS = 64  # whose columns are kept: the next records mostly have their rows in the same parts


def names_in(store: Store, types: dict[str, str]) -> list[str]:
    """What the further columns of a source are called in a collection, one for each of `types`."""
    return stored_names([escaped(name) for name in types], held_names(store)) if types else []


def extra_table(records: Sequence[Record], types: dict[str, str], names: Sequence[str] | None = None) -> Any:
    """The further columns of these records as an Arrow table, None where the source has none (see Source.extra_types).

    names: what to call them, see `names_in`; by default as in the source. Text is stored as `escaped` gives it.
    """
    if not types:
        return None
    columns = {}
    for (name, kind), stored in zip(types.items(), types if names is None else names, strict=True):
        values = [record.extra.get(name) for record in records]
        if kind == "string":
            values = [None if value is None else escaped(value) for value in values]
        columns[stored] = pa.array(values, pa.type_for_alias(kind))
    return pa.table(columns)


class ExtraColumns:
    """The further columns of a store's rows beside those of a source, whose `types` are its extra_types.

    names: what the store calls them, or will, if that is known already (see `names_in`).
    """

    def __init__(self, store: Store, types: dict[str, str], names: Sequence[str] | None = None) -> None:
        self._store = store
        stored = names_in(store, types) if names is None else names
        self._source = dict(zip(stored, types.items(), strict=True))  # stored name -> (name, type)
        self._of_part = lru_cache(_PARTS)(self._read)

    def changed(self, records: Sequence[Record], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(m,) bool: which of m records have other values than their row, (m,) int64; False for row -1."""
        changed = np.zeros(len(rows), dtype=bool)
        parts, places = self._store.layout.locate(rows)
        for part, mine in groups(parts):
            if part >= 0:
                here = np.arange(len(rows))[mine].tolist()
                changed[mine] = self._differ(part, places[mine], [records[at] for at in here])
        return changed

    def _differ(self, part: int, places: NDArray[np.int64], records: list[Record]) -> NDArray[np.bool_]:
        """The same for records whose rows lie in one part, at `places`."""
        held = self._of_part(part)
        differ = np.zeros(len(records), dtype=bool)
        for stored in self._source.keys() | held.keys():
            name, kind = self._source.get(stored, (None, None))
            new = [None if name is None else record.extra.get(name) for record in records]
            differ |= _other(held[stored].take(pa.array(places)) if stored in held else None, new, kind)
        return differ

    def _read(self, part: int) -> dict[str, Any]:
        """The further columns of a part by their stored names."""
        entry = self._store.content.parts[part]
        names = [name for name in self._store.pages.footer(entry).schema.names if name not in RESERVED]
        table = read_part(self._store.file(entry), names) if names else pa.table({})
        return dict(zip(table.column_names, table.columns, strict=True))


def _other(column: Any, new: list[Any], kind: str | None) -> NDArray[np.bool_]:
    """Where a stored column (None: the part has none) has other values than `new`, of type `kind` in the source."""
    old: list[Any] = [None] * len(new)
    if column is not None:
        old = unescaped_list(column) if pa.types.is_string(column.type) else column.to_pylist()
        if kind is not None and (kind == "bool") != pa.types.is_boolean(column.type):  # Python takes True for 1
            return np.array([(one, other) != (None, None) for one, other in zip(old, new, strict=True)])
    if old == new:
        return np.zeros(len(new), dtype=bool)
    return np.array([a != b and (a == a or b == b) for a, b in zip(old, new, strict=True)])
