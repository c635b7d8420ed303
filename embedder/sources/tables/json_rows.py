"""Reading JSON Lines, one object for each row, with errors that name the line."""

import json
from collections.abc import Iterator
from typing import Any

from ....store.errors import LookalikeError
from ....store.foreign.text_file import text_lines

_INT64 = 1 << 63
_KINDS = {str: "string", bool: "bool", int: "int64", float: "double"}


class JsonRows:
    """The objects of a file as dicts of its columns, all in memory; a name that an object lacks is None there.

    types: of columns whose values are texts, numbers or truth values: where both kinds of number occur "double", and
    where others are mixed "string". Columns with lists or objects in them, or with nulls alone, have no type.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._rows = [(number, self._parsed(number, line)) for number, line in text_lines(path) if line.strip()]
        self.columns = list(dict.fromkeys(name for _, row in self._rows for name in row))
        kinds = {name: self._kind(name) for name in self.columns}
        self.types = {name: kind for name, kind in kinds.items() if kind is not None}
        self.nulls = {name for name in self.columns if all(row.get(name) is None for _, row in self._rows)}
        self.binary: set[str] = set()
        self._line = 0

    def type_of(self, column: str) -> str:
        """A column's type in words."""
        return self.types.get(column, "a list or an object in some rows")

    def where(self, number: int) -> str:
        """Where the row given last stands, in words."""
        return f"line {self._line}"

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for line, row in self._rows:
            self._line = line
            yield {name: _as(row.get(name), kind) for name, kind in self.types.items()}

    def _parsed(self, number: int, line: str) -> dict[str, Any]:
        try:
            row = json.loads(line, object_pairs_hook=_distinct)
        except (ValueError, RecursionError) as error:
            why = getattr(error, "msg", str(error))
            raise LookalikeError(f"{self._path} line {number} is not a JSON object: {why}") from error
        if not isinstance(row, dict):
            raise LookalikeError(
                f"{self._path} line {number} is {type(row).__name__}, not an object such as "
                '{"file_name": "a.jpg", "label": "cat"}'
            )
        return row

    def _kind(self, name: str) -> str | None:
        kinds = {type(row[name]) for _, row in self._rows if row.get(name) is not None}
        if not kinds or not kinds <= _KINDS.keys():
            return None
        if kinds == {int, float}:
            return "double"
        if kinds == {int} and any(not -_INT64 <= row[name] < _INT64 for _, row in self._rows if row.get(name)):
            return "string"
        return _KINDS[kinds.pop()] if len(kinds) == 1 else "string"


def _as(value: Any, kind: str) -> Any:
    """A value as its column has it."""
    if value is None or kind in ("int64", "bool"):
        return value
    return float(value) if kind == "double" else str(value)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, none of whose names may come twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for at, (name, _) in enumerate(pairs) if name in dict(pairs[:at]))
        raise ValueError(f"the name {twice!r} occurs twice")
    return found
