"""A trained network with the preprocessing it was trained for: pixels in, unit rows out.

Contract: `encode` takes uint8 (b, size, size, channels) as `encoder.preprocessing.apply` gives them, and returns
float32 (b, dim), every row of length 1; row i belongs to image i. The digest names the two files an encoder is kept
in, so that equal digests mean equal recipes, weights and preprocessing.
"""

from pathlib import Path
from typing import Any

import numpy as np

from .preprocessing import Preprocessing


class Encoder:
    """Turns images into unit vectors.

    Attributes: dim (length of a vector), digest (SHA-256 hex over both files' SHA-256), preprocessing,
    training_classes (list of labels, sorted), precision ("fp32" or "bf16", what it computes in),
    card (the rest of encoder.json: recipe, scores).
    """

    dim: int
    digest: str
    preprocessing: Preprocessing
    training_classes: list[str]
    precision: str
    card: dict[str, Any]

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "auto", precision: str | None = None) -> "Encoder":
        """Read an encoder from its folder, or the ImageNet network for "pretrained"."""
        raise NotImplementedError

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Give float32 unit rows (b, dim) of uint8 images (b, size, size, channels)."""
        raise NotImplementedError

    def files(self) -> dict[str, Path | bytes]:
        """Give the encoder's two files by name, as a collection keeps them below model/<digest>/."""
        raise NotImplementedError
