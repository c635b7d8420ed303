"""After every sync a collection has the further columns of its source, and only rows that differ are made anew."""

import csv
import itertools
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike import Collection
from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.sources import Record, open_source
from lookalike.embedder.syncing import extra_columns
from lookalike.embedder.syncing.extra_columns import ExtraColumns, extra_table
from lookalike.embedder.syncing.sync import embed
from lookalike.store.changing.writer import writing
from lookalike.store.files.parts import RESERVED, Rows, lookup_columns, write_part
from lookalike.store.version.store import Store

OURS = {name for name in RESERVED if name != "vector"}


def write_csv(path, rows):
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path, columns):
    pq.write_table(pa.table(columns), path)


def further(shop):
    """What `Collection.vectors()` has beyond our own columns, by key, without nulls."""
    rows = Collection.open(shop).vectors().drop_columns("vector").to_pylist()
    return {
        row["key"]: {name: value for name, value in row.items() if name not in OURS and value is not None}
        for row in rows
    }


def vectors(shop):
    with Store.open(shop) as store:
        rows = store.live_rows()
        return dict(zip(store.keys(rows), store.gather(rows).tolist(), strict=True))


def resynced(shop, source, **options):
    """The counts of a sync, checked to add up; a second one finds nothing to do, and makes no version."""
    done = embed(shop, str(source), **options)
    assert done["seen"] == done["embedded"] + done["skipped"] + done["rejected"] + done["duplicates"]
    version = Store.open(shop).version
    again = embed(shop, str(source), **options)
    assert (again["skipped"], again["embedded"], again["duplicates"]) == (done["seen"] - done["rejected"], 0, 0)
    assert Store.open(shop).version == version
    return done


@pytest.fixture
def photos(tmp_path, image):
    """Four pictures, the last with the bytes of the first."""
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(image(number % 3))
    return tmp_path


@pytest.fixture
def no_encoding(model, monkeypatch):
    """Once this was called, nothing may be encoded."""
    return lambda: monkeypatch.setattr(Encoder, "encode", lambda *_: pytest.fail("encoded again"))


def priced(*prices, **more):
    """Rows of a CSV; an empty cell is null."""
    rows = [{"path": f"{number}.png", "label": "x", "price": price} for number, price in enumerate(prices)]
    return [{**row, **{name: values[at] for name, values in more.items()}} for at, row in enumerate(rows)]


def without(rows, *names):
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


BEFORE = priced("10", "20", "", "40", width=["1", "2", "3", ""])
AFTER = {
    "an edited value": priced("10", "21", "", "40", width=["1", "2", "3", ""]),
    "a value for none, and none for a value": priced("", "20", "30", "40", width=["1", "2", "3", ""]),
    "an added column": priced("10", "20", "", "40", width=["1", "2", "3", ""], note=["", "n", "", "%uDCFF"]),
    "an added column whose name is taken": priced(
        "10", "20", "", "40", width=["1", "2", "3", ""], source_width=["", "9", "", ""]
    ),
    "an added empty column": priced("10", "20", "", "40", width=["1", "2", "3", ""], note=[""] * 4),
    "a removed column": without(BEFORE, "price"),
    "all columns removed": without(BEFORE, "price", "width"),
    "a renamed column": priced("10", "20", "", "40", **{"a.b c": ["1", "2", "3", ""]}),
    "bytes that are no text": priced("10", os.fsdecode(b"\xff\xfe"), "", "40", width=["1", "2", "3", ""]),
    "another order": BEFORE[::-1],
}


def stored(row):
    """The further columns of a row of a CSV, as a collection calls them."""
    extra = {name: value for name, value in row.items() if name not in ("path", "label")}
    if "width" in extra:
        extra["source_source_width" if "source_width" in extra else "source_width"] = extra.pop("width")
    return {name: value for name, value in extra.items() if value}


@pytest.mark.parametrize("checksum", [False, True])
@pytest.mark.parametrize("edit", list(AFTER))
def test_after_an_edit_the_collection_has_the_columns_of_the_table(photos, model, no_encoding, edit, checksum):
    shop, table = photos / "shop", photos / "t.csv"
    write_csv(table, BEFORE)
    embed(shop, str(table), model=model)
    held = vectors(shop)
    no_encoding()
    write_csv(table, AFTER[edit])
    old, new = ({row["path"]: stored(row) for row in rows} for rows in (BEFORE, AFTER[edit]))
    done = resynced(shop, table, checksum=checksum)
    assert done["embedded"] == sum(old[key] != new[key] for key in new)
    escaped = {"\udcff\udcfe": "%uDCFF%uDCFE", "%uDCFF": "%uuDCFF"}  # tables show text as it is stored
    shown = {key: {name: escaped.get(value, value) for name, value in row.items()} for key, row in new.items()}
    assert further(shop) == shown
    assert vectors(shop) == held


