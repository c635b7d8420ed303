import numpy as np
import pyarrow as pa
import pytest

from lookalike.store.errors import LookalikeError
from lookalike.store.files.escaped import unescaped_list
from lookalike.store.foreign.columns.named_columns import Columns
from lookalike.store.foreign.vectors.array_files import Npz
from lookalike.store.foreign.vectors.matrix_files import Hdf5


def all_of(file, size=2):
    blocks = list(file.blocks(size))
    keys = None if blocks[0].keys is None else [key for block in blocks for key in block.keys]
    labels = None if blocks[0].labels is None else [label for block in blocks for label in block.labels]
    return np.concatenate([block.vectors for block in blocks]), keys, labels


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8", "u1"])
def test_one_array_is_the_vectors(tmp_path, save, order, dtype):
    matrix = np.arange(10).reshape(5, 2).astype(dtype, order=order)
    save(tmp_path / "x.npz", matrix)
    file = Npz(tmp_path / "x.npz")
    assert (file.rows, file.dim, file.left_out) == (5, 2, [])
    vectors, keys, labels = all_of(file)
    np.testing.assert_array_equal(vectors, matrix)
    assert vectors.dtype.kind == "f" and keys is labels is None


def test_keys_and_labels_lie_beside_the_vectors(tmp_path, units):
    np.savez(tmp_path / "x.npz", vectors=units(3), keys=np.array(["a", "é", "c"]), labels=np.array([1.0, np.nan, 2]))
    vectors, keys, labels = all_of(Npz(tmp_path / "x.npz"))
    np.testing.assert_array_equal(vectors, units(3))
    assert (keys, labels) == (["a", "é", "c"], ["1", None, "2"])


def test_arrays_of_other_names_are_asked_for(tmp_path, units):
    arrays = {"a": units(3), "b": units(3) * 2, "ids": np.array([b"x", b"y", b"z"]), "one_hot": np.eye(3, dtype=int)}
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(
        LookalikeError, match=r"has 2 matrices: name one with --vector-column: a \(float32 \(3, 8\)\), b"
    ):
        Npz(tmp_path / "x.npz")
    file = Npz(tmp_path / "x.npz", Columns(vector="b", key="ids"))
    np.testing.assert_array_equal(all_of(file)[0], arrays["b"])
    assert all_of(file)[1] == ["x", "y", "z"]
    assert file.left_out == ["a", "one_hot"]
    with pytest.raises(LookalikeError, match="has no array 'emb': name one with --vector-column; these could serve: a"):
        Npz(tmp_path / "x.npz", Columns(vector="emb"))
    with pytest.raises(
        LookalikeError, match=r"array 'one_hot' is int64 \(3, 3\): labels are text.* one for each vector"
    ):
        Npz(tmp_path / "x.npz", Columns(vector="b", label="one_hot"))


FURTHER = {
    "price": np.array([1.5, np.nan, 2], ">f4"),
    "count": np.array([1, 2, 3], np.uint8),
    "name": np.array(["a", "é", ""]),
    "raw": np.array([b"a", b"\xff", b"c"]),
    "new": np.array([True, False, True]),
}
AS_KEPT = [[1.5, None, 2], [1, 2, 3], ["a", "é", ""], ["a", "\udcff", "c"], [True, False, True]]


def test_further_arrays_of_a_value_for_each_vector_are_kept(tmp_path, units):
    when = np.array(["2020-01-02", "NaT", "2021-03-04"], "M8[D]")
    np.savez(tmp_path / "x.npz", vectors=units(3), when=when, mean=np.zeros(8), one_hot=np.eye(3, dtype=int), **FURTHER)
    file = Npz(tmp_path / "x.npz")
    table = pa.concat_tables(block.extra for block in file.blocks(2))
    assert file.left_out == ["mean", "one_hot"] and set(table.column_names) == {"when", *FURTHER}
    assert table.column("when").to_pylist() == ["2020-01-02", None, "2021-03-04"]
    assert_kept(table)


def assert_kept(table):
    columns = [table.column(name).to_pylist() for name in FURTHER]
    columns[3] = unescaped_list(table.column("raw"))
    columns[0][1] = None if np.isnan(columns[0][1]) else "a number"
    assert columns == AS_KEPT
    assert [str(table.column(name).type) for name in FURTHER] == ["double", "int64", "string", "string", "bool"]


def test_further_datasets_of_hdf5_are_kept(tmp_path, units):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["vectors"] = units(3)
        for name, values in FURTHER.items():
            file[name] = values.astype(object) if name == "name" else values
    assert_kept(pa.concat_tables(block.extra for block in Hdf5(tmp_path / "x.h5").blocks(2)))


def test_objects_are_refused_by_name_and_never_loaded(tmp_path, units):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    trap = np.array([Trap(), 1, 2], dtype=object)
    np.savez(tmp_path / "keys.npz", vectors=units(3), keys=trap)
    np.savez(tmp_path / "only.npz", trap)
    np.savez(tmp_path / "beside.npz", units(3), other=trap)
    with pytest.raises(LookalikeError, match="array 'keys' holds Python objects, which are never loaded"):
        list(Npz(tmp_path / "keys.npz").blocks(2))
    with pytest.raises(LookalikeError, match="array arr_0 holds Python objects, which are never loaded"):
        Npz(tmp_path / "only.npz")
    beside = Npz(tmp_path / "beside.npz")
    assert beside.left_out == ["other"]
    np.testing.assert_array_equal(all_of(beside)[0], units(3))
    assert not (tmp_path / "sprung").exists()


def test_an_empty_key_is_named(tmp_path, units):
    np.savez(tmp_path / "x.npz", vectors=units(3), keys=np.array(["a", "b", ""]))
    with pytest.raises(LookalikeError, match="array 'keys', row 2 is empty"):
        list(Npz(tmp_path / "x.npz").blocks(2))


@pytest.mark.filterwarnings("ignore")  # of the header's parser
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_any_damage_of_an_archive_is_one_line_or_harmless(tmp_path, units, save):
    save(tmp_path / "whole.npz", units(9, 3))
    whole = (tmp_path / "whole.npz").read_bytes()
    refused = 0
    cuts = [whole[:size] for size in range(0, len(whole), 7)]
    for data in cuts + [whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :] for at in range(len(whole))]:
        (tmp_path / "x.npz").write_bytes(data)
        try:
            np.testing.assert_array_equal(all_of(Npz(tmp_path / "x.npz"))[0], units(9, 3))
        except LookalikeError as error:
            refused += 1
            assert "x.npz" in str(error) and "\n" not in str(error)
    assert refused > len(whole) // 2


def test_datasets_of_hdf5_are_named_too(tmp_path, units):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["group/emb"], file["other"] = units(3), units(3)[:, :2]
        file["keys"] = ["a", "é", "c"]
        file["kind"] = np.array([b"x", b"y", b""])
        file["labels"] = np.eye(3)
    columns = Columns(vector="group/emb", label="kind")
    vectors, keys, labels = all_of(Hdf5(tmp_path / "x.h5", columns))
    np.testing.assert_array_equal(vectors, units(3))
    assert (keys, labels) == (["a", "é", "c"], ["x", "y", None])
    with pytest.raises(LookalikeError, match="has no dataset 'nope': name one with --key-column"):
        Hdf5(tmp_path / "x.h5", Columns(vector="group/emb", key="nope"))
