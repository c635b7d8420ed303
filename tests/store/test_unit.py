"""unit_rows against a row-by-row loop in exact arithmetic, and its refusals."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lookalike.store.errors import LookalikeError
from lookalike.store.unit import unit_rows

FINITE = {"allow_nan": False, "allow_infinity": False}
MATRICES = st.sampled_from([np.float16, np.float32, np.float64]).flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=hnp.from_dtype(np.dtype(dtype), **FINITE)
    )
)


def naive(row) -> list[float]:
    largest = max(abs(float(x)) for x in row)
    scaled = [float(x) / largest for x in row]
    length = math.sqrt(math.fsum(x * x for x in scaled))
    return [x / length for x in scaled]


@given(MATRICES)
def test_normalised_rows_equal_a_naive_loop(matrix):
    matrix[:, 0] += matrix.dtype.type(1) * (np.abs(matrix).max(axis=1) == 0)
    got = unit_rows(matrix, normalise=True)
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    np.testing.assert_allclose(got, [naive(row) for row in matrix], rtol=2e-7, atol=1e-44)


@given(MATRICES)
def test_unit_rows_come_back_bit_for_bit(matrix):
    matrix[:, 0] += matrix.dtype.type(1) * (np.abs(matrix).max(axis=1) == 0)
    once = unit_rows(matrix, normalise=True)
    np.testing.assert_array_equal(unit_rows(once).view(np.int32), once.view(np.int32))


@pytest.mark.parametrize("d", [2, 3, 64])
def test_many_unit_rows_come_back_bit_for_bit(d):
    once = unit_rows(np.random.default_rng(d).standard_normal((30_000, d)), normalise=True)
    np.testing.assert_array_equal(unit_rows(once), once)


def test_rows_nearly_of_length_one_are_renormalised():
    rows = np.array([[0.6, 0.8], [0.6 * 1.0009, 0.8 * 1.0009], [0.6 * 0.9991, 0.8 * 0.9991]])
    np.testing.assert_allclose(unit_rows(rows), [[0.6, 0.8]] * 3, rtol=1e-7)


def test_the_result_does_not_depend_on_blocks_or_memory_order():
    rows = np.random.default_rng(1).standard_normal((20_000, 5)).astype(np.float32)
    whole = unit_rows(rows, normalise=True)
    np.testing.assert_array_equal(whole, np.concatenate([unit_rows(r[None], normalise=True) for r in rows]))
    np.testing.assert_array_equal(whole, unit_rows(np.asfortranarray(rows), normalise=True))


def test_the_input_is_not_altered():
    rows = np.array([[3.0, 4.0]])
    unit_rows(rows, normalise=True)
    assert rows.tolist() == [[3.0, 4.0]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("normalise", [False, True])
def test_nan_and_infinity_are_refused_by_number(value, normalise):
    rows = np.eye(3)
    rows[2, 0] = value
    with pytest.raises(LookalikeError, match=r"^row 12 holds NaN or infinity"):
        unit_rows(rows, normalise=normalise, first=10)


def test_zero_is_refused_even_to_normalise():
    with pytest.raises(LookalikeError, match=r"^query 1 is all zeros"):
        unit_rows(np.array([[1.0], [0.0]]), normalise=True, what="query")


@pytest.mark.parametrize("length", [0.9989, 1.0011, 5.5, 1e300])
def test_another_length_is_refused_and_says_what_works(length):
    rows = np.array([[1.0, 0.0], [length, 0.0]])
    with pytest.raises(
        LookalikeError, match=rf"^row 1 has length {re.escape(format(length, 'g'))}, not 1: .*--normalise"
    ):
        unit_rows(rows)


def test_the_first_wrong_row_beyond_a_block_is_named():
    rows = np.ones((40_000, 1), dtype=np.float32)
    rows[33_333] = 2
    with pytest.raises(LookalikeError, match="row 33333 has length 2,"):
        unit_rows(rows)


@pytest.mark.parametrize(
    ("matrix", "problem"),
    [
        (np.ones((2, 3), dtype=np.int32), "dtype int32"),
        (np.ones((2, 3), dtype=bool), "dtype bool"),
        (np.ones((2, 3), dtype=np.complex64), "dtype complex64"),
        (np.array([["a"]]), "dtype <U1"),
        (np.array([[None]]), "dtype object"),
        (np.ones(3), r"shape \(3,\)"),
        (np.ones((1, 1, 1)), r"shape \(1, 1, 1\)"),
        (np.ones((4, 0)), r"shape \(4, 0\)"),
        (np.ones((1, 3)), "3 dimensions: they must have 4"),
        ([[1.0, 2.0], [1.0]], "do not form a matrix"),
    ],
)
def test_other_shapes_and_types_are_refused(matrix, problem):
    with pytest.raises(LookalikeError, match=problem):
        unit_rows(matrix, normalise=True, dim=4 if problem.startswith("3") else None)


def test_no_rows_are_valid():
    assert unit_rows(np.zeros((0, 7))).shape == (0, 7)
