"""Converts frozen dataclasses to plain JSON data and back, and checks every field against its annotation.

A field that was added in a later release is declared with `metadata=LATER` and a default, which older data gets.
"""

from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import LookalikeError

T = TypeVar("T")
LATER = {"later": True}
_hints = cache(get_type_hints)


def to_plain(value: Any) -> Any:
    """`value` with dataclasses as dicts and tuples as lists, at any depth."""
    if is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {k: to_plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(v) for v in value]
    return value


def from_plain(kind: type[T], data: Any, where: str) -> T:
    """The dataclass `kind` from JSON data.

    Raises LookalikeError, which names the field of `where` that is missing or has the wrong type.
    """
    if not isinstance(data, dict):
        raise _mistyped(where, data)
    hints = _hints(kind)  # type: ignore[arg-type]
    names = {f.name: "later" in f.metadata for f in fields(kind)}  # type: ignore[arg-type]
    odd = sorted(n for n in set(names) ^ set(data) if not names.get(n, False))
    if odd:
        raise LookalikeError(f"{where}: field {odd[0]!r} is {'missing' if odd[0] in names else 'unknown'}")
    return kind(**{n: _value(hints[n], data[n], f"{where}, {n}") for n in names if n in data})


def _value(hint: Any, data: Any, where: str) -> Any:
    """`data` as the type that the annotation `hint` gives."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        inner = next(a for a in get_args(hint) if a is not NoneType)
        return None if data is None else _value(inner, data, where)
    if origin is tuple:
        if not isinstance(data, list):
            raise _mistyped(where, data)
        return tuple(_value(get_args(hint)[0], item, where) for item in data)
    if is_dataclass(hint):
        return from_plain(hint, data, where)  # type: ignore[arg-type]
    expected = origin or hint
    if type(data) is not expected or (expected is int and data < 0):
        raise _mistyped(where, data)
    return data


def _mistyped(where: str, data: Any) -> LookalikeError:
    return LookalikeError(f"{where}: {data!r:.60} is not a valid value")
