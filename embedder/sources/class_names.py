"""Classes that are probably one: names that are equal but for their Unicode form, upper and lower case, or spaces."""

import unicodedata
import warnings
from collections.abc import Iterable

from ...store.errors import LookalikeWarning
from ...store.shown import shown
from .other_forms import composed

_MOST = 200_000  # distinct names that are compared: with more, labels are no classes
_FEW = 3


class ClassNames:
    """The names of the classes met so far, and those that look like another."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._met: set[str] = set()
        self._first: dict[str, str] = {}
        self._alike: list[tuple[str, str]] = []
        for name in known:
            self.add(name)
        self._alike.clear()  # of those that were there before, it was said then

    def add(self, name: str | None) -> None:
        """Take note of a label."""
        if name is None or name in self._met or len(self._met) >= _MOST:
            return
        self._met.add(name)
        first = self._first.setdefault(" ".join(composed(name).casefold().split()), name)
        if first != name:
            self._alike.append((first, name))

    def warn(self, source: str) -> None:
        """Say with a LookalikeWarning which classes look like one, if any do."""
        if not self._alike:
            return
        pairs = "; ".join(f"{_said(a)} and {_said(b)}" for a, b in self._alike[:_FEW])
        more = f" and {len(self._alike) - _FEW} more pairs" if len(self._alike) > _FEW else ""
        warnings.warn(
            f"source {shown(source)!r}: classes that differ only in upper and lower case, spaces or Unicode form stay "
            f"different classes: {pairs}{more}; where they are meant to be one, write their names alike",
            LookalikeWarning,
            stacklevel=3,
        )


def _said(name: str) -> str:
    """A name as it reads, and the characters by which it differs from what reads the same."""
    marks = [f"U+{ord(sign):04X}" for sign in name if unicodedata.combining(sign)]
    return f"{shown(name)!r}{f' (with {marks[0]})' if marks else ''}"
