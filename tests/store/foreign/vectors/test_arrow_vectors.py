import numpy as np
import pyarrow as pa
import pytest

from lookalike.store.errors import LookalikeError
from lookalike.store.foreign.vectors.arrow_vectors import dim_of, is_list, is_vector, matrix_of

ROWS = [[1, 2], [3, 4], [5, 6]]
FIXED = pa.array(ROWS, pa.list_(pa.float32(), 2))


def tensors(*shape):
    return pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), shape), FIXED)


@pytest.mark.parametrize("number", [pa.float16(), pa.float32(), pa.float64(), pa.int8(), pa.uint8(), pa.int64()])
@pytest.mark.parametrize(
    "of", [pa.list_, pa.large_list, pa.list_view, pa.large_list_view, lambda number: pa.list_(number, 2)]
)
def test_lists_of_every_kind_and_number(of, number):
    column = pa.array(ROWS, of(number))
    assert is_list(column.type) and is_vector(column.type)
    for array, rows in ((column, ROWS), (column.slice(1, 2), ROWS[1:])):
        matrix = matrix_of(array, None, "x", 0)
        assert matrix.dtype.kind == "f"
        np.testing.assert_array_equal(matrix, rows)


@pytest.mark.parametrize("column", [tensors(2), tensors(1, 2), tensors(2, 1)])
def test_tensors_of_one_dimension(column):
    assert is_list(column.type) and dim_of(column.type) == 2
    np.testing.assert_array_equal(matrix_of(column, 2, "x", 0), ROWS)


def test_structs_of_numbers():
    column = pa.array([{"a": 1.5, "b": 2}, {"a": 3.0, "b": 4}])
    assert is_vector(column.type) and not is_list(column.type) and dim_of(column.type) == 2
    np.testing.assert_array_equal(matrix_of(column, 2, "x", 0), [[1.5, 2], [3, 4]])
    with pytest.raises(LookalikeError, match="x, row 11 has a null among its numbers"):
        matrix_of(pa.array([{"a": 1.0, "b": 4}, {"a": None, "b": 4}]), 2, "x", 10)


@pytest.mark.parametrize("of", [pa.list_, pa.large_list, pa.list_view, lambda number: pa.list_(number, 2)])
@pytest.mark.parametrize(("row", "why"), [(None, "is null"), ([1, None], "has a null among its numbers")])
def test_nulls_are_named_by_row(of, row, why):
    with pytest.raises(LookalikeError, match=f"x, row 12 {why}"):
        matrix_of(pa.array([[1, 2], [1, 2], row, [1, 2]], of(pa.float32())), 2, "x", 10)


@pytest.mark.parametrize("of", [pa.list_, pa.large_list, pa.list_view, pa.large_list_view])
def test_ragged_rows_are_named(of):
    with pytest.raises(LookalikeError, match="x, row 1 has 3 dimensions, the first row has 2"):
        matrix_of(pa.array([[1, 2], [1, 2, 3]], of(pa.float32())), None, "x", 0)


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.list_(pa.bool_()),
        pa.list_(pa.list_(pa.float32())),
        pa.struct([]),
        pa.struct([("a", pa.string())]),
        pa.fixed_shape_tensor(pa.float32(), (2, 2)),
        pa.float32(),
        pa.binary(),
    ],
)
def test_what_holds_no_vectors(kind):
    assert not is_vector(kind)
