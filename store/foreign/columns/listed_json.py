"""Keys or labels as JSON: one list in a .json, one value or object per line in a .jsonl."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...errors import LookalikeError
from ..text_file import text_lines
from .text_columns import text_of


def json_list(path: Path, what: str) -> list[str | None]:
    """One JSON list."""
    try:
        values = json.loads("".join(line for _, line in text_lines(str(path))))
    except ValueError as error:
        raise LookalikeError(f"{path} is not JSON: {error}") from None
    if not isinstance(values, list):
        raise LookalikeError(f"{path} holds {_kind(values)}: give one list of {what}s")
    return _scalars(path, what, values)


def json_lines(path: Path, what: str, column: str | None) -> list[str | None]:
    """One JSON value per line; of an object, its field `column` or `what`."""
    values: list[Any] = []
    field = what if column is None else column
    for number, line in text_lines(str(path)):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise LookalikeError(f"{path}: line {number} is not JSON: {error}") from None
        if isinstance(value, dict) and field not in value:
            raise LookalikeError(
                f"{path}: line {number} has no field {field!r}; it has {', '.join(value)}: name one with "
                f"--{what}-column"
            )
        values.append(value[field] if isinstance(value, dict) else value)
    return _scalars(path, what, values)


def _scalars(path: Path, what: str, values: Iterable[Any]) -> list[str | None]:
    """Texts and numbers as text, null as None."""
    texts = []
    for row, value in enumerate(values):
        if isinstance(value, list | dict):
            raise LookalikeError(f"{path}: {what} of row {row} is {_kind(value)}: give text or numbers")
        texts.append(text_of(value))
    return texts


def _kind(value: Any) -> str:
    return {dict: "an object", list: "a list", str: "a text", type(None): "null"}.get(type(value), "one value")
