import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.store.changing.importing import import_vectors
from lookalike.store.changing.staging import stage
from lookalike.store.changing.writer import writing
from lookalike.store.files.parts import Rows
from lookalike.store.version.export import export
from lookalike.store.version.store import Store
from lookalike.store.version.tables import live_table

DAY = datetime.datetime(2020, 1, 2, 3, 4, 5)


def save(path, units, **columns):
    n = len(next(iter(columns.values())))
    pq.write_table(pa.table({"key": [f"k{i}" for i in range(n)], "emb": list(units(n)), **columns}), path)


def imported(tmp_path, **options):
    return import_vectors(tmp_path / "shop", tmp_path / "x.parquet", vector_column="emb", **options)


def columns_of(path, *names):
    with Store.open(path) as store:
        table = live_table(store, list(names))
        return {name: table.column(name).to_pylist() for name in names}


def test_text_numbers_and_times_are_kept(tmp_path, units):
    save(
        tmp_path / "x.parquet", units, price=[1.5, None], n=pa.array([1, 2], pa.int8()),
        at=[DAY, None], ok=[True, False],
        name=pa.array(["é", None]).dictionary_encode(), Label=["x", "y"], source=["web", "scan"],
        big=pa.array([2**63, 1], pa.uint64()),
    )  # fmt: skip
    assert imported(tmp_path)["added"] == 2
    found = columns_of(tmp_path / "shop", "price", "n", "at", "ok", "name", "source_source", "big", "label")
    assert found == {
        "price": [1.5, None], "n": [1, 2], "at": ["2020-01-02 03:04:05.000000", None], "ok": [True, False],
        "name": ["é", None], "source_source": ["web", "scan"], "big": [str(2**63), "1"], "label": [None, None],
    }  # fmt: skip


def test_text_that_is_no_unicode_is_kept_reversibly(tmp_path, units):
    save(tmp_path / "x.parquet", units, name=pa.array([b"caf\xe9", b"%uDCE9"]).view(pa.string()))
    imported(tmp_path)
    assert columns_of(tmp_path / "shop", "name") == {"name": ["caf%uDCE9", "%uuDCE9"]}


@pytest.mark.parametrize(
    ("before", "after", "replaced"),
    [
        ([1.0, None, float("nan")], [1.0, None, float("nan")], 0),
        ([1.0, None, 3.0], [1.0, 2.0, 3.0], 1),
        (["a", "b", "c"], ["a", "b", None], 1),
        ([1, None, 3], ["1", None, "3"], 2),
        (None, [1, None, 3], 2),
        ([1, None, 3], None, 2),
    ],
)
def test_rows_whose_further_columns_changed_are_replaced(tmp_path, units, before, after, replaced):
    for values in (before, after):
        save(tmp_path / "x.parquet", units, same=["x", "y", "z"], **({} if values is None else {"price": values}))
        counts = imported(tmp_path)
    assert counts == {"seen": 3, "added": 0, "replaced": replaced, "skipped": 3 - replaced}
    if after is not None:
        assert repr(columns_of(tmp_path / "shop", "price")["price"]).count("None") == after.count(None)


def test_importing_the_columns_that_an_earlier_version_left_out_repairs_it(tmp_path, units):
    save(tmp_path / "x.parquet", units, price=[1, 2, 3])
    with Store.open_or_create(tmp_path / "shop") as store, writing(store) as writer:
        source = str((tmp_path / "x.parquet").resolve())
        stage(writer, Rows.of_vectors(["k0", "k1", "k2"], units(3), None, source), None)
        writer.commit()
    assert imported(tmp_path)["replaced"] == 3
    assert columns_of(tmp_path / "shop", "price") == {"price": [1, 2, 3]}


def test_an_export_keeps_what_is_known_of_the_images(tmp_path, units):
    contents, extra = ["ab" * 32, None, "cd" * 32], pa.table({"price": [1, None, 3], "key": ["x", "%uDCFF", None]})
    rows = Rows(
        ["a", "b\udcff", "c"], units(3), ["x", None, "y"], contents, [10, None, 30], [5, 6, None], "/photos",
        [1, 2, 3], [4, 5, 6], extra,
    )  # fmt: skip
    with Store.open_or_create(tmp_path / "shop") as store, writing(store) as writer:
        stage(writer, rows, "d" * 64)
        writer.commit()
    with Store.open(tmp_path / "shop") as store:
        export(store, tmp_path / "all.parquet")
    table = pq.read_table(tmp_path / "all.parquet")
    ours = {b"lookalike": b'{"format": 1, "model": "%s"}' % (b"d" * 64)}
    pq.write_table(table.replace_schema_metadata(ours), tmp_path / "all.parquet")
    for counts in ({"added": 3, "skipped": 0}, {"added": 0, "skipped": 3}):
        assert import_vectors(tmp_path / "copy", tmp_path / "all.parquet").items() >= counts.items()
    names = ("key", "label", "content_sha256", "width", "height", "price", "source_key")
    assert columns_of(tmp_path / "copy", *names) == columns_of(tmp_path / "shop", *names)
    assert columns_of(tmp_path / "copy", "content_sha256")["content_sha256"] == contents
    assert columns_of(tmp_path / "copy", "file_size") == {"file_size": [None] * 3}


def test_a_forged_export_brings_no_facts_that_are_none(tmp_path, units):
    table = pa.table(
        {
            "key": ["a", "b"],
            "vector": list(units(2)),
            "content_sha256": ["../x", "A" * 64],
            "width": [-1, 0],
            "height": [0, 9],
        }
    )
    ours = {b"lookalike": b'{"format": 1, "model": "d"}'}
    pq.write_table(table.replace_schema_metadata(ours), tmp_path / "x.parquet")
    import_vectors(tmp_path / "shop", tmp_path / "x.parquet")
    found = columns_of(tmp_path / "shop", "content_sha256", "width", "height")
    assert found == {"content_sha256": [None, None], "width": [None, None], "height": [None, 9]}


def test_an_export_is_named_in_any_case(tmp_path, units):
    save(tmp_path / "x.parquet", units, price=[1, 2])
    imported(tmp_path)
    with Store.open(tmp_path / "shop") as store:
        for name in ("all.NPY", "all.Parquet"):
            export(store, tmp_path / name)
    for name in ("all.NPY", "all.Parquet"):
        assert import_vectors(tmp_path / name[:-4], tmp_path / name)["added"] == 2
