"""Classes that are probably mistakes: people are warned about them, and they are kept as they are.

These are two names of one class, which differ only in Unicode form, upper and lower case, or spaces; texts that other
programs write for a missing label ("nan", "-1"); and quotes that do not enclose a cell and are part of the name.
"""

import unicodedata
import warnings
from collections.abc import Iterable

from ...store.errors import LookalikeWarning
from ...store.foreign.columns.no_label import NO_LABEL, no_label_words, taken_words
from ...store.shown import shown
from .other_forms import composed

_MOST = 200_000  # distinct names that are compared: with more, labels are no classes
_FEW = 3
_QUOTES = ("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2018\u2019\u201a'", "\u201c\u201d\u201f\u00ab\u00bb\u2018\u2019'")


class ClassNames:
    """The names of the classes so far, and those that look like mistakes."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._met: set[str] = set()
        self._first: dict[str, str] = {}
        self._alike: list[tuple[str, str]] = []
        self._empty: list[str] = []
        self._quoted: list[str] = []
        for name in known:
            self.add(name)
        for doubtful in (self._alike, self._empty, self._quoted):
            doubtful.clear()  # of those that were there before, it was said then

    def add(self, name: str | None) -> None:
        """Take note of a label."""
        if name is None or name in self._met or len(self._met) >= _MOST:
            return
        self._met.add(name)
        first = self._first.setdefault(" ".join(composed(name).casefold().split()), name)
        if first != name:
            self._alike.append((first, name))
        if name in NO_LABEL:
            self._empty.append(name)
        if len(name) > 2 and name[0] in _QUOTES[0] and name[-1] in _QUOTES[1]:
            self._quoted.append(name)

    def warn(self, source: str) -> None:
        """Warn about classes that are probably mistakes, with LookalikeWarnings."""
        if self._alike:
            self._warn_of_alike(source)
        if self._empty:
            warnings.warn(f"source {shown(source)!r}: {no_label_words(self._empty)}", LookalikeWarning, stacklevel=3)
        if self._quoted:
            warnings.warn(
                f"source {shown(source)!r}: {taken_words(self._quoted)} with the quotes; in a table only straight "
                'double quotes (") enclose a cell',
                LookalikeWarning,
                stacklevel=3,
            )

    def _warn_of_alike(self, source: str) -> None:
        pairs = "; ".join(f"{_said(a)} and {_said(b)}" for a, b in self._alike[:_FEW])
        more = f" and {len(self._alike) - _FEW} more pairs" if len(self._alike) > _FEW else ""
        warnings.warn(
            f"source {shown(source)!r}: some classes differ only in upper and lower case, spaces or Unicode form, and "
            f"are kept apart: {pairs}{more}; if they are meant to be the same, write their names alike",
            LookalikeWarning,
            stacklevel=4,
        )


def _said(name: str) -> str:
    """A name as it reads, and the characters by which it differs from what reads the same."""
    marks = [f"U+{ord(sign):04X}" for sign in name if unicodedata.combining(sign)]
    return f"{shown(name)!r}{f' (with {marks[0]})' if marks else ''}"
