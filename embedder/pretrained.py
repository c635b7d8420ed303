"""`--model pretrained`: EfficientNet-Lite0's pooled ImageNet features, for photos nobody has labelled.

Its digest is the same on every machine, so its card records no precision of one: a collection keeps that.
"""

import numpy as np

from .backbones import preprocessing
from .backbones.efficientnet_lite0 import FEATURES, EfficientNetLite0
from .encoder import Encoder, encoder_card, make_encoder
from .precision import choose
from .recipe import Data, Image, Model, Recipe, Training

SIZE = 224


def pretrained_encoder(*, device: str = "auto", precision: str | None = None) -> Encoder:
    """Give the encoder; precision None is measured on pictures made up for it (a second or two)."""
    recipe = Recipe(
        data=Data(validation_classes=0.0),
        image=Image(size=SIZE, channels=3),
        model=Model(backbone="efficientnet-lite0", dim=FEATURES, pretrained=True),
        training=Training(steps=0),
    )
    card = encoder_card(recipe, preprocessing("efficientnet-lite0", size=SIZE, channels=3), "fp32", [])
    encoder = make_encoder(EfficientNetLite0(3, FEATURES, pretrained=True), card, device=device)
    precision = precision or choose(encoder, _pictures(16))
    return encoder if precision == encoder.precision else encoder.with_precision(precision)


def _pictures(count: int) -> np.ndarray:
    """Noise whose amplitude falls with frequency, as in photos (Field 1987); always the same."""
    noise = np.random.default_rng(0).standard_normal((count, SIZE, SIZE, 3))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIZE), np.fft.fftfreq(SIZE)))
    frequency[0, 0] = 1 / SIZE
    smooth = np.fft.ifft2(np.fft.fft2(noise, axes=(1, 2)) / frequency[None, :, :, None], axes=(1, 2)).real
    smooth /= smooth.std(axis=(1, 2), keepdims=True)
    return np.clip(127 + 50 * smooth, 0, 255).astype(np.uint8)
