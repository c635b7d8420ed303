"""Tables of people through `embed`: what is stored, what can be asked for, and what a refusal leaves behind."""

import csv
import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.embedder.syncing.sync import embed
from lookalike.store.errors import LookalikeError, LookalikeWarning
from lookalike.store.files import parts
from lookalike.store.version.conditions.where import where
from lookalike.store.version.store import Store
from lookalike.store.version.tables import live_table


@pytest.fixture
def photos(tmp_path, image):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.png").write_bytes(image(number))
    return folder


def found(shop, condition):
    """The keys of which a condition is true."""
    with Store.open(shop) as store:
        return sorted(store.keys(np.flatnonzero(where(store, condition))))


def write(folder, kind, rows):
    """Rows as a CSV, a Parquet table or a folder's metadata; gives the source."""
    if kind == "metadata":
        rows = [{("file_name" if name == "path" else name): value for name, value in row.items()} for row in rows]
    path = folder / {"csv": "t.csv", "parquet": "t.parquet", "metadata": "metadata.csv"}[kind]
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
        return str(path)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(folder if kind == "metadata" else path)


@pytest.mark.parametrize("kind", ["csv", "parquet", "metadata"])
def test_no_column_hides_another_that_sql_takes_for_the_same(photos, tmp_path, model, kind):
    names = ["Source", "WIDTH", "Label", "Key", "File_Size", "Price", "price", "PRICE", "Vector", "Row"]
    rows = [{"path": f"{n}.png", **{name: f"{name} {n}" for name in names}} for n in range(2)]
    shop = tmp_path / "shop"
    embed(shop, write(photos, kind, rows), model=model)
    columns = set(live_table(Store.open(shop)).column_names)
    assert len({name.lower() for name in columns}) == len(columns)
    for name in names:
        (stored,) = (c for c in columns if c.removeprefix("source_").removeprefix("source_") == name)
        assert found(shop, f"{stored} = '{name} 1'") == ["1.png"]
    assert len(found(shop, "width = 24 and source <> 'Source 1'")) == (6 if kind == "metadata" else 2)
    version = Store.open(shop).version
    again = embed(shop, write(photos, kind, rows))
    assert again["skipped"] == again["seen"] and Store.open(shop).version == version


def test_columns_of_other_names_are_said_once(photos, tmp_path, model):
    said: list[str] = []
    source = write(photos, "csv", [{"path": "0.png", "Source": "studio", "price": 1, "Price": 2, "colour": "red"}])
    for times in (1, 0):
        said.clear()
        embed(tmp_path / "shop", source, model=model, say=said.append)
        assert len(said) == times
        assert not said or ("'Source' is source_Source, 'Price' is source_Price" in said[0] and "colour" not in said[0])
    assert found(tmp_path / "shop", "source_Source = 'studio' and source_Price = '2'") == ["0.png"]


def test_a_column_of_two_sources_is_one_whatever_its_case(photos, tmp_path, model):
    shop, other = tmp_path / "shop", photos / "other.csv"
    embed(shop, write(photos, "csv", [{"path": "0.png", "Price": "3"}]), model=model)
    other.write_text("path,price,PRICE\n1.png,4,5\n")
    embed(shop, str(other))
    assert found(shop, "price = '3'") == ["0.png"] and found(shop, "PRICE = '4'") == ["1.png"]
    assert found(shop, "source_PRICE = '5'") == ["1.png"]
    assert embed(shop, str(other))["skipped"] == 1
    other.write_text("path,PRICE,price\n1.png,5,4\n")  # the order of columns says nothing
    assert embed(shop, str(other))["skipped"] + embed(shop, str(other))["skipped"] >= 1
    assert found(shop, "price = '3' or source_price in ('4', '5') or price in ('4', '5')") == ["0.png", "1.png"]


def test_a_collection_made_before_answers_for_every_column(photos, tmp_path, model, monkeypatch):
    shop = tmp_path / "shop"
    source = write(photos, "csv", [{"path": f"{n}.png", "Source": f"s{n}", "Price": n, "price": -n} for n in range(2)])
    with monkeypatch.context() as before:
        before.setattr(parts, "stored_names", lambda names: list(names))
        before.setattr("lookalike.embedder.syncing.extra_columns.stored_names", lambda names, held=(): list(names))
        embed(shop, source, model=model)
    assert {"Source", "Price", "price"} <= set(live_table(Store.open(shop)).column_names)
    for condition in ("source_Source = 's1'", "price = '1'", "source_price = '-1'", "source like '%t.csv' and row = 1"):
        assert found(shop, condition) == ["1.png"], condition
    embed(shop, source)
    assert found(shop, "price = '1'") == ["1.png"]
    assert embed(shop, source)["skipped"] == 2


