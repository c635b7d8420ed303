import datetime
import decimal
import uuid

import numpy as np
import pyarrow as pa
import pytest

from lookalike.store.errors import LookalikeError
from lookalike.store.foreign.columns.text_columns import array_texts, is_text, kept_type, texts_of

ID = uuid.UUID(int=7)


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (pa.array(["a", None, ""]), ["a", None, None]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.array([7, None, 7]).dictionary_encode(), ["7", None, "7"]),
        (pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"]), ["a", "a", "b"]),
        (pa.array([1, None, -3], pa.int8()), ["1", None, "-3"]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([1.0, None, float("nan"), -0.0, 1e15]), ["1", None, None, "0", "1000000000000000"]),
        (pa.array([2.0, 1.5]), ["2", "1.5"]),
        (pa.array([3.0], pa.float32()), ["3"]),
        (pa.array(np.array([3.0], np.float16)), ["3"]),
        (pa.array([b"caf\xc3\xa9", b"\xff", None, b""]), ["café", "\udcff", None, None]),
        (pa.array([b"a"], pa.large_binary()), ["a"]),
        (pa.array([b"a"], pa.binary_view()), ["a"]),
        (pa.array([b"ab"], pa.binary(2)), ["ab"]),
        (pa.array([True, None, False]), ["True", None, "False"]),
        (pa.nulls(2), [None, None]),
        (pa.array([decimal.Decimal("1.50")]), ["1.50"]),
        (pa.array([datetime.date(2020, 1, 2)]), ["2020-01-02"]),
        (pa.array([ID.bytes, None], pa.uuid()), [str(ID), None]),
    ],
)
def test_every_kind_of_value_as_text(array, texts):
    assert is_text(array.type)
    assert texts_of(array) == texts


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.struct([("a", pa.string())]), pa.duration("s")])
def test_what_is_no_text(kind):
    assert not is_text(kind)
    assert kept_type(kind) is None


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (np.array(["a", "é", ""]), ["a", "é", None]),
        (np.array([b"a", b"\xff"]), ["a", "\udcff"]),
        (np.array([3, -1]), ["3", "-1"]),
        (np.array([3.0, np.nan]), ["3", None]),
        (np.array([True, False]), ["True", "False"]),
    ],
)
def test_arrays_of_numpy_as_text(values, texts):
    assert array_texts(values, "x") == texts


def test_objects_and_matrices_are_no_texts():
    with pytest.raises(LookalikeError, match="x holds Python objects, which are never loaded"):
        array_texts(np.array([None]), "x")
    with pytest.raises(LookalikeError, match=r"x has shape \(1, 2\) and dtype int64"):
        array_texts(np.zeros((1, 2), np.int64), "x")


def test_text_that_is_no_utf8_is_kept():
    column = pa.array([b"caf\xe9", b"ok"]).view(pa.string())
    assert texts_of(column) == ["caf\udce9", "ok"]
