"""Reading a CSV row by row, with errors that name the line. Bytes that are not UTF-8 are kept as in file names."""

import csv
from collections.abc import Iterator
from typing import TextIO

from ...store.errors import LookalikeError


class CsvRows:
    """The rows of a CSV with a header (tabs where the name ends in .tsv) as dicts; an empty cell is None."""

    def __init__(self, path: str) -> None:
        self._path = path
        with self._open() as file:
            self.columns = self._header(csv.reader(file, delimiter=self._delimiter))
        self.types = dict.fromkeys(self.columns, "string")
        self.binary: set[str] = set()

    def type_of(self, column: str) -> str:
        """A column's type in words: all are text."""
        return self.types[column]

    def __iter__(self) -> Iterator[dict[str, str | None]]:
        with self._open() as file:
            reader = csv.reader(file, delimiter=self._delimiter)
            try:
                self._header(reader)
                for cells in reader:
                    if cells:
                        yield self._row(cells, reader.line_num)
            except (csv.Error, OSError) as error:
                raise LookalikeError(f"{self._path} line {reader.line_num}: {error}") from error

    def _row(self, cells: list[str], line: int) -> dict[str, str | None]:
        if len(cells) != len(self.columns):
            raise LookalikeError(f"{self._path} line {line}: {len(cells)} cells under {len(self.columns)} columns")
        return {name: cell or None for name, cell in zip(self.columns, cells, strict=True)}

    def _header(self, reader: "csv._reader") -> list[str]:  # type: ignore[name-defined]
        try:
            columns = [name.strip() for name in next(reader, [])]
        except (csv.Error, OSError) as error:
            raise LookalikeError(f"{self._path} line 1: {error}") from error
        if len(set(columns)) != len(columns):
            raise LookalikeError(f"{self._path}: a column name comes twice in {', '.join(columns)}")
        return columns

    def _open(self) -> TextIO:
        try:
            return open(self._path, newline="", encoding="utf-8-sig", errors="surrogateescape")
        except OSError as error:
            raise LookalikeError(f"{self._path} cannot be read: {error.strerror}") from error

    @property
    def _delimiter(self) -> str:
        return "\t" if self._path.lower().endswith(".tsv") else ","
