"""`lookalike train` in the shell: what it says, and how it refuses."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from lookalike.cli import run
from lookalike.embedder.training.trainer import Trainer
from lookalike.shell.train import train
from lookalike.store.errors import LookalikeError

SETTINGS = [
    "image.size=16",
    "model.dim=4",
    "data.validation_classes=0",
    "batch.classes=3",
    "batch.images=3",
    "training.steps=4",
    "training.validate_every=2",
]


@pytest.fixture
def photos(tmp_path):
    """Three class folders of eight images."""
    random = np.random.default_rng(0)
    for number, label in enumerate("abc"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(8):
            pixels = np.clip(80 * number + random.integers(0, 60, (16, 16)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{i}.png")
    return tmp_path / "photos"


def invoked(tmp_path, photos, *more):
    (tmp_path / "recipe.toml").write_text("")
    changes = [word for setting in (*SETTINGS, *more) for word in ("--set", setting)]
    words = [str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "model"), "--data", str(photos), *changes]
    return words, CliRunner()


def test_train_says_how_far_classes_lie_apart_before_and_after(tmp_path, photos):
    words, runner = invoked(tmp_path, photos)
    said = runner.invoke(train, words, catch_exceptions=False)
    assert said.exit_code == 0
    assert said.stderr.splitlines()[-1] == f"next: lookalike embed COLLECTION PHOTOS --model {tmp_path}/model"
    card = json.loads((tmp_path / "model" / "training.json").read_text())["card"]
    line = f"mean distance between classes minus within classes: {card['scores']['gap']:.3f} ("
    assert f"{line}{card['history'][0]['gap']:.3f} before training" in said.stdout


def test_train_takes_a_loss_and_its_settings(tmp_path, photos):
    words, runner = invoked(tmp_path, photos, "loss.name=softmax", "loss.scale=8")
    said = runner.invoke(train, [*words, "--json"], catch_exceptions=False)
    card = json.loads(said.stdout)
    assert "next:" not in said.stderr
    assert [entry["step"] for entry in card["history"]] == [0, 2, 4]
    recipe = json.loads((tmp_path / "model" / "encoder.json").read_text())["recipe"]
    assert recipe["loss"] == {"name": "softmax", "scale": 8.0} and recipe["mining"] == {}


def test_train_refuses_a_setting_of_another_loss(tmp_path, photos):
    words, runner = invoked(tmp_path, photos, "loss.name=softmax", "loss.margin=0.2")
    with pytest.raises(LookalikeError, match=r"loss\.margin = 0\.2: the loss softmax has no margin"):
        runner.invoke(train, words, catch_exceptions=False)
    assert not (tmp_path / "model").exists()


def test_an_interrupted_training_says_what_is_kept(tmp_path, photos, monkeypatch, capsys):
    words, _ = invoked(tmp_path, photos)
    advance, stop_at = Trainer.advance, []

    def advance_or_stop(trainer):
        if trainer.step == stop_at[0]:
            raise KeyboardInterrupt
        advance(trainer)

    monkeypatch.setattr(Trainer, "advance", advance_or_stop)
    for step, said in (
        (1, "interrupted before the first checkpoint: nothing was saved"),
        (3, "use --resume to continue from step 2"),
    ):
        stop_at[:] = [step]
        assert run(["train", *words]) == 130
        assert said in capsys.readouterr().err
    assert not (tmp_path / "model" / "encoder.json").exists()
    monkeypatch.setattr("lookalike.embedder.training.folder.checkpoint.remove", interrupt)
    stop_at[:] = [-1]
    assert run(["train", *words, "--resume"]) == 130
    assert "model is complete" in capsys.readouterr().err


def interrupt(*_):
    raise KeyboardInterrupt


def test_train_says_what_it_skipped_and_which_option_follows_links(tmp_path, photos):
    outside = tmp_path / "outside"
    (photos / "c").rename(outside)
    (photos / "c").symlink_to(outside)
    (photos / "a/9.png").symlink_to(outside / "0.png")
    (photos / "b/0.png").write_bytes(b"no image")
    (photos / "#recycle").mkdir()
    words, runner = invoked(tmp_path, photos, "batch.classes=2")
    said = runner.invoke(train, [*words, "--json"], catch_exceptions=False)
    assert json.loads(said.stdout)["reasons"]["link leads out of the source"] == 2
    first, *others = said.stderr.splitlines()[-3:]
    assert first.startswith("skipped 3 images: link leads out of the source (2), ")
    assert others == [
        "skipped 1 file or folder created by a file server or system: #recycle",
        "2 links out of the source or to folders were not followed: --follow-links follows them",
    ]
    words[words.index("--out") + 1] = str(tmp_path / "second")
    said = runner.invoke(train, [*words, "--follow-links", "--json"], catch_exceptions=False)
    card = json.loads(said.stdout)
    assert card["images"] == 24 and card["training_classes"] == ["a", "b", "c"] and "--follow-links" not in said.stderr


def test_where_nothing_but_links_could_be_trained_on_the_option_is_named(tmp_path, photos):
    (tmp_path / "linked").mkdir()
    for label in "abc":
        (tmp_path / "linked" / label).symlink_to(photos / label)
    words, runner = invoked(tmp_path, tmp_path / "linked")
    with pytest.raises(LookalikeError) as error:
        runner.invoke(train, words, catch_exceptions=False)
    assert "3 cannot be read: link leads out of the source (3)" in str(error.value)
    assert str(error.value).endswith("--follow-links follows them")


def test_a_source_behind_the_recipe_is_told_where_it_goes(tmp_path, photos, capsys):
    assert run(["train", "photos", str(photos), "--out", str(tmp_path / "m")]) == 2
    assert f"unexpected extra argument ({photos}): give a source of images with --data" in capsys.readouterr().err
