"""Finding a file whose name is written otherwise in a table than on the disk.

Systems write é as one character (NFC) or as two (NFD), Windows writes folders with backslashes, and tables that are not
UTF-8 hold other bytes. A file that is there under exactly the name written always comes first; upper and lower case are
different names.
"""

import os
import re
import unicodedata
import warnings
from collections.abc import Iterator
from functools import lru_cache

from ...store.errors import LookalikeWarning

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


def warn_of_encoding(path: str, label: str, where: str) -> None:
    """Warn that a table is not UTF-8, with a label that shows it."""
    warnings.warn(
        f"{path} is not encoded as UTF-8 (label {os.fsencode(label)!r} in {where}): its bytes are kept as they are; "
        "save the table as UTF-8 to get letters",
        LookalikeWarning,
        stacklevel=3,
    )


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
        """The same, folder by folder, each by what it is called in either form.

        Folders of both forms may stand beside each other, and what is not in one may be in the other.
        """
        steps = [step for step in name.split("/") if step not in ("", ".")]
        waiting = [("/" if name.startswith("/") else "", 0)]
        while waiting:
            found, done = waiting.pop()
            if done == len(steps):
                return found or None
            paths = [os.path.join(found, each) for each in self._called(found, steps[done])]
            waiting += [(path, done + 1) for path in reversed(paths)]
        return None

    def _called(self, folder: str, name: str) -> list[str]:
        """What there is in a folder by that name, that very name first."""
        there = [name] if os.path.lexists(os.path.join(self._folder, folder, name)) else []
        others = self._by_form(os.path.join(self._folder, folder)).get(composed(name), ())
        return there + [other for other in others if other not in there]


def _by_form(folder: str) -> dict[str, list[str]]:
    """The names in a folder that are not ASCII, sorted, by their composed form; empty where it cannot be listed."""
    try:
        with os.scandir(folder or ".") as entries:
            names = sorted(entry.name for entry in entries if not entry.name.isascii())
    except (OSError, ValueError):
        return {}
    forms: dict[str, list[str]] = {}
    for name in names:
        forms.setdefault(composed(name), []).append(name)
    return forms
