"""Splits lines of a text table into cells, and tells a quote that is never closed from a cell of several lines.

A cell that begins with a straight quote ends with the next one that is not doubled; delimiters and line ends in between
belong to it. Anything that is neither quoted like this nor plain is refused, with the line where its quote opens: text
after the closing quote, a file that ends before it, and a cell that would swallow a line which is a table row by
itself. Spaces around a plain cell, and around the quotes of a quoted one, do not belong to the cell.
"""

import re
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple, TypeAlias

from ..errors import LookalikeError

_TYPOGRAPHIC = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"
_MENDS = "close it, and double each quote that belongs to the cell"


class Row(NamedTuple):
    """cells: the text of each cell; that of cells at places in `quoted` exactly, that of others with outer spaces.

    line: the number of the row's first line, from 1.
    """

    line: int
    cells: list[str]
    quoted: frozenset[int]


DELIMITERS = ",;\t|"
_QUOTED = re.compile(r'"[^"]*"')


def delimiters_in(line: str, usual: str) -> list[str]:
    """The possible delimiters of a heading, the `usual` one first: those that occur outside of quotes."""
    plain = _QUOTED.sub("", line).rstrip("\r\n")
    return [sign for sign in dict.fromkeys((usual, *DELIMITERS)) if sign in plain]


def delimiter_by(line: str, usual: str, names: Collection[str]) -> str | None:
    """The delimiter of a heading, if one of its cells then has one of the `names`."""
    signs = delimiters_in(line, usual)
    return next((sign for sign in signs if any(cell.strip(' "\r\n') in names for cell in line.split(sign))), None)


Lines: TypeAlias = Iterator[tuple[int, str]]
IsRow: TypeAlias = Callable[[list[str]], bool]
_PLAIN: frozenset[int] = frozenset()


def rows(path: str, lines: Lines, delimiter: str, is_row: IsRow) -> Iterator[Row]:
    """The rows in these numbered lines, without empty ones.

    is_row: tells whether such cells can be a row of this table; called for every line within a quoted cell. Raises
    LookalikeError, with the line, where a quote is not closed.
    """
    for number, line in lines:
        text = line.rstrip("\r\n")
        if '"' not in text:
            if text.strip():
                yield Row(number, text.split(delimiter), _PLAIN)
            continue
        yield _Quoted(path, number, line, lines, delimiter, is_row).row()


class _Quoted:
    """Parses one row that contains a quote, reading further lines as far as its cells reach."""

    def __init__(self, path: str, number: int, line: str, lines: Lines, delimiter: str, is_row: IsRow) -> None:
        self._path, self._lines, self._delimiter, self._is_row = path, lines, delimiter, is_row
        self._first = self._number = number
        self._line, self._at = line, 0

    def row(self) -> Row:
        """The cells of the row that begins in this line."""
        cells: list[str] = []
        quoted: list[int] = []
        while True:
            start = self._skipped(self._at)
            if self._line[start : start + 1] == '"':
                quoted.append(len(cells))
                cells.append(self._quoted_cell(start, first=not cells))
            else:
                end = self._line.find(self._delimiter, self._at)
                end = len(self._line) if end < 0 else end
                cells.append(self._line[self._at : end].rstrip("\r\n"))
                self._at = end
            if self._line[self._at : self._at + 1] != self._delimiter:
                return Row(self._first, cells, frozenset(quoted))
            self._at += 1

    def _skipped(self, at: int) -> int:
        """The place of the first character from `at` on that is no space within a cell."""
        while at < len(self._line) and self._line[at] in " \t\xa0" and self._line[at] != self._delimiter:
            at += 1
        return at

    def _quoted_cell(self, start: int, first: bool) -> str:
        """The text of the (first) cell whose quote opens at `start`; goes on to what ends the cell."""
        opened = (self._number, self._line[start:].rstrip("\r\n"))
        pieces: list[str] = []
        at = start + 1
        while True:
            end = self._line.find('"', at)
            if end < 0:
                pieces.append(self._line[at:])
                at = self._next_line(*opened, first)
            elif self._line[end + 1 : end + 2] == '"':
                pieces.append(self._line[at : end + 1])
                at = end + 2
            else:
                pieces.append(self._line[at:end])
                self._at = self._skipped(end + 1)
                if self._line[self._at : self._at + 1] not in ("", "\r", "\n", self._delimiter):
                    raise self._open(*opened, f"is followed by text after the next quote, in line {self._number}")
                return "".join(pieces)

    def _next_line(self, opened: int, text: str, first: bool) -> int:
        """Go on to the next line. Neither it nor the text after the opening quote may be a row by itself."""
        if self._number == opened and self._is_row_by_itself(text[1:], ""):
            raise self._open(opened, text, "is not closed in this line, which is a row without it")
        self._number, self._line = next(self._lines, (0, ""))
        if not self._number:
            raise self._open(opened, text, "is not closed by the end of the file")
        # Where the first cell is quoted, its last line looks like a row but for the quote that closes it.
        if self._is_row_by_itself(self._line, "" if first else '"'):
            raise self._open(opened, text, f"is not closed before line {self._number}, which is a row by itself")
        return 0

    def _is_row_by_itself(self, line: str, quotes: str) -> bool:
        return self._is_row([cell.strip().strip(quotes) for cell in line.split(self._delimiter)])

    def _open(self, line: int, text: str, what: str) -> LookalikeError:
        """The error for a quote that opens in that line."""
        curly = next((sign for sign in text if sign in _TYPOGRAPHIC), None)
        why = "" if curly is None else f' ({curly} closes no cell, only a straight " does)'
        if curly is None and '\\"' in text:
            why = ' (a backslash does not double a quote: write "" for \\")'
        return LookalikeError(f"{self._path} line {line}: the quote that opens a cell here {what}: {_MENDS}{why}")