def test_every_edit_of_a_walk_arrives(photos, model, no_encoding):
    shop, table = photos / "shop", photos / "t.csv"
    write_csv(table, BEFORE)
    embed(shop, str(table), model=model)
    no_encoding()
    rng = np.random.default_rng(0)
    for names in (["price"], ["a", "price"], ["a", "b"], [], ["b"], ["price", "b", "a"]):
        cells = rng.integers(0, 3, (4, len(names)))
        rows = [
            {"path": f"{at}.png"} | {name: str(cell) if cell else "" for name, cell in zip(names, row, strict=True)}
            for at, row in enumerate(cells.tolist())
        ]
        write_csv(table, rows)
        resynced(shop, table)
        assert further(shop) == {row["path"]: stored(row) for row in rows}


RETYPED = {
    "the same": ([1, 2, 3, None], 0),
    "an edit": ([1, 2, 4, None], 1),
    "numbers with a gap, as pandas writes them": ([1.0, 2.0, float("nan"), None], 1),
    "a fraction": ([1.0, 2.5, 3.0, None], 1),
    "text": (["1", "2", "3", None], 3),
    "booleans": ([True, True, False, None], 3),
    "nothing": (pa.nulls(4, pa.int64()), 3),
}


@pytest.mark.parametrize("checksum", [False, True])
@pytest.mark.parametrize("what", list(RETYPED))
def test_a_table_that_holds_its_images_is_read_but_only_rows_that_differ_are_made_anew(
    photos, model, no_encoding, what, checksum
):
    shop, table = photos / "shop", photos / "t.parquet"
    images = {"key": [*"abcd"], "image": [(photos / f"{number}.png").read_bytes() for number in range(4)]}
    write_parquet(table, {**images, "count": [1, 2, 3, None], "weight": [1.0, float("nan"), None, float("inf")]})
    embed(shop, str(table), model=model)
    held, rows = vectors(shop), Store.open(shop).find([*"abcd"])
    no_encoding()
    counts, differ = RETYPED[what]
    write_parquet(table, {**images, "count": counts, "weight": [1.0, float("nan"), None, float("inf")]})
    assert resynced(shop, table, checksum=checksum)["embedded"] == differ
    assert int((Store.open(shop).find([*"abcd"]) != rows).sum()) == differ
    assert vectors(shop) == held
    assert [row.get("weight") for row in further(shop).values()].count(float("inf")) == 1


def test_metadata_of_a_folder_is_compared_too(photos, model, no_encoding):
    shop, root = photos / "shop", photos / "folder"
    root.mkdir()
    for number in range(4):
        (photos / f"{number}.png").rename(root / f"{number}.png")
    embed(shop, str(root), model=model)
    no_encoding()
    for text, made_anew in (
        ("file_name,colour\n0.png,red\n1.png,\n", 1),
        ("file_name,colour\n0.png,blue\n2.png,red\n", 2),
        ("file_name,colour,size\n0.png,blue,7\n2.png,red,\n", 1),
        ("file_name\n0.png\n", 2),
    ):
        (root / "metadata.csv").write_text(text)
        assert resynced(shop, root)["embedded"] == made_anew
        rows = {row.pop("file_name"): row for row in csv.DictReader(text.splitlines())}
        expected = {name: {k: v for k, v in rows.get(name, {}).items() if v} for name in os.listdir(root)}
        del expected["metadata.csv"]
        assert further(shop) == expected
    (root / "metadata.csv").write_text("file_name,colour\n0.png,red\n")
    resynced(shop, root)
    (root / "metadata.csv").unlink()
    assert resynced(shop, root)["embedded"] == 1 and not any(further(shop).values())


