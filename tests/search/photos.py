"""A folder of pictures and an untrained encoder, for questions that images ask."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lookalike.embedder.backbones import build
from lookalike.embedder.encoders.encoder import encoder_card, make_encoder, save_encoder
from lookalike.embedder.images.preprocessing import Preprocessing
from lookalike.embedder.recipe.recipe import Recipe


def save_model(folder: Path) -> Path:
    """Write a conv4 of random weights, 28 x 28 in colour, 16 dimensions."""
    recipe = Recipe.from_dict({"image": {"size": 28, "channels": 3}, "model": {"dim": 16}})
    preprocessing = Preprocessing(28, 3, (0.5,) * 3, (0.25,) * 3)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build("conv4", channels=3, dim=16)
    save_encoder(folder, make_encoder(network, encoder_card(recipe, preprocessing, "fp32", ["cat"]), device="cpu"))
    return folder


def pixels(seed: int) -> np.ndarray:
    """A smooth picture that no other seed gives, uint8 (20, 24, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((24, 20), Image.Resampling.BICUBIC))


def save_photo(path: Path, seed: int) -> Path:
    """Write the picture of a seed as the file's name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(seed)).save(path)
    return path
