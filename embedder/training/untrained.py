"""The scores of the pretrained network without training: `--model pretrained` on the validation images of a training.

A training that ends with lower scores was useless, which nothing else would show. Images are read from their source and
resized for that network, as for `--model pretrained`; arrays are resized from their pixels.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...store.work.fragments import cut
from ..encoders.encoder import Encoder
from ..encoders.load import pretrained_encoder
from ..encoders.training_images import mark
from ..images.image import Image, image_or_rejection
from ..images.processes.decoders import FEW, decode, for_encoder
from ..images.rejected import Rejected
from ..sources import from_spec
from . import validation
from .trainer import Trainer

NAME = "untrained"
"""The entry among the scores of a training with {"recall_at_1", "map_at_r"} of the pretrained network."""


def untrained_scores(
    trainer: Trainer, marks: NDArray[np.int64], source: dict[str, Any] | None, device: str
) -> dict[str, float | None] | None:
    """Score the pretrained network on the validation images; None if the recipe does not start from it.

    marks: (n,) int64 of all images of the training (see `training_images`). source: from `Source.describe`, None for
    arrays. The result is also None if there are no validation images, or the source has changed in the meantime.
    """
    if not trainer.recipe.model.pretrained or not len(trainer.held):
        return None
    encoder = pretrained_encoder(device=device)
    if encoder.preprocessing == trainer.preprocessing:
        vectors = _of_arrays(encoder, trainer, lambda pixels: pixels)
    elif source is not None:
        encoded = _of_source(encoder, source, marks[trainer.held])
        if encoded is None:
            return None
        vectors = encoded
    else:
        stretched = replace(encoder.preprocessing, resize="stretch", crop=1.0)
        vectors = _of_arrays(encoder, trainer, lambda pixels: np.stack([stretched.apply(each) for each in pixels]))
    scores = validation.score(vectors, trainer.codes[trainer.held])
    return {"recall_at_1": scores.recall_at_1, "map_at_r": scores.map_at_r}


def _of_arrays(encoder: Encoder, trainer: Trainer, fitted: Any) -> NDArray[np.float32]:
    """Vectors (m, d) of the validation images, from the pixels that the training sees."""
    pieces = cut(trainer.held.tolist(), FEW)
    return np.concatenate([encoder.encode(fitted(trainer.images[positions])) for positions in pieces])


def _of_source(encoder: Encoder, source: dict[str, Any], targets: NDArray[np.int64]) -> NDArray[np.float32] | None:
    """Vectors (m, d) of the images with these marks (m,), read again; None if an image is missing."""
    vectors: dict[int, NDArray[np.float32]] = {}
    sought = set(targets.tolist())
    for marks, pixels in _decoded(encoder, source, sought):
        vectors.update(zip(marks, encoder.encode(pixels), strict=True))
    if sought - vectors.keys():
        return None
    return np.stack([vectors[one] for one in targets.tolist()])


def _decoded(
    encoder: Encoder, source: dict[str, Any], sought: set[int]
) -> Iterator[tuple[list[int], NDArray[np.uint8]]]:
    """The sought images of a source, a few at a time: marks, and pixels (m, size, size, channels)."""
    opened = from_spec(source)
    for records in cut((record for record in opened.records() if record.label is not None), FEW):
        images = [image_or_rejection(opened, record.locator) for record in records]
        chosen = [image for image in images if isinstance(image, Image) and mark(image.sha256) in sought]
        outcomes = decode([image.data for image in chosen], for_encoder(encoder.preprocessing))
        sound = [(mark(i.sha256), o) for i, o in zip(chosen, outcomes, strict=True) if not isinstance(o, Rejected)]
        if sound:
            yield [one for one, _ in sound], np.stack([outcome.pixels for _, outcome in sound])
