"""Which columns of a file of vectors hold its keys, labels and vectors: by given names, or by the usual ones."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ...errors import LookalikeError

_LIKELY = ("vector", "vectors", "embedding", "embeddings", "emb", "features", "feature", "vec", "values")
_MOST_SHOWN = 8


class Columns(NamedTuple):
    """The columns (arrays, datasets) to read; None for those with the usual names, if there are any."""

    key: str | None = None
    label: str | None = None
    vector: str | None = None


USUAL = Columns()


class Role(NamedTuple):
    """The use of a column.

    fits: which of the file's columns, by name, are suitable. words: what is suitable. unit: what the file calls its
    columns.
    """

    name: str
    usual: Sequence[str]
    words: str
    fits: Callable[[str], bool]
    unit: str = "column"


def choose(path: object, requested: str | None, role: Role, kinds: Mapping[str, str]) -> str | None:
    """The column for `role` among columns with these types in words; None where there is none and none was given.

    Raises LookalikeError for a given column that does not exist or has the wrong type.
    """
    name = requested if requested is not None else next((name for name in role.usual if name in kinds), None)
    if name is None:
        return None
    if name not in kinds:
        raise missing(path, name, role, kinds)
    if not role.fits(name):
        others = _offer(role, kinds)
        raise LookalikeError(
            f"{path}: {role.unit} {name!r} is {kinds[name]}: {role.name}s are {role.words}" + (others and f"; {others}")
        )
    return name


def missing(path: object, name: str, role: Role, kinds: Mapping[str, str]) -> LookalikeError:
    """The error for a column that does not exist, with the suitable columns and their types, or with all columns."""
    offered = _offer(role, kinds)
    if offered:
        return LookalikeError(f"{path} has no {role.unit} {name!r}: {offered}")
    return LookalikeError(
        f"{path} has no {role.unit} {name!r}, and none that is {role.words}: its {role.unit}s are "
        + _listed(kinds, list(kinds))
    )


def _offer(role: Role, kinds: Mapping[str, str]) -> str:
    """The suitable columns, in words; empty if there are none."""
    able = [name for name in kinds if role.fits(name)]
    if not able:
        return ""
    obvious = able if len(able) == 1 else [name for name in _LIKELY if name in able and role.name == "vector"][:1]
    how = f"give --{role.name}-column {shlex.quote(obvious[0])}" if obvious else f"name one with --{role.name}-column"
    return (
        f"{how}, which is {kinds[able[0]]}" if len(able) == 1 else f"{how}; these could serve: {_listed(kinds, able)}"
    )


def _listed(kinds: Mapping[str, str], names: list[str]) -> str:
    shown = ", ".join(f"{name} ({kinds[name]})" for name in names[:_MOST_SHOWN])
    return shown + (f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else "")
