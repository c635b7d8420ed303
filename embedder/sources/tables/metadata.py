"""`metadata.csv`, `metadata.jsonl` or `metadata.parquet` in a folder: Hugging Face's ImageFolder convention.

The column `file_name` (or the only one that ends in `_file_name`, or the one that `--image-column` names) names files
below the folder; a column `label`, or the one that `--label-column` names, decides for the files listed, and the other
columns are kept. A name stands for the file of that very name, or else of another form of it, see `other_forms`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from ....store.errors import LookalikeError
from ....store.shown import shown
from ..options import SourceOptions
from ..other_forms import Names, is_utf8, warn_of_encoding
from .columns import Rows, as_text, check_named, label_column, text_column, unread_labels
from .csv_rows import CsvRows
from .json_rows import JsonRows
from .no_table import another, explained, some_names
from .parquet_rows import ParquetRows

FILES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_OTHERS = (".json", ".ndjson", ".tsv", ".pq", ".xlsx", ".xls", ".ods")
_NAME = "file_name"


class Listed(NamedTuple):
    """What is said of a file. label: None for none. extra: its other columns."""

    label: str | None
    extra: dict[str, Any]


@dataclass(frozen=True)
class Metadata:
    """What is said of a folder's files. file: what it was read from, None where there is no such file.

    listed: by path below the folder. types: of the other columns. labelled: whether there is a column of labels. notes:
    sentences on what of it was not read.
    """

    file: str | None = None
    listed: dict[str, Listed] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    labelled: bool = False
    notes: tuple[str, ...] = ()


def metadata_file(root: str, options: SourceOptions) -> str | None:
    """The name of the metadata file in a folder, or None.

    Raises LookalikeError if there are several, and if there is none although a column is given.
    """
    there = [name for name in FILES if os.path.isfile(os.path.join(root, name))]
    if len(there) > 1:
        raise LookalikeError(f"source {root!r} has {' and '.join(there)}: keep only one of them")
    for flag, column in (("--image-column", options.image_column), ("--label-column", options.label_column)):
        if not there and column is not None:
            raise LookalikeError(
                f"source {root!r} is a folder without {', '.join(FILES[:-1])} or {FILES[-1]}, which {flag} does not "
                "apply to: leave it out"
            )
    return there[0] if there else None


def read_metadata(root: str, options: SourceOptions) -> Metadata:
    """Read the metadata file of a folder, if it has one. Raises LookalikeError if it cannot be used."""
    file = metadata_file(root, options)
    return Metadata() if file is None else _read(root, file, options)


def _read(root: str, file: str, options: SourceOptions) -> Metadata:
    path = os.path.join(root, file)
    with explained(path):
        rows = _rows(path, options)
        check_named(path, rows, options)
        name = _name_column(path, rows, options.image_column)
    label = label_column(path, rows, options)
    types = {column: kind for column, kind in rows.types.items() if column not in (name, label)}
    listed: dict[str, Listed] = {}
    foreign: dict[str, tuple[str, str]] = {}  # labels that are not UTF-8, by name of the file
    for number, row in enumerate(rows):
        where = f"{path} {rows.where(number)}: {name}"
        below = _below(as_text(row[name]) or "", where)
        if below in listed:
            raise LookalikeError(f"{where} {below!r} occurs twice")
        listed[below] = Listed(label and as_text(row[label]), {column: row[column] for column in types})
        if (text := listed[below].label) is not None and not is_utf8(text):
            foreign.setdefault(below, (text, rows.where(number)))
    _warn_of(root, path, foreign)
    labelled = (options.label_column or "label") in rows.columns
    notes = tuple(f"{file}: {note}" for note in unread_labels(rows.columns, options))
    return Metadata(file, _found(root, listed, path), types if listed else {}, labelled, notes)


def misnamed(root: str) -> Iterator[str]:
    """A sentence on each file in a folder that is called nearly as one that is read."""
    for name in sorted(os.listdir(root)):
        stem, ending = os.path.splitext(name.lower())
        if stem != "metadata" or name in FILES:
            continue
        if name.lower() in FILES:
            yield f"{shown(name)} was not read: name it {name.lower()}"
        elif ending in _OTHERS:
            yield f"{shown(name)} was not read: write it as {' or '.join(FILES)}"


def _rows(path: str, options: SourceOptions) -> Rows:
    if path.endswith(".csv"):
        return CsvRows(path, [options.image_column or _NAME])
    return JsonRows(path) if path.endswith(".jsonl") else ParquetRows(path, options.label_column or "label")


def _name_column(path: str, rows: Rows, named: str | None) -> str:
    """The column of the names of files; `named`: as asked for."""
    names = [name for name in rows.columns if name == _NAME or name.endswith(f"_{_NAME}")]
    if named is None and _NAME not in names and len(names) != 1:
        raise LookalikeError(
            f"{path} has no column {_NAME}; it has {some_names(rows.columns) or 'none'}: {another(rows.types)}"
        )
    name = named or (_NAME if _NAME in names else names[0])
    if text_column(path, rows, name) is None:
        raise LookalikeError(f"column {name!r} of {path} is empty: it must name files below the folder")
    return name


def _warn_of(root: str, path: str, foreign: dict[str, tuple[str, str]]) -> None:
    """Say that the file is not UTF-8, where the name of the first file with such a label does not say otherwise."""
    for name, (label, where) in islice(foreign.items(), 1):
        found = Names(root).find(name)
        if found is not None and is_utf8(found):
            warn_of_encoding(path, label, where)


def _below(name: str, where: str) -> str:
    """A name as a path below the folder. Raises LookalikeError if it leads out of it."""
    below = os.path.normpath(name)
    if below in (".", "..") or below.startswith(("/", "../")):
        raise LookalikeError(f"{where} {below!r} is not a file below the folder")
    return below


def _found(root: str, listed: dict[str, Listed], path: str) -> dict[str, Listed]:
    """The same by the names that the files have, where they have another form of the name listed."""
    names, found = Names(root), {}
    for name, said in listed.items():
        there = name
        if not (name.isascii() and name.isprintable() and "\\" not in name and name == name.strip()):
            there = _below(names.find(name) or name, f"{path}: {_NAME}")
        found[name if there in listed or there in found else there] = said
    return found
