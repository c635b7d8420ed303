"""Paths of rows: right for every kind of source and prefix, null where there is none, and never another picture's."""

import io
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lookalike import Collection
from lookalike.cli import run
from lookalike.embedder.sources import FolderSource
from lookalike.embedder.sources.walk import Walk
from lookalike.search.neighbours.paths import paths_of_rows

from ..conftest import unit
from ..photos import pixels, save_model, save_photo


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def photos(tmp_path):
    """photos/1.png and photos/a/1.png, other pictures."""
    save_photo(tmp_path / "photos" / "1.png", 1)
    save_photo(tmp_path / "photos" / "a" / "1.png", 2)
    return tmp_path / "photos"


def paths(collection):
    """The path of every key, by search and by rows alike."""
    rows = collection._view.store.live_rows()
    hits = collection.search(collection._view.store.gather(rows[:1]), k=len(rows))
    found = dict(zip(hits.keys()[0], hits.paths()[0], strict=True))
    assert found.keys() == set(collection._view.store.keys(rows))
    return found


@pytest.mark.parametrize("prefix", ["", "spring/", "a/", "p-"])
def test_a_folders_rows_have_their_files_under_any_prefix(tmp_path, photos, model, prefix):
    with Collection.create(tmp_path / "shop") as shop:
        shop.embed(photos, model=model, prefix=prefix)
        expected = {f"{prefix}1.png": f"{photos}/1.png", f"{prefix}a/1.png": f"{photos}/a/1.png"}
        assert paths(shop) == expected
        for file in (photos / "1.png", photos / "a" / "1.png"):
            os.utime(file, ns=(5, 5))  # touched: now the content tells which ending it is
        assert paths(shop) == expected


def test_one_source_under_several_prefixes_and_many_rows_needs_few_tries(tmp_path, photos, model, monkeypatch):
    for i in range(150):
        save_photo(photos / f"{i:03d}.png", 100 + i)
    with Collection.create(tmp_path / "shop") as shop:
        for prefix in ("first/", "second-"):
            shop.embed(photos, model=model, prefix=prefix)
        save_photo(photos / "007.png", 999)  # changed since: what its neighbours tell is its prefix
        os.unlink(photos / "008.png")
        tried = []
        locate = FolderSource.locate
        monkeypatch.setattr(FolderSource, "locate", lambda self, keys: tried.extend(keys) or locate(self, keys))
        found = paths(shop)
        assert len(found) == 304 and len(tried) < 150 * 20
        gone = {f"{prefix}008.png" for prefix in ("first/", "second-")}
        assert {key for key, path in found.items() if path is None} == gone
        assert found["first/007.png"] == found["second-007.png"] == f"{photos}/007.png"


def test_a_folder_is_not_listed(tmp_path, photos, model, monkeypatch):
    with Collection.create(tmp_path / "shop") as shop:
        shop.embed(photos, model=model)
        monkeypatch.setattr(FolderSource, "records", None)
        monkeypatch.setattr(Walk, "inputs", None)
        assert paths(shop)["a/1.png"] == f"{photos}/a/1.png"


def test_a_file_that_is_gone_or_a_source_that_is_away_has_no_path_and_a_changed_file_has(tmp_path, photos, model):
    with Collection.create(tmp_path / "shop") as shop:
        shop.embed(photos, model=model)
        shop.embed(photos, prefix="p/")
        save_photo(photos / "a" / "1.png", 3)
        found = paths(shop)
        assert found["a/1.png"] == f"{photos}/a/1.png"
        assert found["p/a/1.png"] == f"{photos}/a/1.png"  # p/1.png tells the prefix
        rows = shop._view.store.find(["p/a/1.png"])
        assert paths_of_rows(shop._view.store, rows) == [None]  # nothing tells it, and 1.png is another picture
        os.unlink(photos / "a" / "1.png")
        assert paths(shop)["a/1.png"] is None  # not photos/1.png, where an ending of the key leads to
        photos.rename(tmp_path / "moved")
        assert set(paths(shop).values()) == {None}


def test_tables_give_the_files_that_they_name_also_under_other_keys(tmp_path, photos, model):
    (tmp_path / "lists").mkdir()
    plain, keyed = tmp_path / "lists" / "plain.csv", tmp_path / "lists" / "keyed.csv"
    plain.write_text("path\n../photos/1.png\n")
    keyed.write_text(f"key,path,price\none,../photos/1.png,3\ntwo,{photos}/a/1.png,4\n")
    columns = {"path": ["photos/1.png", None, "photos/a/1.png"], "key": [7, 8, 9]}
    pq.write_table(pa.table(columns), tmp_path / "paths.parquet")
    with Collection.create(tmp_path / "shop") as shop:
        shop.embed(plain, model=model)
        shop.embed(keyed)
        shop.embed(tmp_path / "paths.parquet", prefix="pq-")
        assert paths(shop) == {
            "../photos/1.png": f"{photos}/1.png",
            "one": f"{photos}/1.png",
            "two": f"{photos}/a/1.png",
            "pq-7": f"{photos}/1.png",
            "pq-9": f"{photos}/a/1.png",
        }


def encoded(seed):
    stream = io.BytesIO()
    Image.fromarray(pixels(seed)).save(stream, "PNG")
    return stream.getvalue()


