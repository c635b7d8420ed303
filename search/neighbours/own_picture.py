"""The stored rows that hold the same image as a query: by the key's file, and by equal content."""

import hashlib
import os
import stat
from typing import TYPE_CHECKING

import numpy as np

from .paths import paths_of_rows

if TYPE_CHECKING:
    from ...store.version.store import Store


_MOST_BYTES = 1 << 30


def has_content_of(store: "Store", row: int, file: str) -> bool:
    """Whether the file holds exactly the bytes that were embedded as `row`."""
    content = store.facts(np.array([row], np.int64)).content[0]
    if content is None:
        return False
    try:
        status = os.stat(file)
        # Opening anything but a regular file could block.
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            return False
        with open(file, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == content
    except OSError:
        return False


def file_of(store: "Store", row: int) -> str | None:
    """The file of the image of `row`; None if its source is not there, or keeps the image in no file of its own."""
    return paths_of_rows(store, [row])[0]


def is_same(file: str, other: str) -> bool:
    """Whether two paths name the same file."""
    try:
        return os.path.samefile(file, other)
    except OSError:
        return False


def rows_of_contents(store: "Store", contents: list[str | None]) -> list[np.ndarray]:
    """For each content (SHA-256 in hex, or None) all live rows that have it, (r,) int64, ascending."""
    places = [place for place, content in enumerate(contents) if content is not None]
    which, rows = store.lookups.all_with_contents([str(contents[place]) for place in places])
    copies = [np.empty(0, np.int64)] * len(contents)
    for place, part in zip(places, np.split(rows, np.searchsorted(which, np.arange(1, len(places)))), strict=False):
        copies[place] = part
    return copies
