"""An encoder knows which images it was trained on, wherever they come from again."""

import hashlib
import warnings

import numpy as np
import pytest
from PIL import Image

from lookalike import Collection
from lookalike.embedder.encoders.encode import encode_source
from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.encoders.training_images import NO_MARKS, mark, seen
from lookalike.embedder.recipe.recipe import load_recipe
from lookalike.embedder.sources import open_source
from lookalike.embedder.training.sweeping.sweep import combinations, sweep
from lookalike.embedder.training.train import train
from lookalike.store.errors import LookalikeWarning


def contents(*numbers):
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in numbers]


def test_marks_tell_contents_apart_like_a_set():
    known = np.unique(np.array(list(map(mark, contents(*range(500)))), dtype=np.int64))
    assert len(known) == 500
    asked = [*contents(0, 499, 500, 250, 9999), None]
    assert seen(asked, known).tolist() == [True, True, False, True, False, False]
    assert seen(asked, NO_MARKS).tolist() == [False] * 6 and seen([], known).shape == (0,)


SETTINGS = ["training.steps=2", "batch.classes=2", "batch.images=2", "image.size=16", "data.validation_classes=0.5"]


@pytest.fixture
def photos(tmp_path):
    """Two folders of the same four classes: `old`, which a model in `model` was trained on, and `new`."""
    rng = np.random.default_rng(0)
    for name in ("old", "new"):
        for label in "abcd":
            folder = tmp_path / name / label
            folder.mkdir(parents=True)
            for i in range(6):
                pixels = rng.integers(0, 60, (16, 16)) + 180 * (
                    np.indices((16, 16)).sum(0) % (2 + "abcd".index(label)) == 0
                )
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    train(load_recipe("glyphs", SETTINGS), tmp_path / "model", data=str(tmp_path / "old"))
    return tmp_path


def test_a_trained_encoder_knows_its_images_and_no_others(photos):
    encoder = Encoder.load(photos / "model")
    one, two = encoder.training_classes  # the other two were kept out, and may stand for the unknown
    assert len(encoder.training_images) == 12 and (np.diff(encoder.training_images) > 0).all()
    old = encode_source(encoder, open_source(photos / "old"))
    assert old.seen.tolist() == [label in (one, two) for label in old.labels]
    (photos / "old" / one / "0.png").rename(photos / "new" / two / "moved.png")
    fresh = encode_source(encoder, open_source(photos / "new"))
    assert [key for key, was in zip(fresh.keys, fresh.seen, strict=True) if was] == [f"{two}/moved.png"]
    assert Encoder.load(photos / "model", precision="fp32").digest == encoder.digest


def test_who_is_judged_by_them_is_told(photos):
    with Collection.create(photos / "shop") as shop:
        shop.embed(photos / "new", model=photos / "model")
        with pytest.warns(LookalikeWarning, match="was trained on 12 of the 24 images of .*old: on new images"):
            shop.evaluate(photos / "old")
        made = shop.calibrate(str(photos / "old"), conformal=0.2)
        assert made.images["seen_in_training"] == 12 and "left aside: 12 seen in training" in str(made)
        assert made.images["known"] == 12
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            shop.evaluate(photos / "new")


def test_so_do_the_models_of_a_sweep_and_untrained_ones_know_none(photos):
    planned = combinations("glyphs", ["model.dim=4,8"], SETTINGS)
    for run in list(sweep(planned, photos / "sweep", data=str(photos / "old"))):
        assert len(Encoder.load(run.model).training_images) == 12
    train(load_recipe("glyphs", [*SETTINGS, "training.steps=0"]), photos / "none", data=str(photos / "old"))
    assert len(Encoder.load(photos / "none").training_images) == 0
