"""Rejects: the images that could not be embedded, each with the stage and the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import Damaged, one_line
from ..files.content import RejectEntry
from ..files.escaped import escaped, escaped_array, unescaped_list
from ..files.new_files import parquet_bytes, publish_new
from ..foreign.table_trial import note_readable

if TYPE_CHECKING:
    from .store import Store

FOLDER = "rejects"
SCHEMA = pa.schema(
    [
        pa.field("key", pa.large_string(), nullable=False),
        pa.field("stage", pa.large_string(), nullable=False),
        pa.field("reason", pa.large_string(), nullable=False),
        pa.field("content_sha256", pa.large_string()),
    ]
)
_FIRM = [field.name for field in SCHEMA if not field.nullable]


@dataclass(frozen=True)
class Reject:
    """An image that was not embedded: its key, the stage that rejected it, the reason, its SHA-256 if it was read."""

    key: str
    stage: str
    reason: str
    content_sha256: str | None = None


def write_rejects(folder: Path, source: str, rejects: Sequence[Reject]) -> RejectEntry:
    """Publish `rejects` of one source as rejects/<name>.parquet in the collection `folder`; text is `escaped`."""
    texts = [(reject.key, reject.stage, reject.reason, reject.content_sha256) for reject in rejects]
    columns = [escaped_array(column) for column in zip(*texts, strict=True)] or [escaped_array([])] * len(SCHEMA)
    content = parquet_bytes(pa.table(columns, schema=SCHEMA), compression="zstd")
    file = publish_new(folder, FOLDER, ".parquet", content)
    note_readable(file.sha256)
    return RejectEntry(file.file, file.size, file.sha256, rows=len(rejects), source=source)


def read_rejects(store: "Store") -> Any:
    """All rejects of a version, an Arrow table: key, stage, reason, content_sha256, source; text is `escaped`.

    Raises Damaged where one of their files cannot be read.
    """
    tables = [SCHEMA.append(pa.field("source", pa.large_string())).empty_table()]
    store.pages.ensure_tables(store.content.rejects)
    for entry in store.content.rejects:
        path = store.file(entry)
        try:
            table = pq.read_table(path, schema=SCHEMA, partitioning=None)
        except (pa.ArrowException, OSError) as error:
            raise Damaged(f"{path} cannot be read: {one_line(error)}") from error
        if table.num_rows != entry.rows or any(table.column(name).null_count for name in _FIRM):
            raise Damaged(f"{path} does not hold {entry.rows} rejected images with key, stage and reason")
        tables.append(table.append_column("source", escaped_array([entry.source] * table.num_rows)))
    return pa.concat_tables(tables)


def first_rejects(store: "Store", source: str, most: int) -> list[tuple[str, str]]:
    """(key, reason) of the first `most` rejects of a source."""
    table = read_rejects(store)
    table = table.filter(pc.equal(table.column("source"), escaped(source))).slice(0, most)
    return list(zip(*(unescaped_list(table.column(name)) for name in ("key", "reason")), strict=True))