def test_names_of_columns_that_are_not_utf8_are_kept(photos, tmp_path, model):
    (photos / "t.csv").write_bytes("path,größe\n0.png,groß\n".encode("cp1252"))
    embed(tmp_path / "shop", str(photos / "t.csv"), model=model)
    assert found(tmp_path / "shop", "\"gr\udcf6\udcdfe\" = 'gro\udcdf'") == ["0.png"]
    assert embed(tmp_path / "shop", str(photos / "t.csv"))["skipped"] == 1


def refusals(photos):
    """Sources that are refused, each by a word of the message."""
    (photos / "open.csv").write_text('path,label\n0.png,"cat\n1.png,dog\n')
    (photos / "ragged.csv").write_text("path,label\n0.png,cat\n1.png\n")
    (photos / "twice.csv").write_text("path\n0.png\n0.png\n")
    (photos / "utf16.csv").write_bytes("path,label\n0.png,cat\n".encode("utf-16") + b"x")
    feature = {"info": {"features": {"label": {"names": ["cat"], "_type": "ClassLabel"}}}}
    schema = pa.schema([("path", pa.string()), ("label", pa.int64())], metadata={"huggingface": json.dumps(feature)})
    pq.write_table(pa.table({"path": ["0.png"], "label": [1]}, schema), photos / "code.parquet")
    whole = bytes([0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(5 * 28 * 28)
    (photos / "short.gz").write_bytes(gzip.compress(whole))
    (photos / "short").write_bytes(whole)
    inner = photos / "inner"
    inner.mkdir()
    (inner / "metadata.csv").write_text('file_name,label\n0.png,"cat\n')
    names = [
        "open.csv",
        "ragged.csv",
        "twice.csv",
        "utf16.csv",
        "code.parquet",
        "short.gz",
        "short",
        "inner",
        "none.csv",
    ]
    return [str(photos / name) for name in names]


def test_a_refusal_leaves_no_collection_behind(photos, tmp_path, model):
    for source in refusals(photos):
        with pytest.raises(LookalikeError):
            embed(tmp_path / "shops" / "shop", source, model=model)
        assert not (tmp_path / "shops").exists(), source
    with pytest.raises(LookalikeError):
        embed(tmp_path / "shops" / "shop", str(photos / "0.png"), model=tmp_path / "no-model")
    assert not (tmp_path / "shops").exists()


def test_swallowed_rows_are_not_pruned(photos, tmp_path, model):
    shop, table = tmp_path / "shop", photos / "t.csv"
    table.write_text("path,label\n" + "".join(f"{n}.png,cat\n" for n in range(6)))
    embed(shop, str(table), model=model)
    table.write_text('path,label\n0.png,"cat\n' + "".join(f"{n}.png,cat\n" for n in range(1, 6)))
    with pytest.raises(LookalikeError, match="line 2: the quote"):
        embed(shop, str(table), prune=True)
    assert Store.open(shop).rows == 6


@pytest.mark.parametrize("workers", [1, 2])
def test_a_choice_of_columns_reaches_the_workers(photos, tmp_path, model, workers):
    data = [(photos / f"{n}.png").read_bytes() for n in range(2)]
    columns = {"img": pa.array(data, pa.binary_view()), "breed": ["x", None], "label": ["a", "b"], "path": ["p", "q"]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    options = {"image_column": "img", "label_column": "breed"}
    done = embed(tmp_path / "shop", str(tmp_path / "t.parquet"), model=model, workers=workers, **options)
    assert done["embedded"] == 2
    assert found(tmp_path / "shop", "label = 'x' and source_label = 'a'") == ["p"]


def test_classes_that_look_like_one_are_said_of_a_source_and_of_the_collection(photos, tmp_path, model):
    (photos / "a.csv").write_text("path,label\n0.png,cat\n1.png,Cat\n")
    (photos / "b.csv").write_text("path,label\n2.png,caf\u00e9\n", encoding="utf-8")
    (photos / "c.csv").write_text("path,label\n3.png,cafe\u0301\n", encoding="utf-8")
    with pytest.warns(LookalikeWarning, match="'cat' and 'Cat'"):
        embed(tmp_path / "shop", str(photos / "a.csv"), model=model)
    embed(tmp_path / "shop", str(photos / "b.csv"))  # a warning would fail
    with pytest.warns(LookalikeWarning, match=r"'café' and 'cafe.' \(with U\+0301\)"):
        embed(tmp_path / "shop", str(photos / "c.csv"))
    assert found(tmp_path / "shop", "label = 'caf\u00e9'") == ["2.png"]
