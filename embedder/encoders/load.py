"""The encoder that people name: a trained model's folder, or "pretrained", ImageNet features for photos without labels.

The pretrained one computes in fp32. Rounded to bf16, what its first depthwise filters cancel stays as noise: on photos
its vectors keep a cosine of 0.997 to the fp32 ones in the mean and 0.98 at worst, and precision.py asks for 0.9999 and
0.999. So its digest is the same on every machine too.
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

    device and precision: as in `Encoder.load`. LookalikeError as there, and without the package of weights.
    """
    if os.fspath(model) == "pretrained":
        return pretrained_encoder(device=device, precision=precision)
    return Encoder.load(Path(model), device=device, precision=precision)


SIZE = 224
DECODE = 1
"""The decoding rules that this encoder states, whatever they are now: they are part of its digest, by which the
collections that it has made know it again. Later rules give sound images the same pixels (preprocessing.py)."""


def pretrained_encoder(*, device: str = "auto", precision: str | None = None) -> Encoder:
    """Give the encoder, in fp32 unless `precision` says otherwise; LookalikeError without the package of weights."""
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
