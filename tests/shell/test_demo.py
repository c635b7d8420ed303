"""The tour on real digits, with a short training: what it leaves, what it prints, and that it can be run again."""

import dataclasses
import json
import re

import pytest

import lookalike.embedder.recipe.recipe as recipes
from lookalike import Collection
from lookalike.cli import run
from lookalike.shell.demo import DATASETS, _draw, cut, digits


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """The folder of a demo trained for 60 steps, and what it printed."""
    folder = tmp_path_factory.mktemp("demo") / "tour"
    patch, load, printed = pytest.MonkeyPatch(), recipes.load_recipe, []

    def short(name, overrides=()):
        return load(name, (*overrides, "training.steps=60", "training.validate_every=30", "batch.images=8"))

    patch.setattr(recipes, "load_recipe", short)
    patch.setattr("click.echo", lambda line="", err=False, **_: printed.append((err, str(line))))
    try:
        assert run(["demo", str(folder)]) == 0
        first = list(printed)
        printed.clear()
        patch.setattr("lookalike.shell.demo._draw", lambda *_: "")  # once is enough
        assert run(["demo", str(folder)]) == 0
    finally:
        patch.undo()
    return folder, [line for err, line in first if not err], [line for err, line in printed if not err]


def test_it_leaves_what_the_design_promises(tour):
    folder = tour[0]
    assert (folder / "model" / "encoder.safetensors").is_file() and (folder / "model" / "encoder.json").is_file()
    assert {path.name for path in (folder / "images" / "unknown").iterdir()} == {"8", "9"}
    assert {path.name for path in (folder / "images" / "known").iterdir()} == set("01234567")
    assert (folder / "report.html").read_bytes().startswith(b"<!DOCTYPE html>")
    with Collection.open(folder / "collection") as collection:
        info = collection.info()
        assert info["rows"] == info["indexed"] == len(list((folder / "images" / "train").glob("*/*.png")))
        assert info["classes"] == 8 and info["calibrated_at"] is not None


def test_its_table_holds_what_was_measured(tour):
    table = "\n".join(tour[1])
    for name in ("recall@1", "MAP@R", "AUROC known against unknown", "unknown given a label", "one query"):
        assert name in table
    recall = float(re.search(r"recall@1 +(\d\.\d+)", table)[1])
    assert recall > 0.9
    assert "1 % needs 299 unknown images, 0.1 % 2995" in table


def test_the_next_commands_work(tour, capsys):
    _, printed, _ = tour
    commands = [line.split()[1:] for line in printed if line.strip().startswith("lookalike ")]
    assert len(commands) == 4
    for command in commands:
        assert run(command) == 0
    out = capsys.readouterr().out
    assert json.loads(out.splitlines()[-1])["classes"] == 8


def test_the_report_shows_every_section_and_is_named_in_the_closing_lines(tour):
    page = (tour[0] / "report.html").read_text()
    for name in ("map", "roc", "confusion", "unknowns", "training", "latency", "provenance"):
        assert f'<section id="{name}">' in page
    assert 'id="left-out"' not in page
    assert str(tour[0] / "report.html") in tour[1][-1]


def test_without_matplotlib_it_says_what_to_install(tour, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name))
    with Collection.open(tour[0] / "collection") as collection:
        said = _draw(collection, tour[0])
    assert "pip install 'lookalike[report]'" in said and len(said.splitlines()) == 1
    assert said.split(" and ")[1].split()[:2] == ["lookalike", "report"]


def test_running_it_again_keeps_the_model_and_embeds_nothing_new(tour):
    assert any(re.search(r"embedded now +0 in", line) for line in tour[2])


def test_another_dataset_is_refused_in_its_folder(tour, capsys):
    assert run(["demo", str(tour[0]), "--dataset", "fashion-mnist"]) == 1
    assert "contains the demo of 'digits'" in capsys.readouterr().err


def test_no_image_has_two_purposes_and_held_out_classes_never_train():
    labels = digits()[1]
    purposes = list(cut(labels, DATASETS["digits"].held_out, DATASETS["digits"].shares))
    assert len(purposes) == 1797
    by = {
        purpose: {label for label, given in zip(labels, purposes, strict=True) if given == purpose}
        for purpose in purposes
    }
    assert by["train"] == by["known"] == set("01234567") and by["unknown"] == {"8", "9"}
    assert by["calibrate"] == set("0123456789")


def test_both_datasets_name_a_shipped_recipe_and_real_classes(fashion_mnist):
    for dataset in DATASETS.values():
        assert recipes.load_recipe(dataset.recipe).model.dim == 64
        images, labels = dataset.load()
        assert len(images) == len(labels) and set(dataset.held_out) < set(labels)
        assert dataclasses.is_dataclass(dataset) and images.max() == 255
