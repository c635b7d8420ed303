"""Which columns of a table hold images, their paths, labels and keys."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ....store.errors import LookalikeError
from ....store.shown import shown
from ..files import has_image_extension
from ..options import SourceOptions
from .csv_rows import CsvRows
from .json_rows import JsonRows
from .no_table import no_images, some_names
from .parquet_rows import ParquetRows

HOLDING = ("image", "bytes", "path")
"""Columns that may hold encoded images, the usual one first."""
NAMING = ("path", "image")
"""Columns that may hold paths, the usual one first."""
Rows = CsvRows | JsonRows | ParquetRows
"""The rows of a table, whatever its format."""
_LIKE_LABEL = ("label", "labels", "class", "class_name", "category")
_LONGEST_PATH = 4096  # bytes, on Linux


@dataclass(frozen=True)
class Columns:
    """The names of columns, None where the table has none. holds: encoded images. names: paths of files."""

    holds: str | None
    names: str | None
    label: str | None
    key: str | None

    @classmethod
    def of(cls, path: str, rows: Rows, options: SourceOptions) -> "Columns":
        """The columns of the table at `path`. Raises LookalikeError if one is missing or has an unusable type."""
        check_named(path, rows, options)
        holding: Sequence[str] = HOLDING
        naming: Sequence[str] = NAMING
        if options.image_column is not None:
            holding = naming = [options.image_column]
        holds = next((name for name in holding if name in rows.binary and not _is_path(rows, name)), None)
        names = _first_text(rows, [name for name in naming if name != holds])
        if holds is not None and names is None:  # a path beside the image is its key
            names = _first_text(rows, [name for name in NAMING if name != holds])
        if holds is None and names is None:
            raise _no_images(path, rows, holding)
        label = label_column(path, rows, options)
        return cls(holds, names, label, text_column(path, rows, "key"))


def check_named(path: str, rows: Rows, options: SourceOptions) -> None:
    """Raises LookalikeError if a table does not have a column that an option names."""
    for flag, name in (("--image-column", options.image_column), ("--label-column", options.label_column)):
        if name is not None and name not in rows.columns:
            raise LookalikeError(
                f"{path} has no column {name!r} for {flag}: its columns are {some_names(rows.columns)}"
            )


def _first_text(rows: Rows, names: Sequence[str]) -> str | None:
    """The first of these columns that can hold paths."""
    for name in names:
        if name in rows.types:
            return name
        if isinstance(rows, ParquetRows) and name in rows.columns:
            if name in rows.nulls and not len(rows):  # pandas writes columns of no rows so
                rows.types[name] = "string"
                return name
            if _is_path(rows, name) and rows.as_text(name):
                return name
    return None


def _is_path(rows: Rows, name: str) -> bool:
    """Whether a column of bytes holds the names of files rather than images, by its first value."""
    if not isinstance(rows, ParquetRows):
        return False
    data = rows.first_bytes(name)
    if data is None:
        return name == "path" and name in rows.binary and not rows.type_of(name).startswith("struct")
    if len(data) > _LONGEST_PATH or any(byte < 32 for byte in data):
        return False
    return name == "path" or has_image_extension(os.fsdecode(data))


def text_column(path: str, rows: Rows, name: str, way_out: str = "") -> str | None:
    """`name` if the table has such a column with any value in it. Raises LookalikeError if it cannot be text.

    way_out: the end of that message.
    """
    if name not in rows.columns or name in rows.nulls:
        return None
    if name not in rows.types and not (isinstance(rows, ParquetRows) and rows.as_text(name)):
        raise LookalikeError(
            f"column {name!r} of {path} is {rows.type_of(name)}: keys, labels and names of files must be text or "
            f"numbers{way_out}"
        )
    return name


def label_column(path: str, rows: Rows, options: SourceOptions) -> str | None:
    """The column of labels, as `text_column` gives it."""
    return text_column(path, rows, options.label_column or "label", "; give another column with --label-column")


def unread_labels(columns: Sequence[str], options: SourceOptions) -> list[str]:
    """A sentence on the column that people probably mean by labels, where none is called so; none otherwise."""
    if options.label_column is not None or "label" in columns:
        return []
    meant = [name for folded in _LIKE_LABEL for name in columns if name.casefold() == folded]
    if not meant:
        return []
    return [f"{shown(meant[0])} was not used as labels: if it holds the labels, give {_flag(meant[0])}"]


def _flag(column: str) -> str:
    return f"--label-column {shown(shlex.quote(column))}"


def _no_images(path: str, rows: Rows, names: Sequence[str]) -> LookalikeError:
    """What to say where no column has images or their paths: that there is none, or of what type it is."""
    mistyped = next((name for name in names if name in rows.columns), None)
    if mistyped is None:
        return no_images(path, rows.columns, [name for name in rows.columns if name in {*rows.binary, *rows.types}])
    return LookalikeError(
        f"column {mistyped!r} of {path} is {rows.type_of(mistyped)}: images must be text (a path), encoded bytes, or "
        "a struct {bytes, path}; give another column with --image-column"
    )


def as_text(value: Any) -> str | None:
    """A cell as a key, path or label; None where it is empty. pandas writes whole numbers with gaps as floats."""
    if value is None or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    return text if text.strip() else None
