"""Every kind of file gives the same rows in blocks; what is wrong with one is said by file, column and row."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.store.errors import LookalikeError
from lookalike.store.files.parts import Rows, write_part
from lookalike.store.foreign.columns.named_columns import Columns
from lookalike.store.foreign.vectors.readers import count_lines, open_vectors, read_lines


def save_npy(path, matrix):
    np.save(path, matrix)


def save_fortran(path, matrix):
    np.save(path, np.asfortranarray(matrix))


def save_fvecs(path, matrix):
    lengths = np.full((len(matrix), 1), matrix.shape[1], dtype="<i4").view("<f4")
    np.hstack([lengths, matrix]).astype("<f4").tofile(path)


def save_hdf5(path, matrix, name="train"):
    import h5py

    with h5py.File(path, "w") as file:
        file["a_first"] = matrix[:, :1]
        file["numbers"] = np.zeros((2, 2), dtype=np.int32)
        file[name] = matrix


def vector_column(rows, kind=None):
    return pa.array([None if row is None else list(row) for row in rows], kind or pa.list_(pa.float32()))


def save_parquet(path, matrix, kind=None, **columns):
    pq.write_table(pa.table({"vector": vector_column(matrix, kind), **columns}), path, row_group_size=7)


def save_fixed(path, matrix):
    save_parquet(path, matrix, pa.list_(pa.float32(), matrix.shape[1]))


def read(path, size=5):
    return np.concatenate([block.vectors for block in open_vectors(path).blocks(size)])


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("x.npy", save_npy),
        ("x.NPY", save_fortran),
        ("x.fvecs", save_fvecs),
        ("x.hdf5", save_hdf5),
        ("x.h5", save_hdf5),
        ("x.parquet", save_parquet),
        ("y.parquet", save_fixed),
    ],
)
@pytest.mark.parametrize("n", [1, 5, 23])
def test_every_format_gives_the_same_rows(tmp_path, units, name, save, n):
    with open(tmp_path / name, "wb") as file:
        save(file if save in (save_npy, save_fortran) else tmp_path / name, units(n, 4))
    vectors = open_vectors(tmp_path / name)
    assert vectors.rows == n
    np.testing.assert_array_equal(read(tmp_path / name), units(n, 4))
    assert max(len(block.vectors) for block in vectors.blocks(5)) <= 5
    assert vectors.dim == 4
    assert vectors.model is None


@pytest.mark.parametrize("dtype", ["<f2", "<f8", ">f4"])
def test_other_floats_are_read(tmp_path, dtype):
    matrix = np.array([[0.5, -2.0], [1.0, 4.0]], dtype=dtype)
    np.save(tmp_path / "x.npy", matrix)
    np.testing.assert_array_equal(read(tmp_path / "x.npy"), matrix)
    native = matrix.astype(matrix.dtype.newbyteorder("="))
    kind = pa.list_(pa.from_numpy_dtype(native.dtype))
    save_parquet(tmp_path / "x.parquet", native, kind)
    np.testing.assert_array_equal(read(tmp_path / "x.parquet"), matrix)


@pytest.mark.parametrize(
    ("name", "save"), [("x.npy", save_npy), ("x.fvecs", save_fvecs), ("x.hdf5", save_hdf5), ("x.parquet", save_parquet)]
)
def test_no_rows_are_valid(tmp_path, name, save):
    save(tmp_path / name, np.zeros((0, 4), dtype=np.float32))
    assert open_vectors(tmp_path / name).rows == 0
    assert list(open_vectors(tmp_path / name).blocks(5)) == []


@pytest.mark.parametrize("ending", ["npy", "parquet", "hdf5", "fvecs"])
def test_truncation_anywhere_is_refused_or_leaves_whole_rows(tmp_path, units, ending):
    whole = tmp_path / f"whole.{ending}"
    {"npy": save_npy, "parquet": save_parquet, "hdf5": save_hdf5, "fvecs": save_fvecs}[ending](whole, units(9, 3))
    data = whole.read_bytes()
    for size in range(0, len(data), max(1, len(data) // 60)):
        (tmp_path / f"cut.{ending}").write_bytes(data[:size])
        try:
            rows = read(tmp_path / f"cut.{ending}") if open_vectors(tmp_path / f"cut.{ending}").rows else units(0, 3)
        except LookalikeError as error:
            assert f"cut.{ending}" in str(error)
            assert "\n" not in str(error)
        else:
            assert ending == "fvecs"  # the one format that does not tell how many rows it should have
            np.testing.assert_array_equal(rows, units(9, 3)[: len(rows)])


def test_keys_and_labels_of_a_parquet(tmp_path, units):
    label = pa.array(["x", None, "y"]).dictionary_encode()
    save_parquet(tmp_path / "x.parquet", units(3), key=pa.array([1, 20, -3]), label=label, more=pa.array([1, 2, 3]))
    (block,) = open_vectors(tmp_path / "x.parquet").blocks(10)
    assert block.keys == ["1", "20", "-3"]
    assert block.labels == ["x", None, "y"]


def test_columns_of_none_are_no_keys_and_no_labels(tmp_path, units):
    save_parquet(tmp_path / "x.parquet", units(3), key=pa.nulls(3), label=pa.nulls(3), more=pa.nulls(3))
    vectors = open_vectors(tmp_path / "x.parquet")
    (block,) = vectors.blocks(10)
    assert (block.keys, block.labels, block.extra, vectors.left_out) == (None, [None] * 3, None, [])
    with pytest.raises(LookalikeError, match="column 'key', row 0 is null: every row needs one"):
        list(open_vectors(tmp_path / "x.parquet", Columns(key="key")).blocks(10))


def test_a_part_is_read_with_its_model_and_its_text_unescaped(tmp_path, units):
    entry = write_part(tmp_path, Rows.of_vectors(["a\udcff", "b"], units(2), ["%uDCFF", None], "s"), "digest")
    vectors = open_vectors(tmp_path / entry.file)
    (block,) = vectors.blocks(10)
    assert (vectors.model, vectors.dim, block.keys, block.labels) == ("digest", 8, ["a\udcff", "b"], ["%uDCFF", None])
    np.testing.assert_array_equal(block.vectors, units(2))


def test_text_of_other_parquet_files_is_taken_as_it_is(tmp_path, units):
    save_parquet(tmp_path / "x.parquet", units(1), key=pa.array(["%uDCFF"]))
    (block,) = open_vectors(tmp_path / "x.parquet").blocks(10)
    assert block.keys == ["%uDCFF"]


ONE = [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"key": ["a"]}, "has no column 'vector', and none that is a list of numbers: its columns are key (string)"),
        ({"vector": ["text"]}, "column 'vector' is string: vectors are a list of numbers"),
        ({"vector": [1.0]}, "column 'vector' is double"),
        ({"vector": [["x"]]}, "column 'vector' is list<element: string>"),
        ({"vector": ONE, "key": [{"a": 1}]}, "column 'key' is struct<a: int64>: keys are text"),
        (
            {"vector": ONE, "label": [["x"]]},
            "column 'label' is list<element: string>: labels are text, whole numbers or bytes",
        ),
        ({"vector": ONE * 8, "key": [*list("abcdefg"), None]}, "column 'key', row 7 is null"),
        ({"vector": [*ONE * 8, [1.0]]}, "column 'vector', row 8 has 1 dimensions, the first row has 2"),
        ({"vector": [*ONE * 8, None]}, "column 'vector', row 8 is null"),
        ({"vector": [*ONE * 8, [None, 1.0]]}, "column 'vector', row 8 has a null among its numbers"),
    ],
)
def test_bad_columns_are_named(tmp_path, columns, problem):
    pq.write_table(pa.table(columns), tmp_path / "bad.parquet")
    with pytest.raises(LookalikeError) as error:
        list(open_vectors(tmp_path / "bad.parquet").blocks(5))
    assert problem in str(error.value)
    assert "bad.parquet" in str(error.value)


@pytest.mark.parametrize("value", [None, [None, 1.0]])
def test_nulls_in_lists_of_fixed_size_are_named(tmp_path, value):
    table = pa.table({"vector": pa.array([*ONE * 6, value, *ONE], pa.list_(pa.float32(), 2))})
    pq.write_table(table, tmp_path / "bad.parquet")
    with pytest.raises(LookalikeError, match="column 'vector', row 6 "):
        list(open_vectors(tmp_path / "bad.parquet").blocks(5))


@pytest.mark.parametrize(
    ("matrix", "problem"),
    [
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((3, 0)), r"shape \(3, 0\)"),
        (np.zeros((3, 2), dtype=bool), "dtype bool: give float16, float32, float64 or integers"),
        (np.zeros((3, 2), dtype=np.complex64), "dtype complex64"),
        (np.array([["a"]]), "dtype <U1"),
        (
            np.array([[None]]),
            "not a whole .npy file of numbers: it holds Python objects .a pickle., which are never loaded",
        ),
    ],
)
def test_bad_arrays_are_refused(tmp_path, matrix, problem):
    np.save(tmp_path / "bad.npy", matrix, allow_pickle=True)
    with pytest.raises(LookalikeError, match=problem):
        open_vectors(tmp_path / "bad.npy")


def test_a_row_of_another_length_in_fvecs_is_named(tmp_path, units):
    save_fvecs(tmp_path / "bad.fvecs", units(9, 3))
    data = np.fromfile(tmp_path / "bad.fvecs", dtype="<i4")
    data[7 * 4] = 2
    data.tofile(tmp_path / "bad.fvecs")
    with pytest.raises(LookalikeError, match="row 7 has 2 dimensions, the first has 3"):
        list(open_vectors(tmp_path / "bad.fvecs").blocks(5))


@pytest.mark.parametrize("content", [b"", b"\1", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\2\0\0\0" * 4])
def test_other_bytes_are_no_fvecs(tmp_path, content):
    (tmp_path / "bad.fvecs").write_bytes(content)
    if not content:
        assert open_vectors(tmp_path / "bad.fvecs").rows == 0
        return
    with pytest.raises(LookalikeError, match="not a whole"):
        open_vectors(tmp_path / "bad.fvecs")


def test_the_dataset_is_chosen_by_name_then_by_order(tmp_path, units):
    save_hdf5(tmp_path / "a.h5", units(4, 3), name="vectors")
    np.testing.assert_array_equal(read(tmp_path / "a.h5"), units(4, 3))
    save_hdf5(tmp_path / "b.h5", units(4, 3), name="group/b")
    np.testing.assert_array_equal(read(tmp_path / "b.h5"), units(4, 3)[:, :1])


def test_hdf5_without_a_matrix_is_refused(tmp_path):
    import h5py

    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["ids"] = np.arange(3)
    with pytest.raises(LookalikeError, match="no 2-D dataset of floats"):
        open_vectors(tmp_path / "x.h5")


def test_hdf5_without_h5py_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "x.h5").touch()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(LookalikeError, match=r"lookalike\[hdf5\]"):
        open_vectors(tmp_path / "x.h5")


def test_reading_other_files_does_not_load_h5py():
    code = "import lookalike.store.changing.ingest, sys; raise SystemExit('h5py' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("x", "is not a file of vectors"),
        ("x.CSV", "is text, which loses digits.*numpy.save"),
        ("x.jsonl", "is text"),
        ("x.pkl", "a pickle, which could run code.*never loaded"),
        ("x.pt", "never loaded"),
        ("x.npy.gz", "is compressed: unpack it first"),
        ("x.ivecs", "holds lists of neighbours, not vectors"),
        ("x.faiss", "is an index"),
        ("", "is a folder: give one file"),
    ],
)
def test_unknown_endings_are_refused_with_what_to_do(tmp_path, name, why):
    with pytest.raises(LookalikeError, match=rf"{why}.*; accepted are \.npy, \.fvecs, \.bvecs, \.parquet"):
        open_vectors(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "columns", "instead"),
    [("x.npy", Columns(key="id"), "--keys FILE"), ("x.fvecs", Columns(vector="v"), "leave out --vector-column")],
)
def test_a_matrix_has_no_columns_to_name(tmp_path, units, name, columns, instead):
    {"x.npy": save_npy, "x.fvecs": save_fvecs}[name](tmp_path / name, units(3))
    with pytest.raises(LookalikeError, match=f"one matrix.*{instead}"):
        open_vectors(tmp_path / name, columns)


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i4", ">i8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_integers_are_read_as_floats(tmp_path, dtype, order):
    matrix = np.array([[0, 100], [3, 4], [12, 5]], dtype=dtype, order=order)
    np.save(tmp_path / "x.npy", matrix)
    assert read(tmp_path / "x.npy", 2).dtype.kind == "f"
    np.testing.assert_array_equal(read(tmp_path / "x.npy", 2), matrix)


def test_bvecs_are_rows_of_bytes(tmp_path):
    matrix = np.array([[0, 200, 7], [1, 2, 255]], dtype=np.uint8)
    lengths = np.full((2, 1), 3, dtype="<i4").view(np.uint8)
    np.hstack([lengths, matrix]).tofile(tmp_path / "x.bvecs")
    np.testing.assert_array_equal(read(tmp_path / "x.bvecs"), matrix)


def test_what_is_not_there_is_said(tmp_path):
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(LookalikeError, match=r"none\.npy: no such file"):
        open_vectors(tmp_path / "none.npy")
    with pytest.raises(LookalikeError, match="it is not a file but a folder: import each file in it"):
        open_vectors(tmp_path / "folder.npy")


def test_an_archive_is_no_matrix(tmp_path, units):
    np.savez(tmp_path / "x.npz", units(2))
    (tmp_path / "x.npz").rename(tmp_path / "x.npy")
    with pytest.raises(LookalikeError, match="archive of arrays"):
        open_vectors(tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"a\nb\n", ["a", "b"]),
        (b"a\r\n\nb", ["a", "", "b"]),
        (b"\xef\xbb\xbfa b\tc\n\xff\n", ["a b\tc", "\udcff"]),
        ("a\u2028b\x0cc\n".encode(), ["a\u2028b\x0cc"]),
        (b"\n", [""]),
    ],
)
def test_lines(tmp_path, data, lines):
    (tmp_path / "keys").write_bytes(data)
    assert list(read_lines(tmp_path / "keys")) == lines
    assert count_lines(tmp_path / "keys") == len(lines)


def test_a_missing_text_file_is_said(tmp_path):
    for read_it in (lambda path: list(read_lines(path)), count_lines):
        with pytest.raises(LookalikeError, match=r"cannot read .*none"):
            read_it(tmp_path / "none")


@pytest.mark.filterwarnings("ignore")  # of the parser, about what damage makes of a header
@pytest.mark.parametrize("save", [save_npy, save_fortran])
def test_any_damage_of_a_npy_header_is_one_line_or_harmless(tmp_path, units, save):
    save(tmp_path / "whole.npy", units(9, 3))
    whole = (tmp_path / "whole.npy").read_bytes()
    damaged = tmp_path / "x.npy"
    refused = 0
    for at in range(128):
        for value in (0, 9, 10, *b"'(),:L\\{}#0 ", 0x80, 0xFF, whole[at] ^ 1, whole[at] ^ 32):
            damaged.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            try:
                list(open_vectors(damaged).blocks(4))
            except LookalikeError as error:
                refused += 1
                assert "x.npy" in str(error) and "\n" not in str(error)
    assert refused > 500
