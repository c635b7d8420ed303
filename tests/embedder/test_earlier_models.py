"""Models that were saved while the decoding rules were 1 load, embed and answer as before."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from lookalike import Collection
from lookalike.embedder.backbones import build
from lookalike.embedder.encoders.encoder import Encoder, encoder_card, make_encoder, save_encoder
from lookalike.embedder.images.image import prepared
from lookalike.embedder.images.preprocessing import Preprocessing
from lookalike.embedder.recipe.recipe import Recipe
from lookalike.embedder.syncing.sync import embed

from .conftest import picture
from .made import encoded


@pytest.fixture
def earlier(tmp_path):
    """The folder of an encoder that states rules 1, as all did."""
    recipe = Recipe.from_dict({"image": {"size": 28, "channels": 1}, "model": {"dim": 16}})
    preprocessing = Preprocessing(28, 1, (0.5,), (0.25,), decode=1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build("conv4", channels=1, dim=16)
    folder = tmp_path / "model"
    save_encoder(folder, make_encoder(network, encoder_card(recipe, preprocessing, "fp32", []), device="cpu"))
    return folder


def test_a_collection_of_an_earlier_model_goes_on(tmp_path, earlier):
    assert json.loads((earlier / "encoder.json").read_text())["preprocessing"]["decode"] == 1
    loaded = Encoder.load(earlier, device="cpu")
    photos, shop = tmp_path / "photos", tmp_path / "shop"
    photos.mkdir()
    for number in range(3):
        picture(number).save(photos / f"{number}.png")
    assert embed(shop, str(photos), model=str(earlier))["embedded"] == 3
    picture(3).save(photos / "3.png")
    assert embed(shop, str(photos))["embedded"] == 1  # by the model that the collection keeps
    assert embed(shop, str(photos), model=str(earlier))["skipped"] == 4
    with Collection.open(shop) as collection:
        hits = collection.search(Image.open(photos / "3.png"), k=1)
        assert hits.keys()[0][0] == "3.png"
    assert Encoder.load(earlier, device="cpu").digest == loaded.digest


def test_what_was_decoded_wrongly_is_told_apart_by_it_now(earlier):
    encoder = Encoder.load(earlier, device="cpu")
    deep = [np.asarray(picture(seed).convert("L")).astype(np.uint16) << 4 for seed in range(2)]
    one, two = (encoder.encode(prepared(encoded(values, "PNG"), encoder.preprocessing).pixels[None]) for values in deep)
    assert float((one @ two.T).item()) < 0.9999
