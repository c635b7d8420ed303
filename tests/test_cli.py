"""The shell as a person meets it: JSON lines as the design has them, one-line errors, exit codes."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from lookalike import Collection
from lookalike.cli import run
from lookalike.store.errors import TooManyRejects


def lines(capsys) -> list[dict]:
    """What was printed on stdout, one JSON object a line."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def vectors(tmp_path, monkeypatch):
    """40 unit rows of four classes in v.npy, keys and labels beside it; the working folder is theirs."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    matrix = np.repeat(np.eye(4, 6), 10, axis=0) + 0.2 * rng.normal(size=(40, 6))
    matrix = (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)
    np.save("v.npy", matrix)
    (tmp_path / "keys.txt").write_text("".join(f"img{i:02d}.png\n" for i in range(40)))
    (tmp_path / "labels.txt").write_text("".join(f"class {i // 10}\n" for i in range(40)))
    return matrix


@pytest.fixture
def shop(vectors, capsys):
    """The same, imported as the collection `shop`."""
    assert run(["import", "shop", "v.npy", "--keys", "keys.txt", "--labels", "labels.txt", "--json"]) == 0
    done = lines(capsys)[0]
    assert (done["seen"], done["added"], done["skipped"], done["replaced"]) == (40, 40, 0, 0)
    return "shop"


def test_import_again_changes_nothing(shop, capsys):
    assert run(["import", shop, "v.npy", "--keys", "keys.txt", "--labels", "labels.txt", "--json"]) == 0
    assert lines(capsys)[0]["skipped"] == 40


def test_search_answers_one_object_a_query_with_the_fields_of_the_design(shop, vectors, capsys):
    assert run(["index", shop]) == 0
    capsys.readouterr()
    assert run(["search", shop, "img03.png", "key:img17.png", "-k", "2", "--json"]) == 0
    answers = lines(capsys)
    assert [answer["query"] for answer in answers] == ["img03.png", "key:img17.png"]
    scores = vectors @ vectors[3]
    scores[3] = -1
    best = int(scores.argmax())
    first = answers[0]["hits"][0]
    assert set(first) == {"key", "label", "score", "distance", "path"} and first["path"] is None  # imported
    assert (first["key"], first["label"]) == (f"img{best:02d}.png", f"class {best // 10}")
    assert first["score"] == pytest.approx(scores[best], abs=1e-6)
    assert first["distance"] == pytest.approx(np.sqrt(2 - 2 * scores[best]), abs=1e-5)


def test_classify_answers_with_the_fields_of_the_design(shop, capsys):
    assert run(["classify", shop, "img03.png", "img31.png", "--json"]) == 0
    answers = lines(capsys)
    assert [answer["label"] for answer in answers] == ["class 0", "class 3"]
    assert set(answers[0]) == {"query", "label", "nearest", "distance", "threshold", "margin", "by", "path"}
    assert answers[0]["threshold"] is None and answers[0]["margin"] > 0 and answers[0]["by"] == "prototype"


def test_an_unreadable_query_is_answered_in_its_place_and_the_exit_is_1(shop, capsys):
    assert run(["search", shop, "img03.png", "gone.png", "img04.png", "-k", "1", "--json"]) == 1
    answers = lines(capsys)
    assert set(answers[1]) == {"query", "error"} and "gone.png" in answers[1]["error"]
    assert answers[0]["hits"] and answers[2]["hits"]
    assert run(["classify", shop, "img03.png", "gone.png", "img04.png", "--json"]) == 1
    answers = lines(capsys)
    assert set(answers[1]) == {"query", "error"} and answers[0]["nearest"] and answers[2]["nearest"]


def test_an_image_needs_a_model(shop, capsys, tmp_path):
    Image.new("L", (8, 8)).save("new.png")
    assert run(["search", shop, "new.png"]) == 1
    assert "has no model" in capsys.readouterr().err


def test_info_and_bench_have_the_fields_of_the_design(shop, capsys):
    assert run(["info", shop, "--json"]) == 0
    info = lines(capsys)[0]
    assert list(info) == [
        "version", "dim", "rows", "deleted", "indexed", "classes", "rejects", "bytes", "model", "calibrated_at",
        "sources",
    ]  # fmt: skip
    assert (info["rows"], info["dim"], info["classes"], info["model"]) == (40, 6, 4, None)
    assert run(["bench", shop, "-k", "3", "--json"]) == 0
    assert lines(capsys)[0]["recall"] == 1.0
    assert run(["bench", shop]) == 0
    assert "recall@10" in capsys.readouterr().out


def test_remove_then_rollback_brings_the_image_back(shop, capsys):
    assert run(["remove", shop, "img00.png", "img01.png"]) == 0
    with Collection.open(shop) as collection:
        assert len(collection) == 38
        before = collection._view.store.version - 1
    assert run(["rollback", shop, "--to", str(before)]) == 0
    with Collection.open(shop) as collection:
        assert len(collection) == 40
    assert run(["verify", shop]) == 0 and run(["gc", shop]) == 0


ERRORS = [
    (["serch", "x"], 2, "did you mean 'search'"),
    (["search"], 2, "Missing argument 'COLLECTION'"),
    (["search", "shop", "img01.png", "-k", "0"], 2, "'-k': 0 is not in the range x>=1"),
    (["search", "nowhere", "x"], 1, "nowhere is not a collection: it does not exist; `embed` or `import` creates one"),
    (["classify", "shop", "img01.png", "--by", "magic"], 2, "'magic'"),
    (["import", "shop", "gone.npy"], 1, "gone.npy"),
    (["import", "new", "labels.txt"], 1, "labels.txt"),
    (["remove", "shop", "img00.png", "nope"], 1, "nope"),
    (["index", "shop", "--spec", "HNSW-nonsense"], 1, "HNSW-nonsense"),
    (["index", "shop", "--memory", "lots"], 1, "'lots'"),
    (["index", "shop", "--device", "gpu"], 1, "gpu"),
    (["classify", "shop", "img01.png", "--device", "gpu"], 1, "gpu"),
    (["search", "shop", "img01.png", "--device", "gpu"], 1, "gpu"),
    (["embed", "shop", "nofolder", "--model", "pretrained"], 1, "nofolder"),
    (["train", "norecipe", "--out", "m"], 1, "norecipe"),
    (["calibrate", "shop", "nofolder"], 1, "has no model"),
    (["export", "shop", "out.docx"], 1, "out.docx"),
    (["rollback", "shop", "--to", "99"], 1, "99"),
    (["export", "shop", "nowhere/x.parquet"], 1, "there is no folder nowhere"),
    (["remove", "shop", "key:nope"], 1, "nope"),
    (["search", "shop", "key:img00.png", "--where", "label > 100"], 1, "CAST(column AS DOUBLE)"),
]


@pytest.mark.parametrize(("arguments", "code", "named"), ERRORS, ids=[" ".join(error[0]) for error in ERRORS])
def test_an_error_is_one_line_that_names_the_thing(shop, capsys, arguments, code, named):
    assert run(arguments) == code
    said = capsys.readouterr()
    assert named in said.err and said.out == ""
    assert len(said.err.splitlines()) == 1 and "Traceback" not in said.err


def test_debug_shows_where(shop, capsys):
    assert run(["--debug", "search", "nowhere", "x"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_failed_import_creates_no_collection(vectors, tmp_path):
    assert run(["import", "fresh", "gone.npy"]) == 1
    assert run(["embed", "fresh", "gone", "--model", "pretrained"]) == 1
    (tmp_path / "pictures").mkdir()
    assert run(["embed", "fresh", "pictures"]) == 1
    assert not (tmp_path / "fresh").exists()


def test_too_many_rejects_are_counted_and_the_exit_is_3(monkeypatch, capsys):
    done = {
        "seen": 4,
        "embedded": 1,
        "skipped": 0,
        "duplicates": 0,
        "rejected": 3,
        "removed": 0,
        "ignored": 0,
        "seconds": 1.0,
    }

    def refuse(*_, **__):
        raise TooManyRejects("3 of 4 images were rejected", done)

    monkeypatch.setattr("lookalike.search.changing.filling.embed", refuse)
    assert run(["embed", "shop", "photos", "--max-rejects", "0.1", "--json"]) == 3
    said = capsys.readouterr()
    assert json.loads(said.out) == done and said.err == "lookalike: 3 of 4 images were rejected\n"
    assert run(["embed", "shop", "photos", "--max-rejects", "0.1"]) == 3
    assert "3 rejected" in capsys.readouterr().out


def test_names_with_control_characters_are_escaped_when_shown(vectors, capsys):
    with Collection.create("odd") as collection:
        collection.add(vectors[:2], ["a\nb", "c\x1b[31m"])
    assert run(["search", "odd", "key:a\nb"]) == 0
    out = capsys.readouterr().out
    assert "\\x1b[31m" in out and "\x1b" not in out and "a\\nb" in out


def test_a_closed_pipe_ends_quietly(shop):
    script = (
        "import sys; from lookalike.cli import main; sys.argv[1:] = ['search', 'shop', *['img03.png'] * 3000]; main()"
    )
    command = f'{sys.executable} -c "{script}" | head -1'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stdout == "img03.png\n" and done.stderr == ""


def test_an_interrupt_is_one_line(shop):
    script = (
        "import os, signal, sys; from lookalike import cli; from lookalike.search.view import View\n"
        f"View.open = classmethod(lambda *a, **k: os.kill(os.getpid(), {int(signal.SIGTERM)}) or 1 / 0)\n"
        "sys.argv = ['lookalike', 'search', 'shop', 'x']; cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 130 and done.stderr.split("\n") == [
        "",
        "lookalike: interrupted",
        "",
    ]  # click ends the line of ^C


def test_embed_names_the_first_rejected_images_and_says_where_the_others_are(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    assert run(["train", "digits", "--data", _digits(tmp_path), "--out", "model", "--set", "training.steps=0"]) == 0
    assert "on 4 images kept out of training" in capsys.readouterr().out
    for i in range(7):
        (tmp_path / "photos" / f"bad{i}.png").write_bytes(b"no image")
    Image.new("L", (16, 16), 90).save(tmp_path / "photos" / "good.png")
    assert run(["embed", "shop", "photos", "--model", "model"]) == 0
    said = capsys.readouterr()
    assert "1 embedded, 7 rejected" in said.out
    listed = [line for line in said.err.splitlines() if line.startswith("rejected bad")]
    assert [line.split(":")[0] for line in listed] == [f"rejected bad{i}.png" for i in range(5)]
    assert all(len(line.split(": ", 1)[1]) > 5 for line in listed) and "shop/rejects/*.parquet" in said.err
    (tmp_path / "empty").mkdir()
    assert run(["embed", "shop", "empty"]) == 0
    assert "the source has no image" in capsys.readouterr().err


def _digits(tmp_path) -> str:
    """Two class folders of twenty images each."""
    rng = np.random.default_rng(0)
    for label in "ab":
        (tmp_path / "digits" / label).mkdir(parents=True)
        for i in range(20):
            Image.fromarray(rng.integers(0, 255, (16, 16), np.uint8)).save(tmp_path / "digits" / label / f"{i}.png")
    return "digits"


def test_public_names_are_listed():
    import lookalike

    assert {"Collection", "LookalikeError", "compare"} <= set(dir(lookalike))


def test_the_process_ends_at_once_where_a_condition_is_still_at_work():
    script = (
        "import os; from lookalike import cli; import lookalike.store.version.conditions.limits as limits\n"
        "limits.left_running = lambda: True\n"
        "os._exit = lambda code: print('at once', code)\n"
        "cli._end(3)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (3, "at once 3\n")
