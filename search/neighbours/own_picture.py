"""The stored rows that a query is a picture of, which do not speak for it: a key's own file, and equal contents."""

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
    """Whether the file holds the very bytes that were embedded as `row`."""
    content = store.facts(np.array([row], np.int64)).content[0]
    if content is None:
        return False
    try:
        found = os.stat(file)
        # Anything but a regular file could block whoever opens it.
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
            return False
        with open(file, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == content
    except OSError:
        return False


def file_of(store: "Store", row: int) -> str | None:
    """Where the source of `row` keeps its picture now; None where it is away, or keeps it in no file of its own."""
    return paths_of_rows(store, [row])[0]


def is_same(file: str, other: str) -> bool:
    """Whether two names are of one file."""
    try:
        return os.path.samefile(file, other)
    except OSError:
        return False


def rows_of_contents(store: "Store", contents: list[str | None]) -> list[np.ndarray]:
    """For each content (SHA-256 hex, or None) all live rows that hold it, (r,) int64, ascending."""
    asked = [place for place, content in enumerate(contents) if content is not None]
    which, rows = store.lookups.all_with_contents([str(contents[place]) for place in asked])
    held = [np.empty(0, np.int64)] * len(contents)
    for place, mine in zip(asked, np.split(rows, np.searchsorted(which, np.arange(1, len(asked)))), strict=False):
        held[place] = mine
    return held
