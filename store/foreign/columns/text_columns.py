"""Keys and labels in columns of other tools: which types are suitable, and the text of each value.

The rules are those for a table of images: a whole number becomes its digits (also 3.0, as pandas writes integers with
gaps); NaN, null and empty are no value; times and decimals are as Arrow writes them. Bytes are text, as file names are.
"""

import os
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from ...errors import LookalikeError

TEXT_WORDS = "text, whole numbers or bytes"


def is_text(kind: Any) -> bool:
    """Whether values of this Arrow type can be keys or labels."""
    if isinstance(kind, pa.BaseExtensionType):
        return is_text(kind.storage_type)
    if pt.is_dictionary(kind) or pt.is_run_end_encoded(kind):
        return is_text(kind.value_type)
    if pt.is_duration(kind) or pt.is_interval(kind):
        return False
    plain = (pt.is_integer, pt.is_floating, pt.is_boolean, pt.is_temporal, pt.is_decimal, pt.is_null)
    return _is_string(kind) or _is_bytes(kind) or any(is_kind(kind) for is_kind in plain)


def texts_of(column: Any) -> list[str | None]:
    """The texts (or None) of an Arrow array whose type `is_text`."""
    if isinstance(column.type, pa.UuidType):
        return [None if value is None else str(value) for value in column.to_pylist()]
    column = plain_array(column)
    if pt.is_temporal(column.type) or pt.is_decimal(column.type):
        column = pc.cast(column, pa.string())
    return [text_of(value) for value in values_of(column)]


def values_of(column: Any) -> list[Any]:
    """The values of an array. Text that is not UTF-8, which Parquet does not check, is as `os.fsdecode` returns it."""
    if not _is_string(column.type):
        return list(column.to_pylist())
    stored = column.cast(pa.large_string()).cast(pa.large_binary())
    return [None if value is None else os.fsdecode(value) for value in stored.to_pylist()]


def text_of(value: Any) -> str | None:
    """One value as text; None for null, NaN and empty text, which mean no value."""
    if value is None or value == "" or value == b"" or value != value:
        return None
    if isinstance(value, bytes):
        return os.fsdecode(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def array_texts(values: NDArray[Any], what: str) -> list[str | None]:
    """The texts (or None) of a NumPy array (n,) of text, bytes, numbers or truth values.

    Raises LookalikeError for Python objects, which would need a pickle, and for other shapes and types.
    """
    if values.dtype.hasobject:
        raise LookalikeError(f"{what} holds Python objects, which are never loaded: save it as text, with .astype(str)")
    if values.ndim != 1 or values.dtype.kind not in "USiufb":
        raise LookalikeError(f"{what} has shape {values.shape} and dtype {values.dtype}: give one row of {TEXT_WORDS}")
    return [text_of(value) for value in values.tolist()]


def plain_array(column: Any) -> Any:
    """An Arrow array without extension type, dictionary and run lengths: the values as they are stored."""
    while True:
        if isinstance(column.type, pa.BaseExtensionType):
            column = column.storage
        elif pt.is_dictionary(column.type):
            column = column.dictionary_decode()
        elif pt.is_run_end_encoded(column.type):
            column = pc.run_end_decode(column)
        else:
            return column


def kept_type(kind: Any) -> Any:
    """The type in which a further column is kept: text, int64, double or bool; None where it cannot be kept."""
    if isinstance(kind, pa.BaseExtensionType):
        return None if isinstance(kind, pa.UuidType | pa.FixedShapeTensorType) else kept_type(kind.storage_type)
    if pt.is_dictionary(kind) or pt.is_run_end_encoded(kind):
        return kept_type(kind.value_type)
    if pt.is_boolean(kind):
        return pa.bool_()
    if pt.is_integer(kind):
        return pa.string() if pt.is_uint64(kind) else pa.int64()
    if pt.is_floating(kind):
        return pa.float64()
    if pt.is_duration(kind) or pt.is_interval(kind):  # Arrow writes neither as text
        return None
    text = _is_string(kind) or pt.is_temporal(kind) or pt.is_decimal(kind)
    return pa.string() if text else None


def _is_string(kind: Any) -> bool:
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _is_bytes(kind: Any) -> bool:
    kinds = (pt.is_binary, pt.is_large_binary, pt.is_fixed_size_binary, pt.is_binary_view)
    return any(is_kind(kind) for is_kind in kinds)
