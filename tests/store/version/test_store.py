import errno
import os
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.store.changing.importing import import_vectors
from lookalike.store.changing.writer import writing
from lookalike.store.errors import Damaged, LookalikeError
from lookalike.store.upkeep.compact import compact
from lookalike.store.version.export import export
from lookalike.store.version.store import Store
from lookalike.store.version.tables import info, live_table


@pytest.fixture
def three(tmp_path, grow):
    """A collection of three parts, and its rows as {row: (key, label, vector)}; rows 1, 7 and 25 are deleted."""
    oracle = {}
    with Store.create(tmp_path / "three") as empty, writing(empty) as writer:
        for name, count in (("a", 10), ("b", 5), ("c", 11)):
            first = writer.next_row
            rows = grow(writer, [f"{name}{i}" for i in range(count)], [[None, "x", "y"][i % 3] for i in range(count)])
            oracle |= {first + i: (rows.keys[i], rows.labels[i], rows.vectors[i]) for i in range(count)}
            writer.commit()
        writer.delete(np.array([1, 7, 25]))
        store = writer.commit()
    for row in (1, 7, 25):
        del oracle[row]
    return store, oracle


def test_a_new_collection_is_empty(tmp_path):
    with Store.create(tmp_path / "new") as store:
        assert (store.version, store.dim, store.rows, store.next_row, store.model) == (1, None, 0, 0, None)
        assert store.live_rows().tolist() == list(store.blocks()) == store.classes == store.keys(np.zeros(0, int)) == []
        assert store.find(["a"]).tolist() == store.find_contents(["0" * 64]).tolist() == [-1]
        assert store.gather(np.zeros(0, int)).shape == (0, 0)
        assert live_table(store).num_rows == 0 and live_table(store).column_names[:4] == [
            "row",
            "key",
            "label",
            "vector",
        ]
        assert store.codes(np.array([-1])).tolist() == [-1]
        assert store.live(np.array([-1, 0])).tolist() == [False, False]


def test_create_takes_an_empty_folder_or_what_a_cut_off_create_left(tmp_path):
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / ".0.tmp").write_bytes(b"")
    (tmp_path / "lock").write_bytes(b"")
    assert Store.create(tmp_path).version == 1


@pytest.mark.parametrize("occupy, words", [
    (lambda p: p.write_bytes(b""), "is a file"),
    (lambda p: (p.mkdir(), (p / "photo.jpg").write_bytes(b"")), "holds 'photo.jpg'"),
    (Store.create, "a collection already"),
])  # fmt: skip
def test_create_refuses_what_is_there(tmp_path, occupy, words):
    occupy(tmp_path / "shop")
    with pytest.raises(LookalikeError, match=words):
        Store.create(tmp_path / "shop")


def test_open_names_what_is_not_there(tmp_path, shop):
    with pytest.raises(LookalikeError, match=r"not a collection"):
        Store.open(tmp_path / "absent")
    with pytest.raises(LookalikeError, match=r"version 77 .*last versions are 1, 2, 3, 4, 5"):
        Store.open(shop, 77)
    with Store.open(shop, 2) as old, Store.open_or_create(shop) as new:
        assert (old.version, new.version) == (2, 5)
        assert (old.rows, new.rows) == (6, 7)


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_read_only_folder_fails_before_work(tmp_path, shop, monkeypatch, code):
    real = os.open

    def refuse(path, flags, *rest, **more):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(code, os.strerror(code))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    with Store.open(shop) as store:  # reading still works
        assert store.rows == 7
        with pytest.raises(LookalikeError, match=r"cannot write to"), writing(store):
            pass
    with pytest.raises(LookalikeError, match=r"cannot write to"):
        Store.create(tmp_path / "new")


def test_gather_gives_any_rows_in_any_order(three):
    store, oracle = three
    rows = np.random.default_rng(1).choice(list(oracle), 50)
    for some in (rows, rows[:1], rows[:0], np.arange(10, 15), np.array([11, 11])):
        expected = np.array([oracle[row][2] for row in some], dtype=np.float32).reshape(-1, 8)
        gathered = store.gather(some)
        assert gathered.dtype == np.float32 and gathered.flags.c_contiguous
        assert np.array_equal(gathered, expected)


def test_gather_gives_deleted_rows_until_they_are_dropped_and_refuses_others(three):
    store, _ = three
    assert np.allclose(np.linalg.norm(store.gather(np.array([1, 7, 25])), axis=1), 1)
    for row in (-1, 26, 10**12):
        with pytest.raises(LookalikeError, match=rf"row {row} .*does not exist"):
            store.gather(np.array([3, row]))


