"""The image files of stored rows, as their sources keep them. No image is decoded and no model is loaded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ...store.version.store import Store

_Picture = tuple[str, str | None, int | None, int | None]  # key, content, size of the file, its mtime in ns


def paths_of_rows(store: "Store", rows: Sequence[int] | np.ndarray) -> list[str | None]:
    """The absolute path of the image file of each of `rows` (m,).

    It is None for a row that was never an image or has no file of its own, and if the file is gone or its source cannot
    be reached. Rows that occur more than once are looked up once.
    """
    distinct, places = np.unique(np.asarray(rows, np.int64), return_inverse=True)
    keys, facts = store.keys(distinct), store.facts(distinct)
    known = zip(keys, facts.content, facts.file_size.tolist(), facts.mtime_ns.tolist(), strict=True)
    pictures = [(source, one if one[1] else None) for source, one in zip(facts.source, known, strict=True)]
    paths = paths_of_pictures(store, pictures)
    return [paths[place] for place in places.tolist()]


def paths_of_pictures(store: "Store", pictures: Sequence[tuple[str, _Picture | None]]) -> list[str | None]:
    """The file of each (source, (key, content, size, mtime in ns)); None for a row that was never an image."""
    of_source: dict[str, list[int]] = {}
    for place, (source, picture) in enumerate(pictures):
        if picture is not None:
            of_source.setdefault(source, []).append(place)
    files: list[str | None] = [None] * len(pictures)
    for source, places in of_source.items():
        from ..images import source_paths

        located = [picture for place in places if (picture := pictures[place][1]) is not None]
        paths = source_paths(source, located, store.content.uses)
        for place, path in zip(places, paths, strict=True):
            files[place] = path
    return files
