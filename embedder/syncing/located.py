"""Where a source keeps the pictures of stored rows: by key, whatever prefix the key was given. Nothing is decoded.

A row records its source and its key, but neither the prefix that its key may begin with nor the columns of the table
that it comes from; of these a collection notes how its sources were embedded. So a picture is looked for in each of
these ways, under the key and then under its endings. An ending may lead to another picture, and therefore counts only
where the file is the one that was embedded: by its size and time of change, or by its content.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from ...store.errors import LookalikeError
from ...store.files.content import SourceUse
from ..images.rejected import Rejected
from ..sources import Source
from ..sources.files import facts, read_file
from ..sources.folder import FolderSource
from ..sources.options import USUAL
from .uses import opened_as_used

LONGEST_PREFIX = 256
"""Endings of a key are tried after at most this many characters."""

_SAMPLE = 64
"""Keys of which every ending is tried at once."""


class Kept(NamedTuple):
    """What is known of a picture: its key, the SHA-256 (hex) of its content, its file's size and mtime in ns."""

    key: str
    content: str | None
    size: int | None = None
    mtime_ns: int | None = None


def source_paths(source: str, pictures: Sequence[Kept], uses: Sequence[SourceUse] = ()) -> list[str | None]:
    """For each picture of a source its file, absolute; None where it is gone, or the source keeps it in no own file.

    uses: how sources were embedded, of which those of this one count.
    """
    found: list[str | None] = [None] * len(pictures)
    with suppress(LookalikeError):  # what was found until then is right
        for opened in opened_as_used(source, uses, USUAL):
            _look_in(opened, pictures, found)
    return found


def _look_in(source: Source, pictures: Sequence[Kept], found: list[str | None]) -> None:
    """Look for pictures in one way to open their source; note in `found` those that no other way has found surely."""
    left = [i for i, file in enumerate(found) if file is None or not _is_picture(file, pictures[i])]
    for place, files in _files(source, pictures, left, whole).items():
        if found[place] is None or _is_picture(files[0][1], pictures[place]):
            found[place] = files[0][1]
    doubtful = [i for i in left if not _unchanged(found[i], pictures[i])]
    with suppress(LookalikeError):
        _look_under_prefixes(source, pictures, doubtful, found)


def _look_under_prefixes(
    source: Source, pictures: Sequence[Kept], doubtful: list[int], found: list[str | None]
) -> None:
    """Look for pictures under endings of their keys: all endings of a few keys, for the others what these tell.

    A source is embedded under few prefixes, and trying all endings of a million keys would take minutes.
    """
    known: set[str] = set()
    while doubtful:
        sure = _settle(source, pictures, doubtful[:: 1 + len(doubtful) // _SAMPLE], endings, found, trusted=False)
        new = {pictures[place].key.removesuffix(name) for place, name in sure.items()} - known
        if not new:
            return
        known |= new
        rest = [place for place in doubtful if place not in sure]
        sure = _settle(source, pictures, rest, partial(_after, prefixes=new), found, trusted=True)
        doubtful = [place for place in rest if place not in sure]


def _settle(
    source: Source, pictures: Sequence[Kept], places: Sequence[int], names: Any, found: list[str | None], trusted: bool
) -> dict[int, str]:
    """Note in `found` the files that endings lead to; gives the ending for each that is surely the picture's.

    trusted: the endings are those after known prefixes, so that a file that has changed since is the picture's too.
    """
    sure: dict[int, str] = {}
    for place, files in _files(source, pictures, places, names).items():
        picture, under_key = pictures[place], found[place]
        if under_key is not None and _is_picture(under_key, picture):
            continue
        name, file = next(((n, f) for n, f in files if _is_picture(f, picture)), ("", None))
        if file is not None:
            found[place], sure[place] = file, name
        elif under_key is None and (trusted or (picture.content is None and len(files) == 1)):
            found[place] = files[0][1]
    return sure


def located(source: Source, keys: Sequence[str], places: Sequence[int], names: Any) -> list[tuple[int, str, Any]]:
    """(place, name, locator) of what may be the pictures of the keys at `places`, in the order a source reads best.

    names: what a picture of a key may be called in the source: `whole` or `endings`.
    """
    candidates = {place: names(keys[place]) for place in places}
    locators = source.locate({name for of_one in candidates.values() for name in of_one})
    found = [
        (place, name, locators[name]) for place, of_one in candidates.items() for name in of_one if name in locators
    ]
    # A table is read forward, row by row.
    return sorted(found, key=lambda one: one[2] if isinstance(one[2], int) else 0)


def whole(key: str) -> list[str]:
    """The key itself."""
    return [key]


def endings(key: str) -> list[str]:
    """What follows each possible prefix, the longest first."""
    return [key[start:] for start in range(1, min(len(key), LONGEST_PREFIX))]


def images_below(folder: str) -> Iterator[str]:
    """The files below a folder that a source would take for images, sorted; each begins with `folder` as given."""
    return (os.path.join(folder, path) for path in FolderSource(folder).inputs())


def _after(key: str, prefixes: Set[str]) -> list[str]:
    """What follows those of the prefixes that a key begins with."""
    return [key[len(prefix) :] for prefix in prefixes if prefix and key.startswith(prefix)]


def _files(
    source: Source, pictures: Sequence[Kept], places: Sequence[int], names: Any
) -> dict[int, list[tuple[str, str]]]:
    """For each place the (name, file) that are there, of all names that its key may have in the source."""
    files: dict[int, list[tuple[str, str]]] = {}
    for place, name, locator in located(source, [picture.key for picture in pictures], places, names):
        file = source.path_of(locator)
        if file is not None and os.path.lexists(file):
            files.setdefault(place, []).append((name, file))
    return files


def _unchanged(file: str | None, picture: Kept) -> bool:
    return file is not None and picture.size is not None and facts(file) == (picture.size, picture.mtime_ns)


def _is_picture(file: str, picture: Kept) -> bool:
    """Whether a file is the very one that was embedded."""
    return picture.content is not None and (_unchanged(file, picture) or _holds(file, picture.content))


def _holds(file: str, content: str) -> bool:
    try:
        return hashlib.sha256(read_file(file)).hexdigest() == content
    except Rejected:
        return False
