"""Keys or labels in a separate file, one for each row of vectors.

A .csv, .tsv, .parquet, .arrow or .feather is read as a table, a .json as one list, a .jsonl as one JSON value per line,
a .npy as an array. Any other file is text with one value per line, in UTF-8 (other bytes are kept as `os.fsdecode`
does) or in UTF-16 with its byte order mark.
"""

import codecs
import itertools
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...disk.publish import plain_errors
from ...errors import LookalikeError, LookalikeWarning
from ..cells import delimiter_by
from ..cells import rows as rows_of_cells
from ..text_file import text_lines
from .listed_json import json_lines, json_list
from .listed_tables import arrow_column, parquet_column
from .text_columns import array_texts

Text = str | os.PathLike[str]
_HEADS = ("key", "keys", "label", "labels", "class", "id", "name", "filename", "file_name", "path")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def listed(path: Text, rows: int, of: Path, what: str, column: str | None = None) -> Iterator[str | None]:
    """The values of a file, which must be `rows`, one for each vector in `of`; None for an empty one.

    what: "key" or "label", and the column of a table to read if `column` names no other. Raises LookalikeError for a
    file that does not have the format of its ending, for another number of values, and for a column in a file that has
    no columns.
    """
    ending = Path(path).suffix.lower()
    if column is not None and ending not in _TABLES:
        raise LookalikeError(
            f"{what}s are given both by {os.fspath(path)} and by column {column!r}: give one of them, or a table "
            f"({', '.join(_TABLES)}) that has this column"
        )
    if ending in _READERS or ending in _TABLES:
        return iter(_whole(Path(path), rows, of, what, column))
    lines = count_lines(path)
    _refuse_nul(path)
    if lines != rows and (lines < rows or not _blank_from(path, rows)):
        raise LookalikeError(
            f"{os.fspath(path)} has {lines} lines, but {of} has {rows} rows: give one line for each row"
            + _hint(path, lines, rows)
        )
    _warn_of_quotes(path)
    return (line or None for line in itertools.islice(read_lines(path), rows))


def _whole(path: Path, rows: int, of: Path, what: str, column: str | None) -> list[str | None]:
    """The values of a file that is read at once."""
    ending = path.suffix.lower()
    with plain_errors(f"read {path}"):
        values = _READERS[ending](path, what) if ending in _READERS else _TABLES[ending](path, what, column)
    while len(values) > rows and values[-1] is None and _TABLES.get(ending) is _table:
        values.pop()  # blank lines at the end
    if len(values) == rows:
        return values
    may_be_heading = len(values) == rows + 1 and _TABLES.get(ending) not in (parquet_column, arrow_column)
    heading = f"; name its heading {what!r}, or remove it" if may_be_heading else ""
    raise LookalikeError(
        f"{path} has {len(values)} {what}s, but {of} has {rows} rows: give one {what} for each row{heading}"
    )


def _blank_from(path: Text, row: int) -> bool:
    """Whether only blank lines follow the first `row` ones."""
    return not any(line.strip() for line in itertools.islice(read_lines(path), row, None))


def _warn_of_quotes(path: Text) -> None:
    """Warn where every line is in quotes, which are part of a line here: the file is probably a CSV."""
    lines = [line for line in itertools.islice(read_lines(path), 100) if line]
    if lines and all(len(line) > 1 and line[0] == line[-1] == '"' for line in lines):
        warnings.warn(
            f"every line of {os.fspath(path)} is in quotes, which are read as part of the text: rename the file "
            "to .csv if they are not",
            LookalikeWarning,
            stacklevel=5,
        )


def read_lines(path: Text) -> Iterator[str]:
    """The lines of a text file, without their ends."""
    with plain_errors(f"read {os.fspath(path)}"), _opened(path, newline="\n") as file:
        try:
            for number, line in enumerate(file):
                text = line.removeprefix("\ufeff") if number == 0 else line
                yield text.removesuffix("\n").removesuffix("\r")
        except UnicodeError as error:
            raise LookalikeError(f"{os.fspath(path)} is not whole UTF-16 text: {error}") from None


def count_lines(path: Text) -> int:
    """How many lines `read_lines` gives."""
    with plain_errors(f"read {os.fspath(path)}"):
        if _is_utf_16(path):
            return sum(1 for _ in read_lines(path))
        lines, last = 0, b"\n"
        with open(path, "rb") as file:
            while data := file.read(1 << 20):
                lines, last = lines + data.count(b"\n"), data[-1:]
        return lines + (last != b"\n")


def _is_utf_16(path: Text) -> bool:
    with open(path, "rb") as file:
        return file.read(2) in _UTF_16


def _opened(path: Text, newline: str) -> Any:
    """The file as text, in the encoding that its byte order mark gives."""
    if _is_utf_16(path):
        return open(path, encoding="utf-16", newline=newline)
    return open(path, encoding="utf-8", errors="surrogateescape", newline=newline)