def test_images_inside_tables_idx_files_and_imports_have_none(tmp_path, photos, model):
    pq.write_table(pa.table({"image": [encoded(4), encoded(5)]}), tmp_path / "bytes.parquet")
    mixed = [
        {"bytes": encoded(6), "path": "photos/1.png"},
        {"bytes": None, "path": "photos/1.png"},
    ]
    pq.write_table(pa.table({"key": ["inside", "outside"], "image": mixed}), tmp_path / "mixed.parquet")
    whole = [{"bytes": encoded(7), "path": "photos/1.png"}]
    pq.write_table(pa.table({"key": ["whole"], "image": whole}), tmp_path / "whole.parquet")
    grey = np.random.default_rng(0).integers(0, 256, (1, 20, 20), np.uint8)
    (tmp_path / "idx").write_bytes(b"\0\0\x08\x03" + np.array(grey.shape, ">u4").tobytes() + grey.tobytes())
    with Collection.create(tmp_path / "shop") as shop:
        shop.embed(tmp_path / "bytes.parquet", model=model)
        shop.embed(tmp_path / "mixed.parquet")
        shop.embed(tmp_path / "whole.parquet")
        shop.embed(tmp_path / "idx", prefix="idx")
        shop.add(unit(np.ones((1, 16))), ["added"])
        found = paths(shop)
        assert found.pop("outside") == f"{photos}/1.png"
        assert len(found) == 6 and set(found.values()) == {None}


def run_json(capsys, *words):
    """What a command of the shell answers, as JSON lines."""
    capsys.readouterr()
    assert run([*map(str, words)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_column_named_when_embedding_is_known_when_searching(tmp_path, photos, model, capsys):
    """`path`, `--sheet` and rejects find the pictures of --image-column, also beside a column that would be taken."""
    data = [(photos / name).read_bytes() for name in ("1.png", "a/1.png")]
    (photos / "bad.png").write_text("no image")
    columns = {
        "image": ["x", "y", "z"],
        "photo": ["1.png", "a/1.png", "bad.png"],
        "kind": list("abc"),
        "label": [[1]] * 3,
    }
    pq.write_table(pa.table(columns), photos / "t.parquet")
    pq.write_table(pa.table({"key": ["r0", "r1"], "scan": data, "path": ["none", "none"]}), tmp_path / "bytes.parquet")
    shop = tmp_path / "shop"
    table = [photos / "t.parquet", "--image-column", "photo", "--label-column", "kind"]
    assert run(["embed", str(shop), *map(str, table), "--model", str(model)]) == 0
    (answer,) = run_json(capsys, "search", shop, "key:1.png", "-k", "1", "--json")
    assert [(hit["path"], hit["label"]) for hit in answer["hits"]] == [(f"{photos}/a/1.png", "b")]
    (rejected,) = run_json(capsys, "rejects", shop, "--json")
    assert rejected["path"] == f"{photos}/bad.png"
    assert run(["embed", str(shop), str(tmp_path / "bytes.parquet"), "--image-column", "scan"]) == 0
    capsys.readouterr()
    assert run(["search", str(shop), "key:r0", "-k", "3", "--sheet", str(tmp_path / "sheet.png")]) == 0
    assert "cannot" not in capsys.readouterr().err
    sheet = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB")).reshape(-1, 3)
    for seed, times in ((1, 2), (2, 2)):  # the query and its copy; the other picture from either table
        corner = (sheet == pixels(seed)[0, 0]).all(axis=1)
        assert corner.sum() >= times


def test_two_columns_of_a_table_under_two_prefixes(tmp_path, photos, model):
    pq.write_table(pa.table({"key": ["k"], "front": ["1.png"], "back": ["a/1.png"]}), photos / "t.parquet")
    with Collection.create(tmp_path / "shop") as shop:
        for column in ("front", "back"):
            shop.embed(photos / "t.parquet", model=model, prefix=f"{column}/", image_column=column)
        expected = {"front/k": f"{photos}/1.png", "back/k": f"{photos}/a/1.png"}
        assert paths(shop) == expected
        os.rename(photos / "t.parquet", photos / "u.parquet")
        assert set(paths(shop).values()) == {None}
        shop.move(photos / "t.parquet", photos / "u.parquet")
        assert paths(shop) == expected
        shop.remove(["front/k"])
        shop.index(compact=True)
        assert paths(shop) == {"back/k": f"{photos}/a/1.png"}


def test_one_image_is_its_own_file_also_through_a_link(tmp_path, photos, model):
    os.symlink(photos / "1.png", tmp_path / "link.png")
    with Collection.create(tmp_path / "shop") as shop:
        shop.embed(tmp_path / "link.png", model=model)
        assert paths(shop) == {"link.png": f"{photos}/1.png"}


def test_missing_hits_have_no_path(tmp_path, photos, model):
    with Collection.create(tmp_path / "shop") as shop:
        shop.embed(photos, model=model)
        assert shop.search("key:1.png", k=3).paths() == [[f"{photos}/a/1.png", None, None]]


def test_keys_vectors_and_paths_load_neither_torch_nor_pillow(tmp_path, photos, model):
    with Collection.create(tmp_path / "shop") as shop:
        shop.embed(photos, model=model, prefix="p/")
    shutil.copy(photos / "1.png", tmp_path / "query.png")
    code = f"""
import sys, os, lookalike
from lookalike.cli import run
os.chdir({str(photos)!r})
shop = lookalike.Collection.open({str(tmp_path / "shop")!r})
assert shop.search(shop._view.store.gather(shop._view.store.live_rows()), k=2).paths()[0][0]
assert run(["search", {str(tmp_path / "shop")!r}, "p/1.png", "--json"]) == 0
assert run(["rejects", {str(tmp_path / "shop")!r}, "--json"]) == 0
print(sorted({{"torch", "PIL", "sklearn"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]" and f"{photos}/a/1.png" in done.stdout
