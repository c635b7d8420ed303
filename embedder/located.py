"""Where a source keeps the pictures of stored rows: by key, whatever prefix the key was given. Nothing is decoded.

A row records its source and its key, but not the prefix that its key may begin with. So a picture is looked for under
the key and then under its endings. An ending may lead to another picture, and therefore counts only where the file is
the one that was embedded: by its size and time of change, or by its content.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..store.errors import LookalikeError
from .rejected import Rejected
from .sources import Source, open_source
from .sources.files import facts, read_file

LONGEST_PREFIX = 256
"""Endings of a key are tried after at most this many characters."""


class Kept(NamedTuple):
    """What is known of a picture: its key, the SHA-256 (hex) of its content, its file's size and mtime in ns."""

    key: str
    content: str | None
    size: int | None = None
    mtime_ns: int | None = None


def source_paths(source: str, pictures: Sequence[Kept]) -> list[str | None]:
    """For each picture of a source its file, absolute; None where it is gone, or the source keeps it in no own file."""
    found: list[str | None] = [None] * len(pictures)
    try:
        opened = open_source(source)
        keys = [picture.key for picture in pictures]
        for place, locator in located(opened, keys, range(len(keys)), whole):
            found[place] = _file(opened, locator)
        doubtful = [i for i, picture in enumerate(pictures) if not (found[i] and _unchanged(found[i], picture))]
        endings_of: dict[int, list[str]] = {}
        for place, locator in located(opened, keys, doubtful, endings):
            if file := _file(opened, locator):
                endings_of.setdefault(place, []).append(file)
        for place, files in endings_of.items():
            found[place] = _chosen(found[place], files, pictures[place])
    except LookalikeError:
        pass  # what was found until then is right
    return found


def located(source: Source, keys: Sequence[str], places: Sequence[int], names: Any) -> list[tuple[int, Any]]:
    """(place, locator) of what may be the pictures of the keys at `places`, in the order a source reads them best.

    names: what a picture of a key may be called in the source: `whole` or `endings`.
    """
    candidates = {place: names(keys[place]) for place in places}
    locators = source.locate({name for of_one in candidates.values() for name in of_one})
    pairs = [(place, locators[name]) for place, of_one in candidates.items() for name in of_one if name in locators]
    # A table is read forward, row by row.
    return sorted(pairs, key=lambda pair: pair[1] if isinstance(pair[1], int) else 0)


def whole(key: str) -> list[str]:
    """The key itself."""
    return [key]


def endings(key: str) -> list[str]:
    """What follows each possible prefix, the longest first."""
    return [key[start:] for start in range(1, min(len(key), LONGEST_PREFIX))]


def images_below(folder: str) -> Iterator[str]:
    """The files below a folder that a source would take for images, sorted; each begins with `folder` as given."""
    from .sources import FolderSource

    return (os.path.join(folder, path) for path in FolderSource(folder).inputs())


def _file(source: Source, locator: Any) -> str | None:
    file = source.path_of(locator)
    return file if file is not None and os.path.lexists(file) else None


def _unchanged(file: str | None, picture: Kept) -> bool:
    return file is not None and picture.size is not None and facts(file) == (picture.size, picture.mtime_ns)


def _chosen(under_key: str | None, files: Sequence[str], picture: Kept) -> str | None:
    """Which file is the picture's: one with its content, else the one under its whole key."""
    if picture.content is None:  # it could not be read, so nothing else tells
        return under_key or (files[0] if len(files) == 1 else None)
    candidates = ([under_key] if under_key else []) + list(files)
    for file in candidates:
        if _unchanged(file, picture) or _holds(file, picture.content):
            return file
    return under_key


def _holds(file: str, content: str) -> bool:
    try:
        return hashlib.sha256(read_file(file)).hexdigest() == content
    except Rejected:
        return False
