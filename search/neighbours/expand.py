"""Queries that stand for several: a folder, a pattern of file names, a stack of pixels. They are listed lazily.

Contract: each image of a folder becomes a query, in sorted order, with the same rule for what an image is as in a
source; so does each file that a pattern such as "photos/*.jpg" matches. The name of an existing file or of a key is
never a pattern. A folder or pattern that cannot be listed becomes one `Failed`, so that the other queries are answered.
"""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...store.errors import Damaged, LookalikeError
from ...store.files.manifest import versions

if TYPE_CHECKING:
    from ...store.version.store import Store


class ListedFile(str):
    """A file from a folder or a pattern: it always means that file, never a key of the same name."""


@dataclass(frozen=True)
class Failed:
    """A query that cannot be listed, and why."""

    query: Any
    reason: LookalikeError


def as_list(queries: Any) -> list[Any]:
    """One query or several, as a list; an array of images (n, h, w, c) uint8 gives one query per image."""
    if isinstance(queries, np.ndarray):
        several = queries.dtype.kind in "UO" or (queries.dtype == np.uint8 and queries.ndim == 4)
        return list(queries.tolist() if queries.dtype.kind in "UO" else queries) if several else [queries]
    if isinstance(queries, str | bytes | bytearray | memoryview):
        return [queries]
    if isinstance(queries, Sequence | set | frozenset) or (isinstance(queries, Iterator) and not _is_open(queries)):
        return list(queries)
    return [queries]


def _is_open(query: Any) -> bool:
    """Whether it is an open file, which is one query although iterating over it gives lines."""
    return hasattr(query, "read")


def expanded(store: "Store", queries: Iterable[Any]) -> Iterator[Any]:
    """The queries with folders and patterns replaced by their files; files listed earlier stay as they are."""
    for query in queries:
        try:
            yield from _files(store, query)
        except Damaged:  # of the collection, not of the query
            raise
        except LookalikeError as error:
            yield Failed(query, error)


def _files(store: "Store", query: Any) -> Iterator[Any]:
    text = os.fspath(query) if isinstance(query, str | os.PathLike) else None
    is_name = isinstance(query, str)
    if not isinstance(text, str) or isinstance(query, ListedFile) or (is_name and text.startswith("key:")):
        yield query
    elif os.path.isdir(text):
        yield from _of_folder(store, query, text)
    elif is_name and glob.has_magic(text) and not os.path.lexists(text) and not _is_key(store, text):
        yield from _of_pattern(text)
    else:
        yield query


def _of_folder(store: "Store", query: Any, folder: str) -> Iterator[Any]:
    """The images of a folder; the query itself if it is a key and the folder of that name has no image."""
    images = _images(folder)
    first = next(images, None)
    is_key = isinstance(query, str) and not folder.startswith("./") and _is_key(store, folder)
    if first is None and is_key:
        yield query
        return
    if first is None:
        raise LookalikeError(f"{folder!r} is a folder without images: give a folder of images, or image files")
    if is_key:
        raise LookalikeError(f"{folder!r} is both a folder of images and a key: write key:{folder} or ./{folder}")
    yield first
    yield from images


def _images(folder: str) -> Iterator[ListedFile]:
    from ..images import images_below

    if versions(Path(folder)):
        raise LookalikeError(f"{folder!r} is a collection, not a folder of images: give images, keys or vectors")
    return map(ListedFile, images_below(folder))


def _of_pattern(pattern: str) -> Iterator[ListedFile]:
    """The files that a pattern matches: images, .npy files, and the images of folders, each once."""
    from ..images import is_input

    matches = sorted(glob.glob(pattern, recursive=True))
    folder, name = os.path.split(pattern)
    if not matches and os.path.isdir(folder):  # a folder with brackets in its name
        matches = sorted(glob.glob(os.path.join(glob.escape(folder), name)))
    any_depth = "**" in pattern  # matches the content of folders too
    count = 0
    images: Iterable[ListedFile]
    for match in matches:
        if os.path.isdir(match):
            images = () if any_depth or versions(Path(match)) else _images(match)
        else:
            images = (ListedFile(match),) if is_input(match) or is_npy(match) else ()
        for image in images:
            count += 1
            yield image
    if not count and matches:
        raise LookalikeError(f"{pattern!r} matches {len(matches)} names, but no image is among them")
    if not count:
        raise LookalikeError(f"no file matches {pattern!r}, and it is not a key of the collection")


def is_npy(name: str) -> bool:
    """Whether a file of this name holds vectors."""
    return name.lower().endswith(".npy")


def _is_key(store: "Store", text: str) -> bool:
    return bool(store.find([text])[0] >= 0)
