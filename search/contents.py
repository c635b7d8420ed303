"""Which stored rows hold the content of an image that asks: they must not speak for it."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..store.tables import live_tables

if TYPE_CHECKING:
    from ..store.store import Store


def rows_of_contents(store: "Store", contents: list[str | None]) -> list[np.ndarray]:
    """For each content (SHA-256 hex, or None) all live rows that hold it, (r,) int64, ascending."""
    none = np.empty(0, np.int64)
    asked = [content for content in contents if content is not None]
    if not asked or not (store.find_contents(asked) >= 0).any():
        return [none] * len(contents)
    # Several rows may share a content (duplicates under other keys), so one pass over the parts collects them all.
    wanted = pa.array(sorted(set(asked)), pa.large_string())
    places: dict[str, list[int]] = {}
    for table in live_tables(store, ["content_sha256"]):
        found = table.filter(pc.is_in(table["content_sha256"].cast(pa.large_string()), value_set=wanted))
        for row, content in zip(found["row"].to_pylist(), found["content_sha256"].to_pylist(), strict=True):
            places.setdefault(content, []).append(row)
    return [np.array(places.get(content or "", []), np.int64) for content in contents]
