"""What a part says of itself in its footer, without reading its rows."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from .errors import Damaged


class Footer(NamedTuple):
    """Of a part: the dimension of its vectors, its model (digest or None), its number of rows, and its columns."""

    dim: int
    model: str | None
    rows: int
    schema: Any


def read_footer(path: Path) -> Footer:
    """The footer of the part at `path`; Damaged where it has none of ours."""
    try:
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
        model = json.loads((schema.metadata or {})[b"lookalike"])["model"]
        return Footer(schema.field("vector").type.list_size, model, metadata.num_rows, schema.remove_metadata())
    except (pa.ArrowException, OSError, KeyError, ValueError, AttributeError, TypeError) as error:
        raise Damaged(f"{path} is not a part of a collection: {error}") from error
