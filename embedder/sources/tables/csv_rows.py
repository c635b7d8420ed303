"""Reading a table of text row by row, with errors that name the line.

Cells are separated by commas, in a .tsv by tabs; by semicolons (what Excel writes in much of Europe), tabs, commas or
bars where the header says so, by which of them it has the column of images; and a first line `sep=;` decides. Cells are
trimmed, as names of columns are, but within quotes they are kept as they are. So are names of files, since a name may
end with a space: whoever looks for the file trims them. Columns without a name (the index that pandas writes,
delimiters at the ends of lines) are left out, and so are rows of empty cells.
"""

import os
import re
from collections.abc import Iterator, Sequence

from ....store.errors import LookalikeError
from ....store.foreign.cells import IsRow, Row, delimiter_by, delimiters_in, rows
from ....store.foreign.text_file import text_lines
from ..files import has_image_extension
from ..other_forms import Names

_DECLARED = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


class CsvRows:
    """The rows of a CSV with a header as dicts; an empty cell is None.

    image_columns: the names of files stand in the first of these that there is.
    """

    def __init__(self, path: str, image_columns: Sequence[str] = ("path", "image")) -> None:
        self._path, self._folder = path, os.path.dirname(path)
        self._files = Names(self._folder)
        self._declared, self._delimiter = _delimiter(path, image_columns)
        self._names = self._header(next(self._all(lambda cells: any(map(self._names_image, cells))), None))
        self.columns = [name for name in self._names if name]
        if len(set(self.columns)) != len(self.columns):
            raise LookalikeError(f"{path} has a column name twice: {', '.join(self.columns)}")
        self._image = frozenset([self._names.index(name) for name in image_columns if name in self._names][:1])
        self.types = dict.fromkeys(self.columns, "string")
        self.binary: set[str] = set()
        self.nulls: set[str] = set()
        self._line = 0

    def type_of(self, column: str) -> str:
        """A column's type in words: all are text."""
        return self.types[column]

    def __iter__(self) -> Iterator[dict[str, str | None]]:
        found = self._all(self._is_row)
        next(found, None)
        for row in found:
            self._line = row.line
            if values := self._values(row):
                yield {name: value for name, value in zip(self._names, values, strict=True) if name}

    def where(self, number: int) -> str:
        """Where the row given last stands, in words."""
        return f"line {self._line}"

    def _values(self, row: Row) -> list[str | None]:
        """The cells of a row, one for each column; none at all where all are empty."""
        exact = row.quoted | self._image if row.quoted else self._image
        cells = [cell if at in exact else cell.strip() for at, cell in enumerate(row.cells)]
        if not any(cell.strip() for cell in cells):
            return []
        while len(cells) > len(self._names) and not cells[-1]:  # Excel goes on with empty cells
            cells.pop()
        if len(cells) != len(self._names):
            raise LookalikeError(
                f"{self._path} line {row.line} has {len(cells)} cells for {len(self._names)} columns: quote a cell "
                "that contains a delimiter, and give every row one cell per column"
            )
        return [cell or None for cell in cells]

    def _all(self, is_row: IsRow) -> Iterator[Row]:
        """The header and all rows."""
        lines = text_lines(self._path)
        if self._declared:
            next(lines)
        return rows(self._path, lines, self._delimiter, is_row)

    def _is_row(self, cells: list[str]) -> bool:
        """Whether a line within a quoted cell is a row: as many cells, and the name of an image where one belongs."""
        return len(cells) == len(self._names) and any(self._names_image(cells[at]) for at in self._image)

    def _names_image(self, cell: str) -> bool:
        """Whether a cell has the extension of an image, or is what a file is called."""
        if has_image_extension(cell):
            return True
        found = self._files.find(cell)
        return found is not None and os.path.isfile(os.path.join(self._folder, found))

    def _header(self, row: Row | None) -> list[str]:
        return [] if row is None else [cell.strip() for cell in row.cells]


def _delimiter(path: str, image_columns: Sequence[str]) -> tuple[bool, str]:
    """Whether the first line declares the delimiter, and what separates the cells."""
    _, line = next(text_lines(path), (0, ""))
    if declared := _DECLARED.fullmatch(line):
        return True, declared[1]
    usual = "\t" if path.lower().endswith(".tsv") else ","
    return False, delimiter_by(line, usual, image_columns) or next(iter(delimiters_in(line, usual)), usual)
