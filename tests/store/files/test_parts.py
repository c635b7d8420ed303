"""A part read by plain pyarrow, and by its memory map, equals what was written."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.store.errors import Damaged, LookalikeError
from lookalike.store.files import parts
from lookalike.store.files.escaped import unescaped_list
from lookalike.store.files.parts import Rows, lookup_columns, map_vectors, read_part, write_part
from lookalike.store.files.runs import COLUMNS


@pytest.mark.parametrize(("n", "d"), [(1, 1), (3, 5), (1000, 64), (70_000, 3)])
def test_the_map_and_pyarrow_read_the_same_vectors(tmp_path, units, n, d):
    vectors = units(n, d)
    entry = write_part(tmp_path, Rows.of_vectors([str(i) for i in range(n)], vectors, None, "s"), None)
    read = pq.read_table(tmp_path / entry.file).column("vector").combine_chunks()
    np.testing.assert_array_equal(np.asarray(read.flatten()).reshape(n, d), vectors)
    some = np.arange(n)[::-3]
    mapped = np.take(map_vectors(tmp_path / entry.file, entry, d), some, axis=0).view(np.float32)
    np.testing.assert_array_equal(mapped, vectors[some])
    assert (entry.rows, entry.first_row, entry.size) == (n, -1, (tmp_path / entry.file).stat().st_size)


def test_every_column_is_kept(tmp_path, units):
    extra = pa.table({"price": [1.5, None], "label": ["x", "y"], "tags": [["a"], []], "source_label": [1, 2]})
    sha = "ab" * 32
    rows = Rows(["a\udcff", "b\n"], units(2), ["shoe", None], [sha, None], [3, None], [4, None], "/p", [5, None],
                [6, None], extra)  # fmt: skip
    entry = write_part(tmp_path, rows, "digest")
    table = read_part(tmp_path / entry.file)
    assert table.column_names[:9] == [
        "key", "label", "vector", "content_sha256", "width", "height", "source", "file_size", "file_mtime_ns",
    ]  # fmt: skip
    assert unescaped_list(table.column("key").combine_chunks()) == ["a\udcff", "b\n"]
    kept = table.drop(["key", "vector"]).to_pylist()
    assert kept[0] == {"label": "shoe", "content_sha256": sha, "width": 3, "height": 4, "source": "/p", "file_size": 5,
                       "file_mtime_ns": 6, "price": 1.5, "source_label": 1, "source_source_label": "x",
                       "tags": ["a"]}  # fmt: skip
    assert [v for k, v in kept[1].items() if v is None and k != "price"] == [None] * 6
    assert json.loads(table.schema.metadata[b"lookalike"]) == {"format": 1, "model": "digest"}


def test_lookup_columns_hold_what_the_writer_needs(part_rows):
    table = lookup_columns(part_rows(["a", "b"], ["x", None]))
    assert tuple(table.column_names) == COLUMNS
    assert table.column("source").to_pylist() == ["s", "s"]
    assert table.column("label").to_pylist() == ["x", None]


@pytest.mark.parametrize("keys", [["a", "b", "a"], ["a", "", "b"]])
def test_doubled_and_empty_keys_are_refused(part_rows, keys):
    with pytest.raises(LookalikeError, match=r"'a' appears twice, in rows 0 and 2|row 1 has an empty key"):
        part_rows(keys)


def test_columns_of_different_lengths_are_refused(units):
    with pytest.raises(ValueError, match="different lengths"):
        Rows.of_vectors(["a"], units(2), None, "s")


@pytest.mark.parametrize("shift", [-4, -1, 1, 4])
def test_a_file_that_does_not_map_back_is_not_published(tmp_path, part_rows, monkeypatch, shift):
    right = parts._vector_offset
    monkeypatch.setattr(parts, "_vector_offset", lambda *a: right(*a) + shift)
    with pytest.raises(LookalikeError, match="pyarrow"):
        write_part(tmp_path, part_rows(["a", "b"]), None)
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_short_file_is_not_mapped(tmp_path, part_rows):
    entry = write_part(tmp_path, part_rows(["a", "b"]), None)
    with pytest.raises(Damaged):
        map_vectors(tmp_path / entry.file, entry, 4096)


def test_garbage_is_damaged(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no PAR1")
    with pytest.raises(Damaged):
        read_part(tmp_path / "x.parquet")
