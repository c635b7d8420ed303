"""Finding a file whose name is written otherwise in a table than on the disk.

Systems write é as one character (NFC) or as two (NFD), Windows writes folders with backslashes, and tables that are not
UTF-8 hold other bytes. A file that is there under exactly the name written always comes first; upper and lower case are
different names.
"""

import os
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_NO_TEXT = re.compile("[\ud800-\udfff]")
_FOLDERS = 64  # whose names are kept


def composed(text: str) -> str:
    """The text in the form NFC, by which two forms of a name are equal."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def forms(name: str) -> Iterator[str]:
    """The names that `name` may stand for, itself first: trimmed, with folders as here, as Windows in the West writes.

    A name comes twice where two of these are the same.
    """
    for text in (name, name.strip()):
        for other in (text, _western(text)):
            if other:
                yield other
                if "\\" in other and not is_windows(other):
                    yield other.replace("\\", "/")


def is_windows(name: str) -> bool:
    """Whether it is an absolute path of Windows, which leads nowhere here."""
    return _WINDOWS.match(name) is not None


def is_utf8(text: str) -> bool:
    """Whether text has no bytes that are not UTF-8."""
    return text.isascii() or _NO_TEXT.search(text) is None


def _western(text: str) -> str | None:
    """Text with bytes that are not UTF-8 read as Windows-1252; None where all of it is UTF-8, or some is neither."""
    if is_utf8(text):
        return None
    try:
        return text.encode("utf-8", "surrogateescape").decode("cp1252")
    except UnicodeError:
        return None


class Names:
    """The files below a folder, found by the names of a table."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._by_form = lru_cache(_FOLDERS)(_by_form)

    def find(self, name: str) -> str | None:
        """The path, as far as `name` is relative below the folder, of a file that `name` means; None where none is."""
        tried = list(dict.fromkeys(forms(name)))
        for text in tried:
            if os.path.lexists(os.path.join(self._folder, text)):
                return text
        for text in tried:
            if not text.isascii() and (found := self._in_another_form(text)) is not None:
                return found
        return None

    def _in_another_form(self, name: str) -> str | None:
        """The same, folder by folder, each by what it is called in either form."""
        found = "/" if name.startswith("/") else ""
        for step in name.split("/"):
            if step in ("", "."):
                continue
            path = os.path.join(found, step)
            if not os.path.lexists(os.path.join(self._folder, path)):
                there = self._by_form(os.path.join(self._folder, found)).get(composed(step))
                if there is None:
                    return None
                path = os.path.join(found, there)
            found = path
        return found or None


def _by_form(folder: str) -> dict[str, str]:
    """The names in a folder that are not ASCII, by their composed form; empty where it cannot be listed."""
    try:
        with os.scandir(folder or ".") as entries:
            names = sorted((entry.name for entry in entries if not entry.name.isascii()), reverse=True)
    except (OSError, ValueError):
        return {}
    return {composed(name): name for name in names}
