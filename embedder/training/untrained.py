"""What the pretrained network scores without training: `--model pretrained` on the validation images of a training.

A training that ends below it was in vain, and nothing else would say so. Images are brought to that network's own size
from their source, as `--model pretrained` does it; from arrays, which are all there is, by resizing them.
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
"""Among the scores of a training: {"recall_at_1", "map_at_r"} of the pretrained network as it comes."""


def untrained_scores(
    trainer: Trainer, marks: NDArray[np.int64], source: dict[str, Any] | None, device: str
) -> dict[str, float | None] | None:
    """Score the pretrained network on the validation images; None where the recipe does not begin with one.

    marks: (n,) int64 of all images of the training (see `seen`). source: what `Source.describe` gave, None for arrays.
    None as well where nothing was kept out, or where the source has changed meanwhile.
    """
    if not trainer.recipe.model.pretrained or not len(trainer.held):
        return None
    encoder = pretrained_encoder(device=device)
    if encoder.preprocessing == trainer.preprocessing:
        vectors = _of_arrays(encoder, trainer, lambda pixels: pixels)
    elif source is not None:
        found = _of_source(encoder, source, marks[trainer.held])
        if found is None:
            return None
        vectors = found
    else:
        stretched = replace(encoder.preprocessing, resize="stretch", crop=1.0)
        vectors = _of_arrays(encoder, trainer, lambda pixels: np.stack([stretched.apply(each) for each in pixels]))
    scores = validation.score(vectors, trainer.codes[trainer.held])
    return {"recall_at_1": scores.recall_at_1, "map_at_r": scores.map_at_r}


def _of_arrays(encoder: Encoder, trainer: Trainer, fitted: Any) -> NDArray[np.float32]:
    """Vectors (m, d) of the validation images, from the pixels that the training sees."""
    pieces = cut(trainer.held.tolist(), FEW)
    return np.concatenate([encoder.encode(fitted(trainer.images[positions])) for positions in pieces])


def _of_source(encoder: Encoder, source: dict[str, Any], wanted: NDArray[np.int64]) -> NDArray[np.float32] | None:
    """Vectors (m, d) of the images that these marks (m,) stand for, read anew; None where one is not there."""
    found: dict[int, NDArray[np.float32]] = {}
    sought = set(wanted.tolist())
    for marks, pixels in _decoded(encoder, source, sought):
        found.update(zip(marks, encoder.encode(pixels), strict=True))
    if sought - found.keys():
        return None
    return np.stack([found[one] for one in wanted.tolist()])


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
