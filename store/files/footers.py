"""What the footer of a part says about it, read without its rows."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import Damaged, one_line
from .parts import empty_schema


class Footer(NamedTuple):
    """From a part's footer: the dimension of its vectors, its model (digest or None), its row count and its columns."""

    dim: int
    model: str | None
    rows: int
    schema: Any


def read_footer(path: Path, rows: int | None = None) -> Footer:
    """The footer of the part at `path`. Raises Damaged where it is not one of ours, or has another number of `rows`."""
    try:
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
        model = json.loads((schema.metadata or {})[b"lookalike"])["model"]
        dim = schema.field("vector").type.list_size
        problem = _problem(schema, dim, model)
    except (pa.ArrowException, OSError, KeyError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise Damaged(f"{path} is not a part of a collection: {one_line(error)}") from error
    if problem is None and rows not in (None, metadata.num_rows):
        problem = f"it has {metadata.num_rows} rows instead of {rows}"
    if problem is not None:
        raise Damaged(f"{path} is not a part of a collection: {problem}")
    return Footer(dim, model, metadata.num_rows, schema.remove_metadata())


def _problem(schema: Any, dim: int, model: Any) -> str | None:
    """What is wrong with our columns, in words."""
    if model is not None and not isinstance(model, str):
        return "its model is no digest"
    if len(set(schema.names)) < len(schema.names):
        return "two of its columns have one name"
    if schema.field("vector").type.value_type != pa.float32():
        return f"its vectors are {schema.field('vector').type}"
    for field in empty_schema(dim):
        if field.name != "vector" and field.name in schema.names and schema.field(field.name).type != field.type:
            return f"its column {field.name} is {schema.field(field.name).type} instead of {field.type}"
    return None
