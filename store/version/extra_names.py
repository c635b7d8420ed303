"""The names that a source's further columns get in a collection.

Like DuckDB, SQL ignores upper and lower case of names (in ASCII), so only one of two such columns could be queried.
Within a part no two columns have names that are the same to SQL: a name that a column of ours or of the source has
already gets "source_" in front. A name that the collection has in another case is spelled as there: it is one column,
whichever source it comes from.
"""

import string
from collections.abc import Iterable, Sequence

from ..files.runs import COLUMNS

RESERVED = (*COLUMNS, "vector", "row")
_FEW = 5
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def folded(name: str) -> str:
    """The name as DuckDB compares it: ASCII letters in lower case, all others as they are."""
    return name.translate(_LOWER)


_OURS = frozenset(map(folded, RESERVED))


def stored_names(names: Sequence[str], existing: Iterable[str] = ()) -> list[str]:
    """The names that a source's distinct further columns get in a part, in their order.

    existing: the further columns that the collection has (`tables.held_names`). A collection that has the columns under
    these names gets the same names again.
    """
    spelled: dict[str, str] = {}
    for name in existing:
        spelled.setdefault(folded(name), name)
    given = {folded(name) for name in names}
    stored: dict[str, str] = {}
    taken = {"", *_OURS}
    for name in names:  # first those that need no other name
        if spelled.get(folded(name)) == name and folded(name) not in taken:
            stored[name] = name
            taken.add(folded(name))
    for name in names:
        if name not in stored:
            free = name
            while folded(free) in taken or (free != name and folded(free) in given):
                free = f"source_{free}"
            stored[name] = spelled.get(folded(free), free)
            taken.add(folded(free))
    return [stored[name] for name in names]


def renamed_words(names: Sequence[str], stored: Sequence[str]) -> str | None:
    """A sentence about those of a source's further columns that have other names in conditions; None without any."""
    pairs = [f"{name!r} is {other}" for name, other in zip(names, stored, strict=True) if folded(name) != folded(other)]
    if not pairs:
        return None
    more = f" and {len(pairs) - _FEW} more" if len(pairs) > _FEW else ""
    return (
        "SQL does not tell upper from lower case, so --where uses other names for these columns: "
        f"{', '.join(pairs[:_FEW])}{more}"
    )


def asked_names(columns: Sequence[str]) -> list[str]:
    """The names of stored columns in SQL, in their order. They only differ where an older version stored two alike."""
    others = [name for name in columns if name not in RESERVED]
    queried = dict(zip(others, stored_names(others), strict=True))
    return [queried.get(name, name) for name in columns]
