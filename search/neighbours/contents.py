"""Which stored rows hold the content of an image that asks: they must not speak for it."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ...store.version.store import Store


def rows_of_contents(store: "Store", contents: list[str | None]) -> list[np.ndarray]:
    """For each content (SHA-256 hex, or None) all live rows that hold it, (r,) int64, ascending."""
    asked = [place for place, content in enumerate(contents) if content is not None]
    which, rows = store.lookups.all_with_contents([str(contents[place]) for place in asked])
    held = [np.empty(0, np.int64)] * len(contents)
    for place, mine in zip(asked, np.split(rows, np.searchsorted(which, np.arange(1, len(asked)))), strict=False):
        held[place] = mine
    return held
