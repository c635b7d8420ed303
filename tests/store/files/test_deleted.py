"""The bitmap against a Python set."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.store.errors import Damaged
from lookalike.store.files.deleted import Bitmap

ROWS = st.lists(st.integers(0, 300), max_size=40)


def rows(values) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@given(ROWS, ROWS, st.lists(st.integers(-5, 10_000), max_size=50), st.integers(0, 320), st.integers(0, 320))
def test_it_is_a_set(first, second, asked, start, stop):
    bitmap = Bitmap.empty().with_rows(rows(first)).with_rows(rows(second))
    held = set(first) | set(second)
    assert bitmap.count == len(held)
    assert bitmap.rows().tolist() == sorted(held)
    assert bitmap.mask(rows(asked)).tolist() == [row in held for row in asked]
    assert bitmap.between(start, stop).tolist() == [row in held for row in range(start, stop)]


def test_with_rows_leaves_the_old_one_alone():
    old = Bitmap.empty().with_rows(rows([1]))
    new = old.with_rows(rows([2, 2]))
    assert (old.rows().tolist(), new.rows().tolist(), new.count) == ([1], [1, 2], 2)


def test_it_comes_back_from_its_file(tmp_path):
    bitmap = Bitmap.empty().with_rows(rows([0, 9, 77]))
    entry = bitmap.save(tmp_path)
    again = Bitmap.load(tmp_path / entry.file)
    assert (again.rows().tolist(), again.count) == ([0, 9, 77], 3)
    assert (tmp_path / entry.file).stat().st_size == entry.size


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no bitmap at all"])
def test_another_file_is_damaged(tmp_path, content):
    (tmp_path / "b.npy").write_bytes(content)
    with pytest.raises(Damaged):
        Bitmap.load(tmp_path / "b.npy")
