"""The pictures of stored rows and queries as thumbnails, or a few words on why there is none."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..neighbours.expand import is_npy

if TYPE_CHECKING:
    from ...store.files.content import SourceUse
    from ...store.version.store import Store

Picture = np.ndarray | str
"""uint8 (h, w, 3) that fits the requested side, or why there is no picture."""


def of_rows(store: "Store", rows: Sequence[int] | np.ndarray, side: int) -> list[Picture]:
    """The pictures of live `rows` (m,), at most side x side pixels; each source is read once."""
    rows = np.asarray(rows, np.int64)
    keys, facts = store.keys(rows), store.facts(rows)
    places: dict[str, list[int]] = {}
    for place, source in enumerate(facts.source):
        places.setdefault(source, []).append(place)
    pictures: list[Picture] = [""] * len(rows)
    for source, here in places.items():
        contents = [facts.content[i] for i in here]
        of_keys = of_source(source, [keys[i] for i in here], contents, side, store.content.uses)
        for place, picture in zip(here, of_keys, strict=True):
            pictures[place] = picture
    return pictures


def of_source(
    source: str, keys: Sequence[str], contents: Sequence[str | None], side: int, uses: "Sequence[SourceUse]"
) -> Sequence[Picture]:
    """The pictures of these keys of a source, if their content (SHA-256 in hex; None: not an image) is unchanged.

    uses: how sources were embedded.
    """
    if not any(contents):  # imported vectors, which need no embedder
        return ["no image"] * len(keys)
    from ..images import source_thumbnails

    return source_thumbnails(source, keys, contents, side, uses)


def of_query(store: "Store", query: str, side: int, piped: bytes | None = None) -> Picture:
    """The picture of a query of `search`: an image file, the stored image of a key, or for "-" the piped image."""
    if query == "-" and piped is not None:
        from ..images import file_thumbnail

        return file_thumbnail(piped, side)
    if not query.startswith("key:") and os.path.exists(query):
        if is_npy(query):
            return "a vector"
        from ..images import file_thumbnail

        return file_thumbnail(query, side)
    row = int(store.find([query.removeprefix("key:")])[0])
    return of_rows(store, [row], side)[0] if row >= 0 else "a vector"
