"""Vectors in an Arrow column of any kind: lists, tensors of one dimension, structs of numbers."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from ...errors import LookalikeError
from ..columns.text_columns import plain_array
from .block import as_floats

VECTOR_WORDS = "a list of numbers"
_LISTS = (pt.is_list, pt.is_large_list, pt.is_fixed_size_list, pt.is_list_view, pt.is_large_list_view)


def is_vector(kind: Any) -> bool:
    """Whether a column of this Arrow type can hold vectors."""
    kind = _storage(kind)
    if pt.is_struct(kind):
        return kind.num_fields > 0 and all(_is_number(kind.field(i).type) for i in range(kind.num_fields))
    return is_list(kind)


def is_list(kind: Any) -> bool:
    """Whether a type is lists, or tensors of one dimension, of numbers: the usual types of a column of vectors."""
    kind = _storage(kind)
    return any(is_kind(kind) for is_kind in _LISTS) and _is_number(kind.value_type)


def dim_of(kind: Any) -> int | None:
    """The dimension that the type itself fixes; None where each row could have its own."""
    kind = _storage(kind)
    if pt.is_struct(kind):
        return int(kind.num_fields)
    return int(kind.list_size) if pt.is_fixed_size_list(kind) else None


def matrix_of(column: Any, dim: int | None, what: str, first: int) -> NDArray[Any]:
    """The vectors of a column whose type `is_vector`, (m, d) of floats; integers become float64.

    dim: d; None lets this column's first row decide. Raises LookalikeError, which names `what` and the row counted from
    `first`, for a null, for a null among the numbers, and for another length.
    """
    column = plain_array(column)
    _refuse(pc.is_null(column), what, first, "is null: every row needs a vector")
    if pt.is_struct(column.type):
        return as_floats(np.column_stack([_numbers(child, what, first) for child in column.flatten()]))
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    dim = int(lengths[0]) if dim is None else dim
    other = lengths != dim
    if other.any():
        row = int(other.argmax())
        _refuse(other, what, first, f"has {lengths[row]} dimensions, the first row has {dim}")
    values = column.flatten()
    if values.null_count:
        nulls = pc.is_null(values).to_numpy(zero_copy_only=False).reshape(len(column), dim)
        _refuse(nulls.any(axis=1), what, first, "has a null among its numbers: remove or repair it")
    return as_floats(values.to_numpy(zero_copy_only=False).reshape(len(column), dim))


def _numbers(child: Any, what: str, first: int) -> NDArray[Any]:
    _refuse(pc.is_null(child), what, first, "has a null among its numbers: remove or repair it")
    numbers: NDArray[Any] = child.to_numpy(zero_copy_only=False)
    return numbers


def _storage(kind: Any) -> Any:
    """The type below dictionaries and tensors of one dimension; other tensors stay as they are and are not lists."""
    while True:
        if isinstance(kind, pa.FixedShapeTensorType) and sum(size != 1 for size in kind.shape) <= 1:
            kind = kind.storage_type
        elif pt.is_dictionary(kind) or pt.is_run_end_encoded(kind):
            kind = kind.value_type
        else:
            return kind


def _is_number(kind: Any) -> bool:
    return bool(pt.is_floating(kind) or pt.is_integer(kind))


def _refuse(wrong: Any, what: str, first: int, why: str) -> None:
    wrong = np.asarray(wrong)
    if wrong.any():
        raise LookalikeError(f"{what}, row {first + int(wrong.argmax())} {why}")
