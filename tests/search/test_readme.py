"""The README's recipes: its commands and its Python, run as they stand; and the formats that it says are accepted."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, features

import lookalike
from lookalike import Collection
from lookalike.cli import cli

from .photos import pixels, save_model, save_photo

README = (Path(__file__).parents[2] / "README.md").read_text()
HOW = README[README.index("## How do I") : README.index("## Recipes")]
COMMANDS = re.findall(r"^    \$ (.+)$", HOW, re.M)
PYTHON = re.findall(r"```python\n(.*?)```", HOW, re.S)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """photos/ with two classes, embedded as `shop`, and new/: a copy, another picture, and no picture."""
    root = tmp_path_factory.mktemp("readme")
    for label, seeds in (("cat", range(6)), ("dog", range(10, 16))):
        for i in seeds:
            save_photo(root / "photos" / label / f"IMG {i}.png", i)
    save_photo(root / "new" / "other.png", 99)
    shutil.copy(root / "photos" / "cat" / "IMG 1.png", root / "new" / "a copy.png")
    (root / "new" / "broken.png").write_bytes(b"<html>")
    with Collection.create(root / "shop") as shop:
        shop.embed(root / "photos", model=save_model(root / "model of photos"))
    return root


def run_in(folder, command):
    """What a line of the shell prints, `lookalike` and `python` being ours."""
    words = command.replace("lookalike ", "python -m lookalike ", 1)
    assert words.startswith("python -m lookalike ")
    bin_ = folder / "bin"
    bin_.mkdir(exist_ok=True)
    python = bin_ / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    path = f"{bin_}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", words], cwd=folder, env={**os.environ, "PATH": path}, text=True, stdout=-1)
    return done.stdout


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_pictures_that_are_stored_already_are_found(desk):
    (command,) = COMMANDS
    lines = run_in(desk, command.replace("0.5", "0.001")).splitlines()
    assert [line.split(" ", 3)[3] for line in lines] == [f"{desk}/photos/cat/IMG 1.png"]
    assert lines[0].startswith("new/a copy.png 0")


def test_pictures_are_sorted_into_folders(desk):
    (command,) = re.findall(r"`(lookalike classify .* \| python sort\.py)`", HOW)
    (desk / "sort.py").write_text(PYTHON[0])
    run_in(desk, command)
    found = {path.name: path.parent.name for path in (desk / "sorted").rglob("*.png")}
    with Collection.open(desk / "shop") as shop:
        labels = shop.classify([str(desk / "new" / name) for name in ("a copy.png", "other.png")]).labels
    assert found == dict(zip(("a copy.png", "other.png"), labels, strict=True))
    assert (desk / "sorted" / labels[0] / "a copy.png").read_bytes() == (desk / "new" / "a copy.png").read_bytes()


def test_the_estimators_and_train_take_what_the_readme_gives_them(desk, monkeypatch):
    train, small = lookalike.train, {"image.size": 16, "model.dim": 4, "batch.classes": 2, "batch.images": 3}

    def trained(recipe, out, data=None, *, set):
        assert recipe in ("photos",) and list(set) == ["training.steps"]
        return train("glyphs", out, data, set={**small, "training.steps": 0, "data.validation_classes": 0.0})

    monkeypatch.chdir(desk)
    monkeypatch.setitem(lookalike.__dict__, "train", trained)
    names: dict = {}
    *lines, last = PYTHON[1].strip().splitlines()
    exec("\n".join(lines), names)
    assert last.startswith('card.scores["recall_at_1"], card.scores["untrained"]')
    assert 0 <= names["card"].scores["recall_at_1"] <= 1
    np.testing.assert_allclose(names["knn"].predict_proba(names["X"][:1]).sum(), 1)
    keys = names["table"]["key"].take(names["places"][0]).to_pylist()
    assert len(keys) == 5 and keys[0] == names["table"]["key"][0].as_py() and names["distances"].shape == (1, 5)


FORMATS = {
    "JPEG": ("jpg", "JPEG"),
    "PNG": ("png", "PNG"),
    "WebP": ("webp", "WEBP"),
    "GIF": ("gif", "GIF"),
    "BMP": ("bmp", "BMP"),
    "TIFF": ("tif", "TIFF"),
    "PPM": ("ppm", "PPM"),
    "AVIF": ("avif", "AVIF"),
}


def test_accepted_formats_are_named_and_accepted(desk, tmp_path):
    help_ = " ".join(CliRunner().invoke(cli, ["embed", "--help"]).output.split())
    named = re.search(r"Accepted are (.*?)\. The content", help_)
    assert named is not None and f"Accepted images are {named[1]}." in " ".join(
        README.replace("`", "").split()
    ).replace("the extra heif", "the extra `heif`")
    with Collection.open(desk / "shop") as shop:
        for name, (ending, kind) in FORMATS.items():
            assert f"{name}," in named[1] or f"{name} (" in named[1]
            if kind == "AVIF" and not features.check("avif"):
                continue
            Image.fromarray(pixels(3)).save(tmp_path / f"x.{ending}", kind)
            hits = shop.search(tmp_path / f"x.{ending}", k=1)
            assert np.isfinite(hits.distances).all(), kind
