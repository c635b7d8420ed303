"""A version as Arrow tables, part by part or as a whole, and its statistics."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import LookalikeError, one_line
from ..files.content import MovedSource, PartEntry
from ..files.manifest import manifest_path
from ..files.parts import FIRM, empty_schema, read_part
from ..foreign.vectors.block import BLOCK
from ..record import Record
from .extra_names import RESERVED
from .moved import renamed_column
from .sources import source_counts
from .store import Store

_NOTED = ("file_size", "file_mtime_ns")


def live_table(store: Store, columns: Sequence[str] | None = None) -> Any:
    """All live rows as one Arrow table: `row`, then the named columns, or all."""
    return pa.concat_tables(live_tables(store, columns))


def column_names(store: Store) -> list[str]:
    """The stored columns of all parts: `row`, then the others in the order in which they first appear."""
    return list(_schema(store, store.content.parts).names)


def held_names(store: Store) -> list[str]:
    """The further columns of all parts of a collection, in the order in which they first appear."""
    names: dict[str, None] = {}
    store.pages.ensure_tables(store.content.parts)
    for entry in store.content.parts:
        names.update(dict.fromkeys(store.pages.footer(entry).schema.names))
    return [name for name in names if name not in RESERVED]


def live_tables(
    store: Store,
    columns: Sequence[str] | None = None,
    parts: Sequence[int] | None = None,
    *,
    as_stored: bool = False,
) -> Iterator[Any]:
    """The live rows of each part (or of those numbered in `parts`), after an empty table; all with one schema.

    A further column that only some sources have is null elsewhere, and text where sources disagree on its type.
    as_stored: keep the stored names of sources that have moved, for parts that are rewritten. Raises LookalikeError for
    a column that no part has.
    """
    numbers = range(len(store.content.parts)) if parts is None else parts
    schema = _schema(store, [store.content.parts[number] for number in numbers])
    names = ["row", *(n for n in (schema.names if columns is None else columns) if n != "row")]
    for name in names:
        if name not in schema.names:
            raise LookalikeError(f"{store.path} has no column {name!r}: it has {', '.join(schema.names)}")
    schema = pa.schema([schema.field(name) for name in names])
    yield schema.empty_table()
    for number in numbers:
        yield _part_table(store, number, schema, () if as_stored else store.content.moved)


def _part_table(store: Store, number: int, schema: Any, moved: Sequence[MovedSource]) -> Any:
    """The live rows of one part, with the columns of `schema`."""
    entry = store.content.parts[number]
    rows = store.layout.rows_of(number)
    path = store.file(entry)
    there = set(store.pages.footer(entry).schema.names)
    table = read_part(path, [name for name in schema.names if name in there]).append_column("row", pa.array(rows))
    for field in schema:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    try:
        columns = [_cast(table.column(field.name), field.type) for field in schema]
        table = pa.table(columns, schema=schema)
    except (pa.ArrowException, ValueError) as error:
        raise LookalikeError(f"{path} does not fit the other parts of {store.path}: {one_line(error)}") from error
    live = ~store.deleted.mask(rows)
    table = _noted(store, table if live.all() else table.filter(pa.array(live)), rows[live])
    at = table.schema.get_field_index("source")
    if at < 0 or not moved:
        return table
    return table.set_column(at, table.schema.field(at), renamed_column(table.column(at), rows[live], moved))


def _noted(store: Store, table: Any, rows: NDArray[np.int64]) -> Any:
    """The table with the file sizes and mtimes that were noted for its `rows` after its part was written."""
    for name in _NOTED:
        at = table.schema.get_field_index(name)
        if at >= 0:
            values = pa.chunked_array([store.lookups.numbers(name, rows)])
            known = pc.if_else(pc.equal(values, -1), table.column(at), values)
            table = table.set_column(at, table.schema.field(at), known)
    return table


def whole_table(store: Store, parts: Sequence[int]) -> Any:
    """All rows of parts with the same columns, deleted ones included, without row numbers."""
    return pa.concat_tables([read_part(store.file(store.content.parts[number])) for number in parts]).combine_chunks()


def _schema(store: Store, parts: Sequence[PartEntry]) -> Any:
    """`row` and the columns of the parts, in the order in which they first appear."""
    kinds: dict[str, dict[Any, list[PartEntry]]] = {"row": {pa.int64(): []}}
    if not parts:
        kinds |= {field.name: {field.type: []} for field in empty_schema(store.dim)}
    store.pages.ensure_tables(parts)
    for entry in parts:
        for field in store.pages.footer(entry).schema:
            kinds.setdefault(field.name, {}).setdefault(field.type, []).append(entry)
    firm = ("row", *FIRM)
    return pa.schema(
        [pa.field(name, _common(store, name, of), nullable=name not in firm) for name, of in kinds.items()]
    )


def _common(store: Store, name: str, kinds: dict[Any, list[PartEntry]]) -> Any:
    """The type for a column of these types: the wider one where it represents every value exactly, otherwise text."""
    common, *others = kinds
    try:
        for kind in others:
            pair = [pa.schema([pa.field(name, each)]) for each in (common, kind)]
            common = pa.unify_schemas(pair, promote_options="permissive").field(0).type
        for kind, entries in kinds.items():
            for entry in entries if kind != common else ():
                column = read_part(store.file(entry), [name]).column(name)
                if not column.cast(common).cast(kind).equals(column):
                    return pa.large_string()
    except pa.ArrowException:
        return pa.large_string()
    return common


def _cast(column: Any, kind: Any) -> Any:
    """A column as another type; as text also types that Arrow does not convert to text, such as lists."""
    try:
        return column.cast(kind)
    except pa.ArrowException:
        if kind != pa.large_string():
            raise
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], kind)


@dataclass(frozen=True, eq=False)
class SourceInfo(Record):
    """A source of a collection.

    Attributes
    ----------
    source : str
        The absolute path of the folder or file, or "add" for rows that came from memory.
    rows : int
        How many live rows came from it.
    reachable : bool or None
        Whether it can be read now; None for rows that came from memory.
    """

    source: str
    rows: int
    reachable: bool | None


@dataclass(frozen=True, eq=False)
class CollectionInfo(Record):
    """What a collection holds at one version.

    Attributes
    ----------
    version : int
        The version that this describes.
    dim : int or None
        Dimension of the vectors; None where the collection never held one.
    rows, deleted, indexed : int
        Live rows, removed rows that are still in the files, and live rows that the index covers.
    classes : int
        Distinct labels.
    rejects : int
        Images of the sources that could not be read.
    bytes : int
        Size of all files of this version.
    model : str or None
        Digest of the model that made the vectors; None for vectors that came without one.
    calibrated_at : int or None
        The version at which a threshold was chosen last.
    sources : tuple of SourceInfo
        Where the rows came from.
    """

    version: int
    dim: int | None
    rows: int
    deleted: int
    indexed: int
    classes: int
    rejects: int
    bytes: int
    model: str | None
    calibrated_at: int | None
    sources: tuple[SourceInfo, ...]


def info(store: Store) -> CollectionInfo:
    """What the version of `store` holds, and whether its sources can be read now."""
    content = store.content
    manifest = manifest_path(store.path, store.version).stat().st_size
    return CollectionInfo(
        version=store.version,
        dim=store.dim,
        rows=store.rows,
        deleted=store.deleted_count,
        indexed=_indexed(store),
        classes=len(store.classes),
        rejects=sum(entry.rows for entry in content.rejects),
        bytes=manifest + sum(entry.size for entry in store.manifest.files()),
        model=None if store.model is None else store.model.digest,
        calibrated_at=max((entry.version for entry in content.calibrations), default=None),
        sources=tuple(SourceInfo(source, rows, reachable(source)) for source, rows in source_counts(store).items()),
    )


def reachable(source: str) -> bool | None:
    """Whether a source's folder or file can be read now; None for rows that came from memory.

    An empty folder counts as unreachable, since a disk that is not mounted leaves one.
    """
    if not os.path.isabs(source):
        return None
    try:
        with os.scandir(source) as entries:
            return next(entries, None) is not None
    except NotADirectoryError:
        return os.access(source, os.R_OK)
    except (OSError, ValueError):  # a name with a null byte
        return False


def _indexed(store: Store) -> int:
    """How many live rows are in a segment."""
    count = 0
    for segment in store.content.segments:
        if segment.row_map is None:
            count += store.layout.count_live(segment.first_row, segment.first_row + segment.rows)
            continue
        rows = store.pages.row_map(segment.row_map)
        for start in range(0, len(rows), BLOCK):
            count += int(store.live(rows[start : start + BLOCK]).sum())
    return count