def test_a_change_of_label_and_column_and_one_of_bytes_and_column_are_one_row_each(photos, model, image):
    shop, table = photos / "shop", photos / "t.csv"
    write_csv(table, priced("1", "2", "3", "4"))
    embed(shop, str(table), model=model)
    rows = priced("7", "8", "3", "4")
    rows[0]["label"] = "other"
    (photos / "1.png").write_bytes(image(50))
    (photos / "2.png").write_bytes(b"no image")
    write_csv(table, rows)
    assert embed(shop, str(table))["embedded"] == 2
    assert further(shop) == {"0.png": {"price": "7"}, "1.png": {"price": "8"}, "3.png": {"price": "4"}}
    assert Store.open(shop).deleted_count == 3


@pytest.mark.parametrize("extra", [False, True])
def test_of_a_part_nothing_is_read_but_its_further_columns(photos, model, monkeypatch, extra):
    shop, table = photos / "shop", photos / "t.csv"
    write_csv(table, BEFORE if extra else without(BEFORE, "price", "width"))
    embed(shop, str(table), model=model)
    read = []
    real = extra_columns.read_part
    monkeypatch.setattr(extra_columns, "read_part", lambda path, names: read.append(names) or real(path, names))
    assert embed(shop, str(table))["skipped"] == 4
    assert read == ([["price", "source_width"]] if extra else [])


VALUES = {
    "int64": [None, 0, 1, 2],
    "double": [None, 0.0, 1.0, 1.5, float("nan")],
    "bool": [None, True, False],
    "string": [None, "", "0", "1", "True", "nan", "\udcff"],
}


def other(a, b):
    """Whether two values differ, said one by one."""
    if a is None or b is None:
        return a is not b
    if isinstance(a, bool) or isinstance(b, bool) or isinstance(a, str) or isinstance(b, str):
        return type(a) is not type(b) or a != b
    return a != b and not (np.isnan(a) and np.isnan(b))


def record(value):
    return Record("k", None, None, None, None, {"value": value})


@pytest.mark.parametrize("kind, new_kind", list(itertools.product(VALUES, VALUES)))
def test_values_are_compared_as_one_by_one(tmp_path, kind, new_kind):
    pairs = list(itertools.product(VALUES[kind], VALUES[new_kind]))
    every, none = list(range(len(pairs))), [None] * len(pairs)
    table = extra_table([record(value) for value, _ in pairs], {"value": kind})
    unit = np.eye(4, dtype=np.float32)[np.zeros(len(pairs), dtype=int)]
    with Store.create(tmp_path / "shop") as empty, writing(empty) as writer:
        for half in (slice(0, 2), slice(2, None)):
            keys = [str(number) for number in every[half]]
            lists = [none[half]] * 4
            rows = Rows(keys, unit[half], *lists, "s", none[half], none[half], table.take(pa.array(every[half])))
            writer.add_part(write_part(tmp_path / "shop", rows, None), lookup_columns(rows))
        store = writer.commit()
    order = np.random.default_rng(0).permutation(len(pairs))
    columns = ExtraColumns(store, {"value": new_kind})
    found = columns.changed([record(pairs[at][1]) for at in order], order)
    assert found.tolist() == [other(*pairs[at]) for at in order]
    assert not columns.changed([record("never")], np.array([-1])).any()
    gone = ExtraColumns(store, {}).changed([record(None)] * len(pairs), np.arange(len(pairs)))
    assert gone.tolist() == [old is not None for old, _ in pairs]


def test_an_open_source_knows_its_types(photos):
    write_csv(photos / "t.csv", BEFORE)
    source = open_source(photos / "t.csv")
    table = extra_table(list(source.records()), source.extra_types)
    assert table.to_pydict() == {"price": ["10", "20", None, "40"], "width": ["1", "2", "3", None]}


def test_columns_of_two_types_keep_them_through_a_compaction(photos, tmp_path, model):
    """Else every row of the one source would differ from it at the next sync."""
    shop, numbers, texts = tmp_path / "shop", tmp_path / "a.parquet", tmp_path / "b.csv"
    write_parquet(numbers, {"key": ["a0", "a1"], "path": ["0.png", "1.png"], "n": [7, 8]})
    write_csv(texts, [{"key": "b2", "path": "2.png", "n": "9"}])
    embed(shop, str(numbers), model=model)
    embed(shop, str(texts))
    with Collection.open(shop) as opened:
        opened.remove(["a1"])
        opened.index(spec="Flat", compact=True)
    assert resynced(shop, texts)["skipped"] == 1
    done = resynced(shop, numbers)
    assert (done["skipped"], done["duplicates"] + done["embedded"]) == (1, 1)  # what was removed comes back