@pytest.mark.parametrize("size", [1, 4, 7, 100])
@pytest.mark.parametrize("first, stop", [(0, None), (0, 26), (3, 12), (10, 15), (7, 8), (24, 99), (26, None), (5, 5)])
def test_blocks_stream_live_rows_in_order(three, first, stop, size):
    store, oracle = three
    blocks = list(store.blocks(first, stop, size))
    rows = [row for block, _ in blocks for row in block]
    assert rows == [row for row in oracle if first <= row < (99 if stop is None else stop)]
    assert all(len(block) == size for block, _ in blocks[:-1])
    for block, vectors in blocks:
        assert vectors.dtype == np.float32 and vectors.shape == (len(block), 8)
        assert np.array_equal(vectors, [oracle[row][2] for row in block])


def test_names_and_liveness_agree_with_a_dict(three):
    store, oracle = three
    rows = np.arange(-2, 30)
    assert store.live(rows).tolist() == [row in oracle for row in rows]
    assert store.live_rows().tolist() == list(oracle)
    assert store.keys(store.live_rows()) == [key for key, _, _ in oracle.values()]
    assert store.labels(store.live_rows()) == [label for _, label, _ in oracle.values()]
    by_key = {key: row for row, (key, _, _) in oracle.items()}
    keys = [*by_key, "a1", "nothing", ""]
    assert store.find(keys).tolist() == [by_key.get(key, -1) for key in keys]
    assert store.classes == ["x", "y"]
    codes = [-1 if row not in oracle or oracle[row][1] is None else "xy".index(oracle[row][1]) for row in oracle]
    assert store.codes(store.live_rows()).tolist() == codes


def test_table_has_row_and_the_columns_asked_for(three):
    store, oracle = three
    table = live_table(store, ["label", "key"])
    assert table.column_names == ["row", "label", "key"]
    expected = [{"row": row, "label": label, "key": key} for row, (key, label, _) in oracle.items()]
    assert table.to_pylist() == expected
    vectors = live_table(store).column("vector").combine_chunks().flatten().to_numpy().reshape(-1, 8)
    assert np.array_equal(vectors, [vector for _, _, vector in oracle.values()])
    with pytest.raises(LookalikeError, match=r"no column 'colour': it has row, key, label"):
        live_table(store, ["colour"])


def test_sources_may_bring_different_further_columns(tmp_path, grow, part_rows):
    from dataclasses import replace

    import pyarrow as pa

    from lookalike.store.files.parts import lookup_columns, write_part

    extras = [None, {"price": [1, 2]}, {"price": [0.5, 1.5], "shop": ["u", None]}, {"price": ["old", "new"]}]
    with Store.create(tmp_path / "s") as empty, writing(empty) as writer:
        for number, extra in enumerate(extras):
            rows = part_rows([f"{number}a", f"{number}b"])
            rows = replace(rows, extra=None if extra is None else pa.table(extra))
            writer.add_part(write_part(writer.path, rows, None), lookup_columns(rows))
            tables = live_table(writer.commit())
            if number == 2:
                assert tables.column("price").to_pylist() == [None, None, 1.0, 2.0, 0.5, 1.5]
    assert tables.column("price").to_pylist()[-2:] == ["old", "new"]
    assert tables.column("price").to_pylist()[:2] == [None, None]
    assert tables.column("shop").to_pylist() == [None] * 4 + ["u"] + [None] * 3


def test_info_counts(shop):
    with Store.open(shop) as store:
        facts = info(store).to_json()
        files = {entry.file for entry in store.manifest.files()} | {"manifests/00000005.json"}
        assert facts.pop("bytes") == sum((shop / name).stat().st_size for name in files)
    assert facts == {
        "version": 5, "dim": 8, "rows": 7, "deleted": 1, "indexed": 3, "classes": 2, "rejects": 1, "model": "d" * 64,
        "calibrated_at": 4,
        "sources": [{"source": "s", "rows": 3, "reachable": None}, {"source": "t", "rows": 4, "reachable": None}],
    }  # fmt: skip


def test_latest_is_the_same_object_until_something_is_committed(three, grow):
    store, _ = three
    assert store.latest() is store
    with writing(store) as writer:
        grow(writer, ["new"])
        writer.commit()
    assert store.latest().version == store.version + 1
    assert store.find(["new"]).tolist() == [-1]
    assert store.latest().find(["new"]).tolist() == [26]


def test_threads_share_a_store(three):
    store, oracle = three
    wrong = []

    def read(seed):
        rng = np.random.default_rng(seed)
        for _ in range(50):
            rows = rng.choice(list(oracle), 20)
            same = np.array_equal(store.gather(rows), [oracle[row][2] for row in rows])
            if not same or store.keys(rows) != [oracle[row][0] for row in rows]:
                wrong.append(rows)

    with Store.open(store.path) as store:
        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_more_parts_than_are_kept_mapped(three, monkeypatch):
    store, oracle = three
    monkeypatch.setattr("lookalike.store.version.pages.most_maps", lambda shares: 1)
    rows = np.array(list(oracle))
    for _ in range(3):
        assert np.array_equal(store.gather(rows), [oracle[row][2] for row in rows])
    assert len(store.pages._maps) == 1


