"""`lookalike.train`: what the shell does, from Python."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import lookalike
from lookalike import LookalikeError
from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.recipe.recipe import load_recipe

SETTINGS = {
    "image.size": 16,
    "model.dim": 4,
    "data.validation_classes": ["b", "c"],
    "batch.classes": 2,
    "batch.images": 3,
    "training.steps": 2,
    "training.validate_every": 1,
    "training.precision": "fp32",  # "auto" asks a clock, which may decide otherwise in the next training
    "loss.name": "softmax",
}


@pytest.fixture
def photos(tmp_path):
    """Four class folders of six images."""
    random = np.random.default_rng(0)
    for number, label in enumerate("abcd"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(6):
            pixels = np.clip(60 * number + random.integers(0, 60, (16, 16)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{i}.png")
    return tmp_path / "photos"


def test_it_trains_as_the_shell_does_and_gives_the_model(tmp_path, photos):
    told = []
    card = lookalike.train(
        "glyphs", tmp_path / "model", photos, set=SETTINGS, device="cpu", progress=lambda *said: told.append(said)
    )
    encoder = Encoder.load(card.path)
    assert (card.path, card.digest, card.dim) == (tmp_path / "model", encoder.digest, 4)
    assert card.training_classes == ["a", "d"] and 0 <= card.scores["recall_at_1"] <= 1
    assert told[-1][:2] == (2, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        card.digest = "other"
    texts = [f"{key}={value!r}".replace("'", '"') for key, value in SETTINGS.items()]
    again = lookalike.train("glyphs", tmp_path / "again", str(photos), set=texts)
    loaded = lookalike.train(load_recipe("glyphs", texts), tmp_path / "third", photos)
    assert card.digest == again.digest == loaded.digest
    assert again.training_classes == loaded.training_classes == card.training_classes
    assert lookalike.train("glyphs", tmp_path / "model", photos, set=SETTINGS, resume=True) == card
    with lookalike.Collection.create(tmp_path / "shop") as shop:
        assert shop.embed(photos, model=card.path)["embedded"] == 24


def test_a_source_is_read_as_it_is_asked_for(tmp_path, photos):
    rows = [f"{photos}/{label}/{i}.png,{label}" for label in "abcd" for i in range(6)]
    (tmp_path / "list.csv").write_text("file,kind\n" + "\n".join(rows))
    columns = {"image_column": "file", "label_column": "kind"}
    card = lookalike.train("glyphs", tmp_path / "table", tmp_path / "list.csv", set=SETTINGS, **columns)
    assert card.images == 24 and card.training_classes == ["a", "d"]
    card = lookalike.train("glyphs", tmp_path / "part", photos, set=SETTINGS, exclude="d/[3-5].png")
    assert card.images == 21
    with pytest.raises(LookalikeError, match="nothing to train on"):
        lookalike.train("glyphs", tmp_path / "none", photos, set=SETTINGS, labels=False)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"recipe": "nothing"}, "there is no recipe 'nothing': the shipped recipes are"),
        ({"set": {"training.stepz": 1}}, "unknown key training.stepz: did you mean 'steps'"),
        ({"set": {"training.steps": "many"}}, "training.steps"),
        ({"set": "training.steps=5"}, "give a list of texts, or a dictionary"),
        ({"recipe": load_recipe("glyphs"), "set": ["training.steps=5"]}, "change the Recipe itself"),
        ({"data": None}, "data.source is missing"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(tmp_path, photos, options, why):
    given = {"recipe": "glyphs", "data": photos, **options}
    with pytest.raises(LookalikeError, match=why):
        lookalike.train(given.pop("recipe"), tmp_path / "model", **given)
    assert not (tmp_path / "model").exists()


def test_asking_for_it_does_not_load_torch():
    code = "import lookalike, sys; lookalike.train; raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
