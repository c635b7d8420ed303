"""What a sheet shows of answers, and `search --sheet` from the shell."""

import json
from contextlib import nullcontext

import numpy as np
import pytest
from PIL import Image

from lookalike.cli import run
from lookalike.search.pictures import sheet, strips
from lookalike.search.pictures.strips import Strips
from lookalike.shell.terminal import opener
from lookalike.store.errors import LookalikeWarning


def answer(query: str, hits: int) -> dict:
    return {
        "query": query,
        "hits": [{"key": f"k{i}", "label": f"c{i}", "score": 0.5, "distance": 1.0} for i in range(hits)],
    }


def test_answers_are_kept_until_the_sheet_is_full(shop, monkeypatch):
    monkeypatch.setattr(strips, "MOST", 10)
    kept = Strips(shop._view.store)
    for one in (answer("k1", 4), {"query": "gone", "error": "no such key"}, answer("k2", 4), answer("k3", 4)):
        kept.add(one)
    for name in ("k4", "k5"):
        kept.add(answer(name, 4))
    drawn = kept.drawn()
    assert [(strip.query.name, len(strip.hits)) for strip in drawn] == [("k1", 4), ("gone", 0), ("k2", 4), ("k3", 1)]
    assert kept.left_out == 3 + 4 + 4
    assert drawn[1].error == "error: no such key"
    first = drawn[0].hits[3]
    assert (first.name, first.label, first.distance, first.picture) == ("k3", "c3", 1.0, "no image")


def test_a_sheet_of_keys_and_vectors(shop, tmp_path, capsys):
    np.save(tmp_path / "v.npy", shop.raw[0][:2])
    out = tmp_path / "sheet.png"
    queries = ["k3", "missing", str(tmp_path / "v.npy")]
    assert run(["search", str(shop.path), *queries, "-k", "3", "--json", "--sheet", str(out)]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(line.get("hits", [])) for line in lines] == [3, 0, 3, 3]
    with Image.open(out) as image:
        width, height = image.size
    assert width == 2 * 16 + 4 * (160 + 12) + 12 and height == 16 + 4 * (160 + 3 * 17 + 12 + 12)


def test_a_sheet_that_cannot_be_written_is_refused_before_any_answer(shop, tmp_path, capsys):
    for name, words in (("a.gif", "must end in"), ("nowhere/a.png", "no such file")):
        assert run(["search", str(shop.path), "k1", "--sheet", str(tmp_path / name)]) == 1
        said = capsys.readouterr()
        assert words in said.err and said.out == "" and len(said.err.splitlines()) == 1
    assert run(["search", str(shop.path), "k1", "--open"]) == 2
    assert "--sheet FILE" in capsys.readouterr().err


def test_what_does_not_fit_is_said(shop, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sheet, "MOST", 4)
    monkeypatch.setattr(strips, "MOST", 4)
    assert run(["search", str(shop.path), "k1", "-k", "7", "--sheet", str(tmp_path / "a.png")]) == 0
    assert "leaves out 3 hits: one sheet shows at most 4 pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "warned", "words"),
    [
        ("exit 0", False, ""),
        ("exit 3", True, "failed (exit code 3)"),
        (None, True, "is not installed"),
        ("/bin/sleep 3", False, ""),
    ],
)
def test_open_shows_the_sheet_or_warns(shop, tmp_path, capsys, monkeypatch, script, warned, words):
    monkeypatch.setattr(opener, "_PATIENCE", 0.5)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    (tmp_path / "bin").mkdir()
    if script is not None:
        command = tmp_path / "bin" / opener.opener()
        command.write_text(f'#!/bin/sh\nprintf %s "$1" > "{tmp_path}/opened"\n{script}\n')
        command.chmod(0o755)
    out = tmp_path / "a.png"
    with pytest.warns(LookalikeWarning, match="open the file yourself") if warned else nullcontext() as said:
        assert run(["search", str(shop.path), "k1", "--sheet", str(out), "--open"]) == 0
    (missing,) = capsys.readouterr().err.splitlines()  # these rows were never images, which the sheet says
    assert (
        "10 pictures are missing in" in missing
        and "no image (10)" in missing
        and (not warned or words in str(said[0].message))
    )
    assert out.is_file()
    if script is not None:
        assert (tmp_path / "opened").read_text() == str(out)
