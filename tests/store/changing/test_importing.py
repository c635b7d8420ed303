"""Imports against a dict: any file, imported any number of times, in commits of any size."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.store.changing import importing
from lookalike.store.changing.importing import import_vectors
from lookalike.store.changing.ingest import add, remove
from lookalike.store.changing.writer import writing
from lookalike.store.errors import LookalikeError, LookalikeWarning
from lookalike.store.upkeep.compact import compact
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.conditions.where import where
from lookalike.store.version.export import export
from lookalike.store.version.store import Store
from lookalike.store.version.tables import column_names

UNIT = {i: np.eye(4, dtype=np.float32)[i] for i in range(4)}
ROW = st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([None, "x", "y"]), st.integers(0, 3))
FILE = st.lists(ROW, max_size=8, unique_by=lambda row: row[0])


def save(path, rows) -> None:
    """rows: (key, label, which unit vector)."""
    columns = {
        "key": pa.array([row[0] for row in rows], pa.string()),
        "label": pa.array([row[1] for row in rows], pa.string()),
        "vector": pa.array([UNIT[row[2]].tolist() for row in rows], pa.list_(pa.float32())),
    }
    pq.write_table(pa.table(columns), path)


def held(path) -> dict:
    """All live rows as {key: (label, which unit vector)}; a key lives once."""
    with Store.open(path) as store:
        rows = store.live_rows()
        which = store.gather(rows).argmax(axis=1).tolist() if len(rows) else []
        keys = store.keys(rows)
        assert len(set(keys)) == len(keys) == store.rows
        return dict(zip(keys, zip(store.labels(rows), which, strict=True), strict=True))


@given(st.lists(FILE, min_size=1, max_size=4), st.booleans())
@settings(deadline=None, max_examples=15)
def test_any_imports_of_one_file_equal_a_dict(files, in_pieces):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if in_pieces:
            patch.setattr(importing, "BLOCK", 3)
            patch.setattr(importing, "AT_ONCE", 1)
        expected: dict = {}
        for rows in files:
            save(f"{folder}/x.parquet", rows)
            counts = import_vectors(f"{folder}/shop", f"{folder}/x.parquet")
            new = {row[0]: row[1:] for row in rows}
            same = sum(expected.get(key) == value for key, value in new.items())
            added = len(new.keys() - expected.keys())
            assert counts == {
                "seen": len(rows), "added": added, "skipped": same, "replaced": len(rows) - added - same
            }  # fmt: skip
            expected |= new
            assert held(f"{folder}/shop") == expected


@pytest.fixture
def small_pieces(monkeypatch):
    """Commits of 12 rows, in parts of 4."""
    monkeypatch.setattr(importing, "BLOCK", 4)
    monkeypatch.setattr(importing, "AT_ONCE", 12)


def test_vectors_without_keys_are_named_by_their_number(tmp_path, units):
    np.save(tmp_path / "x.npy", units(5))
    seen = []
    counts = import_vectors(tmp_path / "shop", tmp_path / "x.npy", progress=lambda *said: seen.append(said))
    assert counts == {"seen": 5, "added": 5, "replaced": 0, "skipped": 0}
    assert seen == [(5, 5, "rows")]
    with Store.open(tmp_path / "shop") as store:
        assert store.keys(store.live_rows()) == ["0", "1", "2", "3", "4"]
        np.testing.assert_array_equal(store.gather(store.live_rows()), units(5))
        assert store.facts(store.live_rows()).source == [str(tmp_path / "x.npy")] * 5


def test_importing_again_makes_no_version(tmp_path, units):
    np.save(tmp_path / "x.npy", units(5) * 3)
    import_vectors(tmp_path / "shop", tmp_path / "x.npy", normalise=True)
    os.symlink(tmp_path / "x.npy", tmp_path / "link.npy")
    for name in ("x.npy", "link.npy"):
        counts = import_vectors(tmp_path / "shop", tmp_path / name, normalise=True)
        assert counts == {"seen": 5, "added": 0, "replaced": 0, "skipped": 5}
    with Store.open(tmp_path / "shop") as store:
        assert store.version == 2


def test_keys_and_labels_of_text_files(tmp_path, units):
    np.save(tmp_path / "x.npy", units(3))
    (tmp_path / "keys").write_bytes(b"a\nb\xff\nc")
    (tmp_path / "labels").write_text("x\n\ny\n")
    import_vectors(tmp_path / "shop", tmp_path / "x.npy", keys=tmp_path / "keys", labels=tmp_path / "labels")
    with Store.open(tmp_path / "shop") as store:
        rows = store.live_rows()
        assert store.keys(rows) == ["a", "b\udcff", "c"]
        assert store.labels(rows) == ["x", None, "y"]


def test_an_export_comes_back_bit_for_bit(tmp_path, units):
    Store.create(tmp_path / "one")
    add(tmp_path / "one", units(50), [f"k\udc80{i}" for i in range(50)], ["x"] * 50)
    with Store.open(tmp_path / "one") as one:
        import_vectors(tmp_path / "two", one.path / one.content.parts[0].file)
        with Store.open(tmp_path / "two") as two:
            rows = two.live_rows()
            assert two.keys(rows) == one.keys(one.live_rows())
            np.testing.assert_array_equal(two.gather(rows), units(50))


def test_an_export_names_its_model_and_no_other_takes_it_in(tmp_path, units):
    for name, digest in (("one", "a1"), ("two", "b2")):
        with Store.create(tmp_path / name) as empty, writing(empty) as writer:
            writer.set_model(digest, units(1).shape[1], "fp32", {"encoder.json": b"{}", "encoder.safetensors": b""})
            writer.commit()
        add(tmp_path / name, units(5), [f"{name}\udc80{i}" for i in range(5)], ["x"] * 5)
        with Store.open(tmp_path / name) as store:
            export(store, tmp_path / f"{name}.parquet")
    with pytest.raises(LookalikeError, match=r"one\.parquet holds vectors of model a1, and .*two of model b2"):
        import_vectors(tmp_path / "two", tmp_path / "one.parquet")
    import_vectors(tmp_path / "three", tmp_path / "one.parquet")
    with Store.open(tmp_path / "three") as three:
        assert three.keys(three.live_rows()) == [f"one\udc80{i}" for i in range(5)]
    # A collection without a model remembers whose vectors it holds.
    with pytest.raises(LookalikeError, match=r"two\.parquet holds vectors of model b2, and .*three of model a1"):
        import_vectors(tmp_path / "three", tmp_path / "two.parquet")
    with Store.open(tmp_path / "three") as three, writing(three) as writer:
        writer.delete(three.live_rows()[:1])
        writer.commit()
    with Store.open(tmp_path / "three") as three, writing(three) as writer:
        compact(writer)
        writer.commit()
    with pytest.raises(LookalikeError, match=r"model b2, and .*three of model a1"):
        import_vectors(tmp_path / "three", tmp_path / "two.parquet")
    assert [problem for _, problem in verify(tmp_path / "three") if problem] == []


def test_what_is_not_taken_is_said(tmp_path, units):
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(units(3).reshape(-1)), units(3).shape[1])
    tags, photo = [["x"], [], None], [b"x", b"y", b"z"]
    table = pa.table({"key": ["a", "b", "c"], "vector": vectors, "price": [1, 2, 3], "tags": tags, "photo": photo})
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.warns(LookalikeWarning, match=r"x\.parquet: only keys, labels.* not imported: 'tags', 'photo'$"):
        import_vectors(tmp_path / "shop", tmp_path / "x.parquet")
    with Store.open(tmp_path / "shop") as shop:
        export(shop, tmp_path / "ours.parquet")
    import_vectors(tmp_path / "again", tmp_path / "ours.parquet")  # a warning would fail the test


def test_vectors_of_nobody_knows_which_model_are_taken_with_a_word(tmp_path, units):
    with Store.create(tmp_path / "shop") as empty, writing(empty) as writer:
        writer.set_model("a" * 64, units(1).shape[1], "fp32", {"encoder.json": b"{}"})
        writer.commit()
    np.save(tmp_path / "x.npy", units(3))
    with pytest.warns(LookalikeWarning, match=r"x\.npy does not say which model made its vectors.*a{64}"):
        import_vectors(tmp_path / "shop", tmp_path / "x.npy")


@pytest.mark.parametrize("text", ["keys", "labels"])
def test_as_many_lines_as_rows_are_wanted(tmp_path, units, text):
    np.save(tmp_path / "x.npy", units(3))
    (tmp_path / "text").write_text("a\nb\n")
    with pytest.raises(LookalikeError, match=r"text has 2 lines, but .*x\.npy has 3 rows"):
        import_vectors(tmp_path / "shop", tmp_path / "x.npy", **{text: tmp_path / "text"})
    assert not (tmp_path / "shop").exists()


def test_large_files_are_committed_on_the_way(tmp_path, units, small_pieces):
    np.save(tmp_path / "x.npy", units(40))
    import_vectors(tmp_path / "shop", tmp_path / "x.npy", commit_every=1e9)
    with Store.open(tmp_path / "shop") as store:
        assert (store.version, store.rows, len(store.content.parts)) == (5, 40, 10)
        np.testing.assert_array_equal(store.gather(store.find([str(i) for i in range(40)])), units(40))
    import_vectors(tmp_path / "slow", tmp_path / "x.npy", commit_every=0)
    with Store.open(tmp_path / "slow") as store:
        assert (store.version, store.rows) == (11, 40)


@pytest.mark.parametrize("again", [2, 9, 30, 39])
def test_a_doubled_key_is_refused_wherever_it_comes(tmp_path, units, small_pieces, again):
    """In the same block, in rows staged, in rows committed: never are there two live rows of a key."""
    np.save(tmp_path / "x.npy", units(40))
    keys = [str(i) for i in range(40)]
    keys[again] = "1"
    (tmp_path / "keys").write_text("\n".join(keys))
    with pytest.raises(LookalikeError, match=rf"key '1' appears twice, .*{again}"):
        import_vectors(tmp_path / "shop", tmp_path / "x.npy", keys=tmp_path / "keys")
    assert (tmp_path / "shop").exists() == (again > 12)  # what was committed on the way stays
    if again > 12:
        with Store.open(tmp_path / "shop") as store:
            named = store.keys(store.live_rows())
            assert len(set(named)) == len(named) and 0 < store.rows <= again


@pytest.mark.parametrize("again", [9, 30])
@pytest.mark.parametrize("changed", [False, True])
def test_a_doubled_key_is_refused_among_rows_that_were_there(tmp_path, units, small_pieces, again, changed):
    np.save(tmp_path / "x.npy", units(40))
    import_vectors(tmp_path / "shop", tmp_path / "x.npy")
    np.save(tmp_path / "x.npy", units(40, seed=int(changed)))
    keys = [str(i) for i in range(40)]
    keys[again] = "1"
    (tmp_path / "keys").write_text("\n".join(keys))
    with pytest.raises(LookalikeError, match=f"key '1' appears twice, the second time in row {again}"):
        import_vectors(tmp_path / "shop", tmp_path / "x.npy", keys=tmp_path / "keys")
    with Store.open(tmp_path / "shop") as store:
        assert store.rows == 40


def test_a_small_file_is_imported_whole_or_not_at_all(tmp_path, units, monkeypatch):
    monkeypatch.setattr(importing, "BLOCK", 4)
    vectors = units(40)
    vectors[33] = np.nan
    np.save(tmp_path / "x.npy", vectors)
    with pytest.raises(LookalikeError, match=r"x\.npy: row 33 holds NaN"):
        import_vectors(tmp_path / "shop", tmp_path / "x.npy", commit_every=0)
    assert not (tmp_path / "shop").exists()
    vectors[33] = units(1)[0]
    np.save(tmp_path / "x.npy", vectors)
    assert import_vectors(tmp_path / "shop", tmp_path / "x.npy")["added"] == 40


def test_a_file_that_cannot_be_read_makes_no_collection(tmp_path, units):
    np.save(tmp_path / "x.npy", units(3) * 2)
    for name in ("x.npy", "none.npy"):
        with pytest.raises(LookalikeError):
            import_vectors(tmp_path / "shop", tmp_path / name)
    assert not (tmp_path / "shop").exists()


def test_a_refused_import_leaves_a_collection_as_it_was(tmp_path, units):
    np.save(tmp_path / "x.npy", units(3))
    import_vectors(tmp_path / "shop", tmp_path / "x.npy")
    Store.create(tmp_path / "empty").close()
    np.save(tmp_path / "x.npy", units(3) * np.nan)
    for name, version, rows in (("shop", 2, 3), ("empty", 1, 0)):
        with pytest.raises(LookalikeError, match="row 0 holds NaN"):
            import_vectors(tmp_path / name, tmp_path / "x.npy")
        with Store.open(tmp_path / name) as store:
            assert (store.version, store.rows) == (version, rows)


def test_a_key_of_another_source_is_refused(tmp_path, units):
    np.save(tmp_path / "x.npy", units(3))
    np.save(tmp_path / "y.npy", units(3))
    import_vectors(tmp_path / "shop", tmp_path / "x.npy")
    with pytest.raises(LookalikeError, match=r"y\.npy: key '0', row 0, belongs to .*x\.npy in .*shop"):
        import_vectors(tmp_path / "shop", tmp_path / "y.npy")
    remove(tmp_path / "shop", ["0", "1", "2"])
    assert import_vectors(tmp_path / "shop", tmp_path / "y.npy")["added"] == 3


def test_another_dimension_is_refused(tmp_path, units):
    np.save(tmp_path / "x.npy", units(3))
    np.save(tmp_path / "y.npy", units(3, 5))
    import_vectors(tmp_path / "shop", tmp_path / "x.npy")
    with pytest.raises(LookalikeError, match=r"5 dimensions, but those of .*shop have 8"):
        import_vectors(tmp_path / "shop", tmp_path / "y.npy")


def test_another_model_of_the_same_dimension_is_refused_with_both_digests(tmp_path, part_rows):
    from lookalike.store.files.parts import write_part

    theirs = write_part(tmp_path, part_rows(["b"]), "b" * 64)
    ours = write_part(tmp_path, part_rows(["a"]), "a" * 64)
    with Store.create(tmp_path / "shop") as store, writing(store) as writer:
        writer.set_model("a" * 64, 8, "fp32", {"encoder.json": b"{}"})
        writer.commit()
    with pytest.raises(LookalikeError, match=r"parquet holds vectors of model b{64}, and .*shop of model a{64}"):
        import_vectors(tmp_path / "shop", tmp_path / theirs.file)
    assert import_vectors(tmp_path / "shop", tmp_path / ours.file)["added"] == 1


def test_no_rows_make_an_empty_collection(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((0, 3)))
    assert import_vectors(tmp_path / "shop", tmp_path / "x.npy") == {"seen": 0, "added": 0, "replaced": 0, "skipped": 0}
    with Store.open(Path(tmp_path / "shop")) as store:
        assert store.rows == 0


def test_further_columns_are_told_apart_whatever_file_they_come_from(tmp_path):
    for name, column in (("a", "Price"), ("b", "price")):
        table = pa.table({"key": [name], "vector": pa.array([UNIT[0].tolist()], pa.list_(pa.float32())), column: [2.5]})
        pq.write_table(table, tmp_path / f"{name}.parquet")
        import_vectors(tmp_path / "c", tmp_path / f"{name}.parquet")
    with Store.open(tmp_path / "c") as store:
        assert [name for name in column_names(store) if "rice" in name] == ["Price"]
        assert where(store, "PRICE = 2.5").sum() == 2
    assert import_vectors(tmp_path / "c", tmp_path / "b.parquet")["skipped"] == 1


def test_a_file_that_was_renamed_is_told_from_another(tmp_path, units):
    np.save(tmp_path / "a.npy", units(3))
    import_vectors(tmp_path / "c", tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", units(4))
    with pytest.raises(LookalikeError, match="rename it, or remove those rows first"):
        import_vectors(tmp_path / "c", tmp_path / "b.npy")
    (tmp_path / "a.npy").unlink()
    with pytest.raises(LookalikeError, match=r"if that file has moved, run `lookalike move .*a\.npy .*b\.npy`"):
        import_vectors(tmp_path / "c", tmp_path / "b.npy")


def test_labels_that_mean_no_label_elsewhere_stay_and_are_said_once(tmp_path):
    save(tmp_path / "x.parquet", [("a", "-1", 0), ("b", "nan", 1), ("c", "cat", 2)])
    with pytest.warns(LookalikeWarning, match="labels '-1', 'nan' are treated as classes like any other"):
        import_vectors(tmp_path / "shop", tmp_path / "x.parquet")
    assert {label for label, _ in held(tmp_path / "shop").values()} == {"-1", "nan", "cat"}
    save(tmp_path / "x.parquet", [("a", "-1", 1), ("b", "nan", 1), ("c", "cat", 2)])
    assert import_vectors(tmp_path / "shop", tmp_path / "x.parquet")["replaced"] == 1  # and no warning