def _refuse_nul(path: Text) -> None:
    """Refuse UTF-16 without its mark: read as UTF-8, every character has a NUL beside it."""
    with open(path, "rb") as file:
        if b"\0" in file.read(1 << 16) and not _is_utf_16(path):
            raise LookalikeError(f"{os.fspath(path)} holds NUL bytes, as UTF-16 does: save it as UTF-8")


def _hint(path: Text, lines: int, rows: int) -> str:
    """What else the file may be, if its number of lines differs from the number of rows."""
    first = next(read_lines(path), "")
    if first.lstrip().startswith("["):
        return "; if it is a JSON list, rename it to end in .json"
    if lines == rows + 1 and first.strip('"').casefold() in _HEADS:
        return f"; if the first line, {first!r}, is a heading, remove it, or rename the file to .csv"
    if lines <= 1 < rows and "\r" in first:
        return "; its lines end with CR alone: save it with Unix line ends"
    return ""


def _table(path: Path, what: str, column: str | None) -> list[str | None]:
    """The column `column` or `what` of a CSV, or its only one. A first row with such a name is the heading."""
    table = _cells(path, column or what)
    at = _column(path, table, what) if column is None else _named(path, table, column)
    headed = column is not None or (bool(table) and any(_head(cell) in _HEADS for cell in table[0]))
    body = table[1:] if headed else table
    longer = next((number for number, row in enumerate(body) if len(row) > max(1, len(table[0]))), None)
    if longer is not None:
        cells = len(body[longer])
        raise LookalikeError(f"{path}: row {longer} has {cells} cells, but the first line has {len(table[0])}")
    return [(row[at] or None) if at < len(row) else None for row in body]


def _delimiter(path: Path, what: str) -> str:
    """The delimiter: by the heading if it names the column, as in a table of images, otherwise by the file's name."""
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    _, heading = next(text_lines(str(path)), (0, ""))
    return delimiter_by(heading.casefold(), usual, (what, f"{what}s")) or usual


def _cells(path: Path, what: str) -> list[list[str]]:
    """The cells of all rows, trimmed if they are not quoted. With one column, an empty line is a row too."""
    table: list[list[str]] = []
    expected, last = 1, 0

    def lines() -> Iterator[tuple[int, str]]:
        nonlocal last
        for number, line in text_lines(str(path)):
            last = number
            yield number, line

    def is_row(cells: list[str]) -> bool:
        return bool(table) and len(cells) == len(table[0]) and any(cells)

    for row in rows_of_cells(str(path), lines(), _delimiter(path, what), is_row):
        if len(row.cells) == 1:
            table += [[""]] * (row.line - expected)
        table.append([cell if at in row.quoted else cell.strip() for at, cell in enumerate(row.cells)])
        expected = last + 1
    return table + [[""]] * (last + 1 - expected if table and len(table[0]) == 1 else 0)


def _column(path: Path, table: list[list[str]], what: str) -> int:
    """Which column of a table holds the values."""
    head = [_head(cell) for cell in table[0]] if table else []
    named = [at for at, name in enumerate(head) if name in (what, f"{what}s")]
    if len(named) == 1:
        return named[0]
    if len(head) > 1:
        raise LookalikeError(
            f"{path} has {len(head)} columns ({', '.join(table[0][:8])}): name one of them {what!r}, or "
            f"choose one with --{what}-column"
        )
    return 0


def _named(path: Path, table: list[list[str]], column: str) -> int:
    """Which column has this heading."""
    head = table[0] if table else []
    if head.count(column) != 1:
        why = f"no column {column!r}" if column not in head else f"{head.count(column)} columns named {column!r}"
        raise LookalikeError(f"{path} has {why}: its first line is {', '.join(head[:8])}")
    return head.index(column)


def _head(cell: str) -> str:
    return cell.strip().casefold()


def _array(path: Path, what: str) -> list[str | None]:
    """A .npy of texts or numbers."""
    try:
        with path.open("rb") as file:
            values = np.lib.format.read_array(file, allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # NumPy hands the header to Python's own parser, which raises almost anything
        if "Object arrays" in str(error):
            return array_texts(np.empty(0, object), str(path))
        raise LookalikeError(f"{path} cannot be read as a .npy of {what}s: {' '.join(str(error).split())}") from None
    return array_texts(values, str(path))


_READERS: dict[str, Callable[[Path, str], list[str | None]]] = {".json": json_list, ".npy": _array}
"""Readers of one list."""
_TABLES: dict[str, Callable[[Path, str, str | None], list[str | None]]] = {
    ".csv": _table,
    ".tsv": _table,
    ".jsonl": json_lines,
    ".parquet": parquet_column,
    ".pq": parquet_column,
    ".arrow": arrow_column,
    ".feather": arrow_column,
}
"""Readers of files whose columns have names."""
