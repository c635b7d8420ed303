"""Finds the stored keys that a user may have meant by a name that is not a key."""

import os
from typing import TYPE_CHECKING

from ..work.forks import cached_property

if TYPE_CHECKING:
    from .store import Store

_FEW = 3
_COMPARED = 20_000
"""Keys that a name is compared with letter by letter: some tenths of a second."""
_LONGEST = 1024
_NAMES = 5
"""Names that are answered for: the tenth message of a list helps nobody."""


class NearKeys:
    """Finds keys similar to a name: keys with the same ending, in collections of any size, and similar keys."""

    def __init__(self, store: "Store") -> None:
        self._store, self._left = store, _NAMES

    def words(self, name: str) -> str:
        """The end of a message that offers the nearest keys: "; did you mean 'a' or 'b'?"; "" if there are none."""
        keys = [repr(key) for key in self.near(name)]
        if not keys:
            return ""
        return f"; did you mean {', '.join(keys[:-1])}{' or ' if len(keys) > 1 else ''}{keys[-1]}?"

    def near(self, name: str) -> list[str]:
        """At most three keys, the likeliest first; none after a few names have been answered."""
        if self._left <= 0 or not name or len(name) > _LONGEST:
            return []
        self._left -= 1
        variants = _variants(name)
        exact = [key for key, row in zip(variants, self._store.find(variants).tolist(), strict=True) if row >= 0]
        return (list(dict.fromkeys(exact)) or self._alike(name))[:_FEW]

    @cached_property
    def _keys(self) -> list[str]:
        return self._store.keys(self._store.live_rows()[:_COMPARED])

    def _alike(self, name: str) -> list[str]:
        """Keys with the same file name in another folder, or otherwise keys that differ by few letters."""
        import difflib

        last = os.path.basename(name).casefold()
        same = [key for key in self._keys if last and os.path.basename(key).casefold() == last]
        if same:
            return same
        folded = {key.casefold(): key for key in reversed(self._keys)}
        return [folded[key] for key in difflib.get_close_matches(name.casefold(), folded, n=_FEW, cutoff=0.75)]


def _variants(name: str) -> list[str]:
    """The keys that a path may stand for: any ending of it, in either case."""
    tidy = os.path.normpath(name)
    parts = tidy.split(os.sep)
    tails = ["/".join(parts[start:]) for start in range(len(parts))]
    return [form for tail in tails if tail for form in (tail, tail.lower(), tail.upper())]
