"""Which stored rows hold the content of an image that asks: they must not speak for it."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..store.store import Store


def rows_of_contents(store: "Store", contents: list[str | None]) -> list[np.ndarray]:
    """For each content (SHA-256 hex, or None) all live rows that hold it, int64."""
    none = np.empty(0, np.int64)
    asked = [content for content in contents if content is not None]
    if not asked or not (store.find_contents(asked) >= 0).any():
        return [none] * len(contents)
    # Several rows may share a content (duplicates under other keys), so one pass over the column collects them all.
    table = store.table(["content_sha256"])
    wanted = set(asked)
    places: dict[str, list[int]] = {}
    for row, content in zip(table["row"].to_pylist(), table["content_sha256"].to_pylist(), strict=True):
        if content in wanted:
            places.setdefault(content, []).append(row)
    return [np.array(places.get(content or "", []), np.int64) for content in contents]
