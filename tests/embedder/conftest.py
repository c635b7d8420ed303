"""An untrained encoder for tests that need vectors, not good ones, and pictures to give it."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lookalike.embedder.backbones import build
from lookalike.embedder.encoders.encoder import Encoder, encoder_card, make_encoder, save_encoder
from lookalike.embedder.images.preprocessing import Preprocessing
from lookalike.embedder.recipe.recipe import Recipe


def untrained(seed: int = 0, channels: int = 1, size: int = 28, dim: int = 16) -> Encoder:
    """A conv4 of random weights."""
    recipe = Recipe.from_dict({"image": {"size": size, "channels": channels}, "model": {"dim": dim}})
    preprocessing = Preprocessing(size, channels, (0.5,) * channels, (0.25,) * channels)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build("conv4", channels=channels, dim=dim)
    return make_encoder(network, encoder_card(recipe, preprocessing, "fp32", ["cat"]), device="cpu")


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """An untrained conv4: 28 x 28 grey, 16 dimensions."""
    return untrained()


@pytest.fixture(scope="session")
def model(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `encoder`."""
    folder = tmp_path_factory.mktemp("model")
    save_encoder(folder, encoder)
    return folder


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of another encoder of the same dimension."""
    folder = tmp_path_factory.mktemp("other")
    save_encoder(folder, untrained(seed=1))
    return folder


def picture(seed: int, width: int = 24, height: int = 20) -> Image.Image:
    """A smooth picture that no other seed gives."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def image_bytes(seed: int, kind: str = "PNG", **options: object) -> bytes:
    """An encoded `picture`."""
    stream = io.BytesIO()
    picture(seed).save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture(scope="session")
def image():
    """image(seed, kind="PNG") gives the bytes of a small picture of that seed's own."""
    return image_bytes