def test_a_closed_or_forgotten_store_holds_no_descriptor(three):
    store, _ = three
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    for _ in range(5):
        Store.open(store.path)
        Store.open(store.path).close()
    assert before is None or len(os.listdir("/proc/self/fd")) == before


def test_a_link_in_place_of_a_file_or_folder_is_refused(tmp_path, three):
    store, _ = three
    for name in (store.content.parts[0].file, "vectors"):
        (store.path / name).rename(tmp_path / "moved")
        (store.path / name).symlink_to(tmp_path / "moved")
        with Store.open(store.path) as again, pytest.raises(Damaged, match=r"is a link"):
            again.gather(np.array([0]))
        (store.path / name).unlink()
        (tmp_path / "moved").rename(store.path / name)


def of_types(path, grow, *columns):
    """A collection with a part for each Arrow array, its further column `x`."""
    with Store.create(path) as empty, writing(empty) as writer:
        for number, column in enumerate(columns):
            keys = [f"{number}-{i}" for i in range(len(column))]
            grow(writer, keys, extra=pa.table({"x": column}), source=f"s{number}")
        return writer.commit()


@pytest.mark.parametrize("columns, kind, values", [
    ((pa.array([2**60 + 1, None]), pa.array([0.5])), pa.large_string(), ["1152921504606846977", None, "0.5"]),
    ((pa.array([0.5]), pa.array([3]), pa.array([2**53 + 1])), pa.large_string(), ["0.5", "3", "9007199254740993"]),
    ((pa.array([3, None]), pa.array([0.5])), pa.float64(), [3.0, None, 0.5]),
    ((pa.array([2**63], pa.uint64()), pa.array([-1])), pa.large_string(), ["9223372036854775808", "-1"]),
    ((pa.array([2**24 + 1], pa.int32()), pa.array([0.5], pa.float32())), pa.float64(), [16777217.0, 0.5]),
    ((pa.array([True]), pa.array([7])), pa.large_string(), ["true", "7"]),
    ((pa.array([[1, 2]]), pa.array(["a"]), pa.array([None, None])), pa.large_string(), ["[1, 2]", "a", None, None]),
])  # fmt: skip
def test_columns_that_differ_in_type_lose_nothing(tmp_path, grow, columns, kind, values):
    store = of_types(tmp_path / "c", grow, *columns)
    column = live_table(store).column("x")
    assert (column.type, column.to_pylist()) == (kind, values)
    export(store, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").column("x").to_pylist() == values
    with writing(store) as writer:
        compact(writer)
        assert live_table(writer.commit()).column("x").to_pylist() == values


def test_a_collection_without_rows_has_the_columns_all_the_same(tmp_path, grow):
    with Store.create(tmp_path / "c") as empty:
        none = live_table(empty)
        with writing(empty) as writer:
            grow(writer, "ab")
            writer.commit()
    with Store.open(tmp_path / "c") as full:
        assert none.num_rows == 0 and none.column_names == live_table(full).column_names
        with writing(full) as writer:
            writer.delete(np.arange(2))
            writer.commit()
            compact(writer)
            emptied = writer.commit()
    assert live_table(emptied).schema.equals(live_table(full).schema)
    export(emptied, tmp_path / "out.parquet")
    assert import_vectors(tmp_path / "again", tmp_path / "out.parquet")["seen"] == 0


def test_runs_are_opened_when_a_row_of_theirs_is_asked_for(tmp_path, grow, monkeypatch):
    with Store.create(tmp_path / "c") as empty, writing(empty) as writer:
        for names in ("abcde", "fg"):
            grow(writer, names)
            writer.commit()
    opened = []
    with Store.open(tmp_path / "c") as store:
        real = store.pages.run
        monkeypatch.setattr(store.pages, "run", lambda entry: opened.append(entry) or real(entry))
        for _ in range(2):
            assert store.keys(np.array([6, 5])) == ["g", "f"]
        assert opened[:1] == [store.content.runs[1]]
        assert store.keys(np.arange(7)) == list("abcdefg")
        assert len(opened) == len(store.content.runs) == 2


@pytest.mark.parametrize("first, stop", [(0, 26), (3, 17), (8, 8), (10, 15), (24, 90), (90, 99)])
@pytest.mark.parametrize("compacted", [False, True])
def test_live_rows_are_counted_like_a_set(three, first, stop, compacted):
    store, oracle = three
    if compacted:
        with writing(store) as writer:
            compact(writer)
            writer.commit()
            writer.delete(np.array([12]))
            store = writer.commit()
        del oracle[12]
    assert store.layout.count_live(first, stop) == sum(first <= row < stop for row in oracle)
