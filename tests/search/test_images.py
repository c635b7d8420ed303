"""Images that were asked with are encoded once: later runs take their vectors, bit for bit, and do without torch."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from lookalike import Collection, LookalikeError
from lookalike.embedder.backbones import build
from lookalike.embedder.encoders.encoder import Encoder, encoder_card, make_encoder, save_encoder
from lookalike.embedder.encoders.training_images import mark
from lookalike.embedder.images.preprocessing import Preprocessing
from lookalike.embedder.recipe.recipe import Recipe
from lookalike.search.calibrating.labelled_source import LabelledSource

LOADED = """
import json, sys, warnings
warnings.simplefilter("ignore")
from lookalike.search.collection import Collection
with Collection.open(sys.argv[1]) as shop:
    made = shop.calibrate(sys.argv[2], fpr=0.3, cache=len(sys.argv) < 4)
    measured = shop.evaluate(sys.argv[2], cache=len(sys.argv) < 4)
answer = {name: value for name, value in made.to_json().items() if name not in ("version",)}
print(json.dumps([("torch" in sys.modules), answer, measured.to_json()]))
"""


def untrained(classes, seen):
    """A conv4 of random weights that says it was trained on these classes, and on images of these contents."""
    recipe = Recipe.from_dict({"image": {"size": 28, "channels": 3}, "model": {"dim": 16}})
    card = encoder_card(recipe, Preprocessing(28, 3, (0.5,) * 3, (0.25,) * 3), "fp32", classes)
    marks = np.array(sorted(mark(content) for content in seen), np.int64)
    return make_encoder(build("conv4", channels=3, dim=16), card, device="cpu", marks=marks)


def draw(folder, names, first, count):
    """Pictures of one colour a class, none like another."""
    for code, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(first, first + count):
            pixels = np.random.default_rng([code, number]).normal(60 * code + 40, 30, (20, 24, 3)).clip(0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number}.png")


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A collection of two classes beside the folder `asked`, which has images of a third too; and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    draw(tmp_path / "photos", ["a", "b"], 0, 6)
    draw(tmp_path / "asked", ["a", "b", "c", "d"], 100, 8)
    (tmp_path / "asked" / "a" / "broken.png").write_bytes(b"no image")
    save_encoder(tmp_path / "model", untrained(classes=["a", "b"], seen=[]))
    with Collection.create(tmp_path / "shop") as collection:
        collection.embed(tmp_path / "photos", model=tmp_path / "model")
        yield collection


def in_a_process(shop, source, *more):
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(shop.path), str(source), *more], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_second_run_does_without_torch_and_gives_the_same_bits(shop, tmp_path):
    first = in_a_process(shop, tmp_path / "asked")
    second = in_a_process(shop, tmp_path / "asked")
    assert (first[0], second[0]) == (True, False)
    assert first[1:] == second[1:]
    assert second[2]["queries"] == 32 and second[2]["rejected_images"] == 1
    without = in_a_process(shop, tmp_path / "asked", "no cache")
    assert without == [True, *first[1:]]


def test_only_what_is_not_known_yet_is_encoded(shop, tmp_path, monkeypatch):
    encoded = []
    encode = Encoder.encode
    monkeypatch.setattr(Encoder, "encode", lambda self, images: encoded.append(len(images)) or encode(self, images))
    first = shop._view.images.encode_source(LabelledSource(str(tmp_path / "asked")), lambda *_: None)
    draw(tmp_path / "asked", ["e"], 200, 3)
    second = shop._view.images.encode_source(LabelledSource(str(tmp_path / "asked")), lambda *_: None)
    assert encoded == [32, 3]
    new = np.array([key.startswith("e/") for key in second.keys])
    assert second.vectors[~new].tobytes() == first.vectors.tobytes() and new.sum() == 3
    assert [key for key in second.keys if not key.startswith("e/")] == first.keys
    again = shop._view.images.encode_source(LabelledSource(str(tmp_path / "asked")), lambda *_: None, cache=False)
    assert encoded[2:] == [35]
    np.testing.assert_allclose(again.vectors, second.vectors, atol=1e-6)


def test_stored_images_are_told_before_one_is_encoded(shop, tmp_path, monkeypatch):
    monkeypatch.setattr(Encoder, "encode", None)
    with pytest.raises(LookalikeError, match=r"every image of .*photos is in the collection.*in another folder"):
        shop.calibrate(tmp_path / "photos", fpr=1e-6)  # not how many more of them would do
    with pytest.raises(LookalikeError, match=r"every image of .*photos is in the collection.*in another folder"):
        shop.calibrate(tmp_path / "photos", conformal=0.5)
    for path in (tmp_path / "asked" / "c").iterdir():
        path.rename(tmp_path / "photos" / "a" / path.name)
    with pytest.raises(
        LookalikeError, match=r"there are only 8: add .* more.*; of its other images 12 are in the collection"
    ):
        shop.calibrate(tmp_path / "photos", conformal=0.05)


def test_what_the_model_was_trained_on_is_known_without_torch(shop, tmp_path):
    contents = [
        content
        for _, content, _ in shop._view.images.contents(LabelledSource(str(tmp_path / "asked")), lambda *_: None)
    ]
    save_encoder(tmp_path / "other", untrained(["a"], contents[:5]))
    with Collection.create(tmp_path / "second") as second:
        second.embed(tmp_path / "photos", model=tmp_path / "other")
        looked = second._view.images.contents(LabelledSource(str(tmp_path / "asked")), lambda *_: None)
        assert [seen for _, _, seen in looked] == [True] * 5 + [False] * 28
        encoded = second._view.images.encode_source(LabelledSource(str(tmp_path / "asked")), lambda *_: None)
        assert encoded.seen.tolist() == [content in contents[:5] for content in encoded.contents]
