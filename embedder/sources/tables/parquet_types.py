"""What the types of a Parquet file's columns stand for, whoever wrote it.

Extension types and dictionaries count as what they store. Text may also be stored as bytes (Spark, Impala and others
write it so), which `texts` reads as UTF-8.
"""

import os
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt


def stored_type(kind: Any) -> Any:
    """The type of the values themselves."""
    while isinstance(kind, pa.BaseExtensionType) or pt.is_dictionary(kind):
        kind = kind.value_type if pt.is_dictionary(kind) else kind.storage_type
    return kind


def is_bytes(kind: Any) -> bool:
    """Whether a column holds bytes, in any of the ways that Arrow has."""
    if _is_uuid(kind):
        return False
    kind = stored_type(kind)
    tests = (pt.is_binary, pt.is_large_binary, pt.is_binary_view, pt.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def is_null(kind: Any) -> bool:
    """Whether a column never holds a value: what pandas writes of None alone."""
    return bool(pt.is_null(stored_type(kind)))


def holds_images(kind: Any) -> bool:
    """Whether a column may hold encoded images: bytes, or Hugging Face's struct {bytes, path}.

    Of the struct one field may be missing, or never hold a value: pandas writes images that are all paths so.
    """
    kind = stored_type(kind)
    if not pt.is_struct(kind):
        return is_bytes(kind)
    fields = {field.name: field.type for field in kind}
    data, path = fields.get("bytes", pa.null()), fields.get("path", pa.null())
    named = kept_as(path) == "string" or is_bytes(path)
    return is_bytes(data) or (is_null(data) and named)


def kept_as(kind: Any) -> str | None:
    """What a column is kept as; None where it is left out (nested, bytes, a time span, only nulls)."""
    if _is_uuid(kind):
        return "string"
    kind = stored_type(kind)
    if pt.is_boolean(kind):
        return "bool"
    if pt.is_integer(kind):
        return "string" if pt.is_uint64(kind) else "int64"
    if pt.is_floating(kind):
        return "double"
    if pt.is_duration(kind) or pt.is_interval(kind):  # Arrow writes neither as text
        return None
    if pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind):
        return "string"
    return "string" if pt.is_temporal(kind) or pt.is_decimal(kind) else None


def plain(column: Any) -> Any:
    """An Arrow array without dictionary or extension type."""
    while isinstance(column.type, pa.BaseExtensionType) or pt.is_dictionary(column.type):
        column = column.dictionary_decode() if pt.is_dictionary(column.type) else column.storage
    return column


def values(column: Any, kind: str) -> list[Any]:
    """The values of a column that is kept as `kind`, as Python has them; bytes are text, decoded as file names are."""
    if _is_uuid(column.type):
        return [None if value is None else str(value) for value in column.to_pylist()]
    column = plain(column)
    if is_bytes(column.type):
        return [None if value is None else os.fsdecode(value) for value in column.to_pylist()]
    return list(pc.cast(column, pa.type_for_alias(kind)).to_pylist())


def _is_uuid(kind: Any) -> bool:
    return isinstance(kind, pa.UuidType)
