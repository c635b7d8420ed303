"""The shell of search, classify, cluster, rejects, info: stdin, folders, paths, the next command, what is mistaken."""

import csv
import io
import json
import os
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from lookalike import Collection
from lookalike.cli import run

from ..search.photos import save_model, save_photo


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """photos/ of four pictures in two class folders, embedded as `shop` by `model`; the working folder is theirs."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("cat/0.png", "cat/1.png", "dog/2.png", "dog/3.png")):
        save_photo(tmp_path / "photos" / name, number)
    (tmp_path / "photos" / "bad.png").write_bytes(b"<html>")
    (tmp_path / "photos" / "worse.png").write_bytes(b"")
    save_model(tmp_path / "model")
    with Collection.create("shop") as collection:
        collection.embed("photos", model="model")
    return "shop"


@pytest.fixture
def said(capsys):
    """said(words, code): runs one command line, and gives stdout and stderr."""

    def run_and_read(*words, code=0):
        capsys.readouterr()
        assert run(list(words)) == code
        read = capsys.readouterr()
        return SimpleNamespace(
            out=read.out, err=read.err, json=[json.loads(line) for line in read.out.splitlines() if line[:1] == "{"]
        )

    return run_and_read


@pytest.fixture
def pipe(monkeypatch):
    """pipe(bytes): what standard input will give."""

    def give(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return give


def test_hits_have_their_path_in_json_always(shop, said, tmp_path):
    (answer,) = said("search", shop, "photos/cat/1.png", "-k", "2", "--json").json
    first = answer["hits"][0]
    assert list(first) == ["key", "label", "score", "distance", "path"]
    assert (first["key"], first["path"]) == ("cat/1.png", f"{tmp_path}/photos/cat/1.png")


def test_paths_alone_are_ready_for_a_pipe(shop, said, tmp_path):
    done = said("search", shop, "key:cat/0.png", "photos/dog/2.png", "-k", "1", "--paths")
    assert all(os.path.isfile(line) for line in done.out.splitlines()) and len(done.out.splitlines()) == 2
    os.unlink(tmp_path / "photos" / "dog" / "2.png")
    os.unlink(tmp_path / "photos" / "dog" / "3.png")
    done = said("search", shop, "key:cat/0.png", "gone.png", "-k", "3", "--paths", code=1)
    assert done.out == f"{tmp_path}/photos/cat/1.png\n"
    assert "key:cat/0.png: 2 hits have no file" in done.err and "gone.png: error: 'gone.png' is neither" in done.err


@pytest.mark.parametrize(("name", "printed"), [(b"\xe9.png", b"\xe9.png"), (b"a\nb.png", b"a\\nb.png")])
def test_a_name_that_is_no_text_is_piped_as_it_is_and_controls_nothing(shop, capfdbinary, name, printed):
    shutil.copy(b"photos/dog/2.png", b"photos/dog/" + name)
    with Collection.open(shop) as collection:
        collection.embed("photos")
    capfdbinary.readouterr()
    assert run(["search", shop, "key:dog/2.png", "-k", "1", "--paths"]) == 0
    assert capfdbinary.readouterr().out.endswith(b"/photos/dog/" + printed + b"\n")


def test_text_without_paths_looks_none_up(shop, said, monkeypatch):
    monkeypatch.setattr("lookalike.search.neighbours.hits.Hits.paths", None)
    assert "  0.000  cat/1.png  [cat]" in said("search", shop, "photos/cat/1.png", "-k", "1").out


def test_classify_gives_the_querys_own_file(shop, said, tmp_path, monkeypatch):
    np.save("v.npy", np.eye(1, 16, dtype=np.float32))
    answers = said("classify", shop, "photos/cat/1.png", "dog/2.png", "v.npy", "--json").json
    photos = f"{tmp_path}/photos"
    assert [answer["path"] for answer in answers] == [f"{photos}/cat/1.png", f"{photos}/dog/2.png", None]
    assert said("classify", shop, "key:dog/2.png", "--paths").out.startswith(f"{photos}/dog/2.png: ")
    monkeypatch.chdir("photos")
    assert said("classify", "../shop", "dog/2.png", "--json").json[0]["path"] == f"{photos}/dog/2.png"


@pytest.mark.parametrize("command", ["search", "classify"])
def test_an_image_comes_by_standard_input(shop, said, pipe, command):
    with open("photos/dog/2.png", "rb") as file:
        data = file.read()
    pipe(data)
    answers = said(command, shop, "key:cat/0.png", "-", "photos/cat/1.png", "--json").json
    assert [answer["query"] for answer in answers] == ["key:cat/0.png", "-", "photos/cat/1.png"]
    expected = said(command, shop, "photos/dog/2.png", "--json").json[0]
    if command == "search":
        assert [hit["key"] for hit in answers[1]["hits"]] == [hit["key"] for hit in expected["hits"]]
        assert answers[1]["hits"][0]["distance"] < 1e-3
    else:
        assert answers[1]["distance"] == pytest.approx(expected["distance"], abs=1e-5) and answers[1]["path"] is None
    pipe(b"")
    answers = said(command, shop, "-", "key:cat/0.png", "--json", code=1).json
    assert list(answers[0]) == ["query", "error"] and answers[0]["query"] == "-" and "is empty" in answers[0]["error"]
    assert "error" not in answers[1]
    pipe(b"no image")
    assert "'-' is not a readable image" in said(command, shop, "-", "--json", code=1).json[0]["error"]


def test_vectors_come_by_standard_input_too_and_are_told_by_their_content(shop, said, pipe):
    with Collection.open(shop) as collection:
        rows = collection._view.store.gather(np.array([1, 2]))
    stream = io.BytesIO()
    np.save(stream, rows)
    pipe(stream.getvalue())
    answers = said("search", shop, "-", "-k", "1", "--json").json
    assert [answer["query"] for answer in answers] == ["-[0]", "-[1]"]
    assert [answer["hits"][0]["key"] for answer in answers] == ["cat/1.png", "dog/2.png"]


def test_a_terminal_is_not_waited_for(shop, said, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    assert "which is a terminal" in said("search", shop, "-", "--json", code=1).json[0]["error"]


def test_compare_takes_one_image_by_standard_input(shop, said, pipe):
    with open("photos/dog/2.png", "rb") as file:
        pipe(file.read())
    (answer,) = said("compare", "-", "photos/dog/2.png", "--model", "model", "--json").json
    assert answer["a"] == "-" and answer["distance"] < 1e-3


def test_a_folder_answers_for_each_image_and_says_which_cannot_be_read(shop, said):
    answers = said("search", shop, "photos", "-k", "1", "--json", code=1).json
    assert [answer["query"] for answer in answers] == [
        f"photos/{name}" for name in ("bad.png", "cat/0.png", "cat/1.png", "dog/2.png", "dog/3.png", "worse.png")
    ]
    assert [set(answer) == {"query", "error"} for answer in answers] == [True, False, False, False, False, True]
    assert said("classify", shop, "photos/[cd]*", "--json").json[3]["query"] == "photos/dog/3.png"


def test_more_images_than_a_batch_are_answered(shop, said, monkeypatch):
    monkeypatch.setattr("lookalike.shell.ask._BATCH", 2)
    assert len(said("search", shop, "photos", "key:cat/1.png", "-k", "1", "--json", code=1).json) == 7


def test_a_sheet_draws_what_was_piped_and_warns_of_pictures_it_lacks(shop, said, pipe, tmp_path):
    with open("photos/dog/2.png", "rb") as file:
        data = file.read()
    pipe(data)
    assert "warning" not in said("search", shop, "-", "-k", "2", "--sheet", "a.png").err
    assert said("search", shop, "photos/dog/2.png", "-k", "2", "--sheet", "b.png").err == ""
    first, second = (np.asarray(Image.open(name)) for name in ("a.png", "b.png"))
    assert (first[16:176, 16:176] == second[16:176, 16:176]).all()  # the query's tile
    (tmp_path / "photos").rename(tmp_path / "moved")
    err = said("search", shop, "key:cat/0.png", "-k", "2", "--sheet", "c.png").err
    assert "warning: 2 pictures are missing in c.png: source cannot be read (2)" in err
    assert f"`lookalike move {tmp_path}/shop OLD NEW`" in err


def test_clusters_have_the_paths_of_their_typical_images(shop, said, tmp_path):
    *clusters, _ = said("cluster", shop, "-k", "1", "--json").json
    assert clusters[0]["paths"] == [f"{tmp_path}/photos/{key}" for key in clusters[0]["medoids"]]
    done = said("cluster", shop, "-k", "1", "--paths", "--out", "c.csv")
    assert f"{tmp_path}/photos/{clusters[0]['medoids'][0]}" in done.out
    rows = list(csv.DictReader((tmp_path / "c.csv").read_text().splitlines()))
    assert [row["path"] for row in rows] == [f"{tmp_path}/photos/{row['key']}" for row in rows] and len(rows) == 4
    said("cluster", shop, "-k", "1", "--out", "d.csv")
    assert (tmp_path / "d.csv").read_text().startswith("key,cluster\n")


def test_rejects_are_listed_by_reason_and_with_their_files(shop, said, tmp_path):
    answers = said("rejects", shop, "--json").json
    assert [list(answer) for answer in answers] == [["key", "stage", "reason", "content_sha256", "source", "path"]] * 2
    assert [answer["path"] for answer in answers] == [f"{tmp_path}/photos/{name}" for name in ("bad.png", "worse.png")]
    assert {answer["source"] for answer in answers} == {f"{tmp_path}/photos"}
    (only,) = said("rejects", shop, "--reason", "EMPTY", "--json").json
    assert (only["key"], only["stage"]) == ("worse.png", "decode")
    text = said("rejects", shop).out
    assert "1 image: empty file (decode)\n  worse.png\n" in text
    assert said("rejects", shop, "--paths", "--reason", "empty").out == f"{tmp_path}/photos/worse.png\n"
    assert "no image was rejected for 'x'" in said("rejects", shop, "--reason", "x").err
    with Collection.open(shop) as collection:
        collection.embed("photos", prefix="p/")
    found = {one["key"]: one["path"] for one in said("rejects", shop, "--json").json}
    assert found["p/worse.png"] == f"{tmp_path}/photos/worse.png"


def test_info_says_which_sources_can_be_reached(shop, said, tmp_path):
    save_photo(tmp_path / "one.png", 9)
    with Collection.open(shop) as collection:
        collection.embed("one.png")
        collection.add(np.eye(1, 16, dtype=np.float32), ["added"])
    (facts,) = said("info", shop, "--json").json
    folder = {"source": f"{tmp_path}/photos", "rows": 4, "reachable": True}
    one = {"source": f"{tmp_path}/one.png", "rows": 1, "reachable": True}
    assert facts["sources"] == [one, folder, {"source": "add", "rows": 1, "reachable": None}]
    assert f"source {tmp_path}/photos: 4 images, can be read now" in said("info", shop).out
    (tmp_path / "photos").rename(tmp_path / "moved")
    (tmp_path / "photos").mkdir()  # what a disk that is not mounted leaves
    os.unlink("one.png")
    done = said("info", shop)
    assert f"source {tmp_path}/photos: 4 images, cannot be read now" in done.out
    assert f"source {tmp_path}/one.png: 1 image, cannot be read now" in done.out and "lookalike move shop" in done.err


def test_after_each_command_the_next_is_named_on_stderr(shop, said, tmp_path):
    assert said("embed", shop, "photos").err.splitlines()[-1] == "next: lookalike search shop IMAGE"
    assert said("index", shop).err.splitlines()[-1] == "next: lookalike calibrate shop LABELLED_PHOTOS"
    np.save("v.npy", np.eye(3, dtype=np.float32))
    assert said("import", "my vectors", "v.npy").err.splitlines()[-1] == "next: lookalike search 'my vectors' KEY"
    assert said("index", "my vectors").err.splitlines()[-1] == "next: lookalike search 'my vectors' KEY"
    for words in (["embed", shop, "photos"], ["index", shop], ["import", "my vectors", "v.npy"]):
        assert "next:" not in said(*words, "--json").err


def test_after_calibrate_comes_classify(shop, said, monkeypatch):
    made = SimpleNamespace(by="knn", to_json=lambda: {"by": "knn"})
    monkeypatch.setattr(Collection, "calibrate", lambda *_, **__: made)
    assert said("calibrate", shop, "photos").err == "next: lookalike classify shop IMAGE --by knn\n"
    assert said("calibrate", shop, "photos", "--json").err == ""


def test_a_large_collection_is_indexed_next(shop, said, monkeypatch):
    monkeypatch.setattr("lookalike.shell.output._LARGE", 4)
    assert said("embed", shop, "photos").err.splitlines()[-1] == "next: lookalike index shop"
    said("index", shop)
    assert said("embed", shop, "photos").err.splitlines()[-1] == "next: lookalike search shop IMAGE"


MISTAKEN = [
    (["embed", "photos", "shop"], "a folder of images, not a collection; did you mean `lookalike embed shop photos`"),
    (["embed", "photos", "new"], "is a folder of images, not a collection; did you mean `lookalike embed new photos`?"),
    (["search", "photos/cat/0.png", "shop"], "is an image, not a collection; did you mean `lookalike search shop"),
    (["search", "key", "other", "shop", "-k", "1"], "key is not a collection; did you mean `lookalike search shop key"),
    (["classify", "photos", "shop"], "did you mean `lookalike classify shop photos`?"),
    (["calibrate", "photos", "shop"], "did you mean `lookalike calibrate shop photos`?"),
    (["evaluate", "photos", "shop"], "did you mean `lookalike evaluate shop photos`?"),
    (["remove", "cat/0.png", "shop"], "did you mean `lookalike remove shop cat/0.png`?"),
    (["import", "v.npy", "shop"], "v.npy is a file, not a collection; did you mean `lookalike import shop v.npy`?"),
    (["search", "model", "q"], "model is a model, not a collection: create one with this model by"),
    (["search", "photos", "q"], "photos is a folder of images, not a collection: create one from it"),
    (["embed", "shop", "model"], "source 'model' is a model, not a folder of images"),
    (["train", "digits", "--data", "shop", "--out", "m"], "source 'shop' is a collection, not a folder of images"),
    (["evaluate", "shop", "model"], "source 'model' is a model, not a folder of images"),
    (["embed", "shop", "shop"], "source 'shop' is a collection, not a folder of images"),
    (["calibrate", "shop", "shop"], "source 'shop' is a collection, not a folder of images"),
    (["embed", "new", "photos", "--model", "photos"], "photos is not a model, because it has no encoder.json"),
    (["embed", "new", "photos", "--model", "shop"], "shop is a collection, not a model"),
    (["export", "x.parquet", "shop"], "did you mean `lookalike export shop x.parquet`?"),
    (["move", "photos", "shop", "elsewhere"], "did you mean `lookalike move shop photos elsewhere`?"),
    (["report", "photos", "--out", "r.html"], "photos is a folder of images, not a collection: create one from it"),
    (["prototypes", "model"], "model is a model, not a collection"),
    (["bench", "v.npy"], "v.npy is a file, not a collection"),
    (["info", "photos"], "photos is a folder of images, not a collection: create one from it"),
    (["verify", "photos/cat/0.png"], "photos/cat/0.png is an image, not a collection"),
    (["train", "photos/cat", "--out", "new"], "is a folder, not a recipe: train on it with `lookalike train"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "named"), MISTAKEN, ids=[" ".join(words) for words, _ in MISTAKEN])
def test_mistaken_arguments_are_answered_with_what_was_meant(shop, said, words, named):
    np.save("v.npy", np.eye(3, dtype=np.float32))
    done = said(*words, code=1)
    assert named in done.err and done.out == "" and len(done.err.splitlines()) == 1
    assert not os.path.exists("new")
