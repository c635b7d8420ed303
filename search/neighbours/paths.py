"""The files behind stored rows: where each row's source keeps its picture. No image is decoded, no model loaded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ...store.version.store import Store

_Picture = tuple[str, str | None, int | None, int | None]  # key, content, size of the file, its mtime in ns


def paths_of_rows(store: "Store", rows: Sequence[int] | np.ndarray) -> list[str | None]:
    """The file of each of `rows` (m,), absolute; None for a row that was never an image or is in no file of its own.

    None also where the file is gone or its source cannot be reached. Rows that occur again are looked up once.
    """
    distinct, places = np.unique(np.asarray(rows, np.int64), return_inverse=True)
    keys, facts = store.keys(distinct), store.facts(distinct)
    known = zip(keys, facts.content, facts.file_size.tolist(), facts.mtime_ns.tolist(), strict=True)
    pictures = [(source, one if one[1] else None) for source, one in zip(facts.source, known, strict=True)]
    found = paths_of_pictures(store, pictures)
    return [found[place] for place in places.tolist()]


def paths_of_pictures(store: "Store", pictures: Sequence[tuple[str, _Picture | None]]) -> list[str | None]:
    """The file of each (source, (key, content, size, mtime in ns)); None for what was never an image."""
    of_source: dict[str, list[int]] = {}
    for place, (source, picture) in enumerate(pictures):
        if picture is not None:
            of_source.setdefault(source, []).append(place)
    found: list[str | None] = [None] * len(pictures)
    for source, places in of_source.items():
        from ..images import source_paths

        wanted = [picture for place in places if (picture := pictures[place][1]) is not None]
        paths = source_paths(source, wanted, store.content.uses)
        for place, path in zip(places, paths, strict=True):
            found[place] = path
    return found
