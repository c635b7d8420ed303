"""The encoder that people name: a trained model's folder, or "pretrained"."""

import os
from pathlib import Path

from .encoder import Encoder
from .pretrained import pretrained_encoder


def load_encoder(model: str | os.PathLike[str], *, device: str = "auto", precision: str | None = None) -> Encoder:
    """Read the encoder in a folder; "pretrained" is EfficientNet-Lite0's pooled ImageNet features (1,280).

    device and precision: as in `Encoder.load`. LookalikeError as there, and without the package of weights.
    """
    if os.fspath(model) == "pretrained":
        return pretrained_encoder(device=device, precision=precision)
    return Encoder.load(Path(model), device=device, precision=precision)
