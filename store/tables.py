"""A version as Arrow tables, part by part or whole, and in numbers."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from .errors import LookalikeError
from .manifest import manifest_path
from .parts import read_part

if TYPE_CHECKING:
    from .store import Store


def live_table(store: "Store", columns: Sequence[str] | None) -> Any:
    """All live rows as one Arrow table: `row`, then the named columns, or all."""
    return pa.concat_tables(live_tables(store, columns))


def live_tables(store: "Store", columns: Sequence[str] | None = None) -> Iterator[Any]:
    """The live rows of each part, ascending, after an empty table; all with one schema.

    A further column that only some sources have is null elsewhere, and text where sources disagree on its type.
    LookalikeError for a column that no part has.
    """
    schema = _schema(store)
    names = [n for n in (schema.names if columns is None else ["row", *columns]) if n != "row" or columns is None]
    names = ["row", *(n for n in names if n != "row")]
    for name in names:
        if name not in schema.names:
            raise LookalikeError(f"{store.path} has no column {name!r}: it has {', '.join(schema.names)}")
    schema = pa.schema([schema.field(name) for name in names])
    yield schema.empty_table()
    for number, entry in enumerate(store.content.parts):
        yield _part_table(store, number, schema) if entry.rows else schema.empty_table()


def _part_table(store: "Store", number: int, schema: Any) -> Any:
    """The live rows of one part, as `schema` wants them."""
    entry = store.content.parts[number]
    rows = store.layout.rows_of(number)
    path = store.file(entry)
    there = [name for name in schema.names if name in _part_schema(store, entry).names]
    table = read_part(path, there).append_column("row", pa.array(rows))
    for field in schema:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    table = table.select(schema.names).cast(schema).replace_schema_metadata(None)
    live = ~store.deleted.mask(rows)
    return table if live.all() else table.filter(pa.array(live))


def _part_schema(store: "Store", entry: Any) -> Any:
    """The columns of one part."""
    import pyarrow.parquet as pq

    return pq.read_schema(store.file(entry)).remove_metadata()


def _schema(store: "Store") -> Any:
    """`row` and the columns of all parts, in the order in which they first appear."""
    fields: dict[str, Any] = {"row": pa.field("row", pa.int64())}
    for entry in store.content.parts:
        for field in _part_schema(store, entry):
            held = fields.setdefault(field.name, field.with_nullable(True))
            if pa.types.is_null(held.type):
                fields[field.name] = field.with_nullable(True)
            elif held.type != field.type and not pa.types.is_null(field.type):
                fields[field.name] = pa.field(field.name, pa.large_string())
    return pa.schema(list(fields.values()))


def info(store: "Store") -> dict[str, Any]:
    """Version, dimension, counts of rows and classes, bytes of all files, model, and the version last calibrated on."""
    content = store.content
    manifest = manifest_path(store.path, store.version).stat().st_size
    return {
        "version": store.version,
        "dim": store.dim,
        "rows": store.rows,
        "deleted": store.deleted_count,
        "indexed": _indexed(store),
        "classes": len(store.classes),
        "rejects": sum(entry.rows for entry in content.rejects),
        "bytes": manifest + sum(entry.size for entry in store.manifest.files()),
        "model": None if store.model is None else store.model.digest,
        "calibrated_at": max((entry.version for entry in content.calibrations), default=None),
    }


def _indexed(store: "Store") -> int:
    """How many live rows are in a segment."""
    count = 0
    for segment in store.content.segments:
        if segment.row_map is not None:
            rows = store.pages.row_map(segment.row_map)
        else:
            rows = np.arange(segment.first_row, segment.first_row + segment.rows)
        count += int(store.live(rows).sum())
    return count
