"""Loading an encoder by name: the folder of a trained model, or "pretrained", ImageNet features for unlabelled photos.

The pretrained encoder computes in fp32. In bf16, the first depthwise filters leave noise where fp32 cancels: on photos
the cosine between bf16 and fp32 vectors is 0.997 on average and 0.98 at worst, and precision.py requires 0.9999 and
0.999. This also makes its digest the same on every machine.
"""

import os
from dataclasses import replace
from pathlib import Path

from ..backbones import preprocessing
from ..backbones.efficientnet_lite0 import FEATURES, EfficientNetLite0
from ..recipe.recipe import Data, Image, Model, Recipe, Training
from .encoder import Encoder, encoder_card, make_encoder


def load_encoder(model: str | os.PathLike[str], *, device: str = "auto", precision: str | None = None) -> Encoder:
    """Read the encoder in a folder; "pretrained" is EfficientNet-Lite0's pooled ImageNet features (1,280).

    device and precision: as in `Encoder.load`. Raises LookalikeError as there, and without the package of weights.
    """
    if os.fspath(model) == "pretrained":
        return pretrained_encoder(device=device, precision=precision)
    return Encoder.load(Path(model), device=device, precision=precision)


SIZE = 224
DECODE = 1
"""The version of the decoding rules in this encoder's card. It stays the same, because it is part of the digest by
which existing collections recognise the encoder. Later rules give sound images the same pixels (preprocessing.py)."""


def pretrained_encoder(*, device: str = "auto", precision: str | None = None) -> Encoder:
    """The pretrained encoder, in fp32 by default. Raises LookalikeError without the package of weights."""
    recipe = Recipe(
        data=Data(validation_classes=0.0),
        image=Image(size=SIZE, channels=3),
        model=Model(backbone="efficientnet-lite0", dim=FEATURES, pretrained=True),
        training=Training(steps=0),
    )
    pixels = replace(preprocessing("efficientnet-lite0", size=SIZE, channels=3), decode=DECODE)
    card = encoder_card(recipe, pixels, "fp32", [])
    encoder = make_encoder(EfficientNetLite0(3, FEATURES, pretrained=True), card, device=device)
    return encoder if precision in (None, encoder.precision) else encoder.with_precision(precision)
