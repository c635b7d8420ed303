"""Images to vectors in memory, for questions: queries, calibration, evaluation. Nothing is stored.

The way is the same as a fragment's (read, decode, preprocess, encode), so that the same image gives the same vector.
Decoding runs in processes of their own; pixels are held for a few images at a time.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from ..store.errors import LookalikeError
from ..store.fragments import cut
from ..store.progress import Progress, silent
from .decoders import FEW, decode, for_encoder
from .encoder import Encoder
from .images import NO_VECTOR, Image, image_or_rejection, is_unit
from .rejected import Rejected
from .seen import seen as seen_by_training
from .sources import Record, Source
from .sources.files import read_file


@dataclass(frozen=True)
class Encoded:
    """The readable images of a source.

    vectors: (n, d) float32 unit rows. keys, labels (or None), contents (SHA-256 in hex): n each. seen: (n,) bool,
    which of them the encoder was trained on. rejected: how many more there were that could not be read. ignored: files
    with another extension.
    """

    vectors: NDArray[np.float32]
    keys: list[str]
    labels: list[str | None]
    contents: list[str | None]
    seen: NDArray[np.bool_]
    rejected: int
    ignored: int = 0


def encode_source(encoder: Encoder, source: Source, progress: Progress = silent) -> Encoded:
    """Encode every readable image of a source; LookalikeError where the source itself is unusable."""
    kept: list[Record] = []
    contents: list[str | None] = []
    vectors = [np.zeros((0, encoder.dim), dtype=np.float32)]
    seen = 0
    for records in cut(source.records(), FEW):
        images = [image_or_rejection(source, record.locator) for record in records]
        rows, answers = _encoded(encoder, [_data(image) for image in images])
        for record, image, answer in zip(records, images, answers, strict=True):
            if isinstance(image, Image) and answer is None:
                kept.append(record)
                contents.append(image.sha256)
        vectors.append(rows)
        seen += len(records)
        progress(seen, None, f"images read, {seen - len(kept)} rejected")
    keys, labels = [record.key for record in kept], [record.label for record in kept]
    trained_on = seen_by_training(contents, encoder.training_images)
    return Encoded(np.concatenate(vectors), keys, labels, contents, trained_on, seen - len(kept), source.ignored)


def encode_images(
    encoder: Encoder, images: Sequence[str | os.PathLike[str] | PilImage.Image]
) -> list[NDArray[np.float32] | LookalikeError]:
    """For each image file or PIL image its unit row (d,) float32, or the LookalikeError that says why there is none."""
    answers: list[NDArray[np.float32] | LookalikeError] = []
    for some in cut(images, FEW):
        rows, rejections = _encoded(encoder, [_query(image) for image in some])
        vectors = iter(rows)
        for image, rejected in zip(some, rejections, strict=True):
            answers.append(next(vectors) if rejected is None else _unreadable(image, rejected))
    return answers


def _encoded(encoder: Encoder, images: Sequence[Any]) -> tuple[NDArray[np.float32], list[Rejected | None]]:
    """Unit rows (m, d) of the sound ones among `images` (data, or Rejected), and for each why it is not, or None."""
    outcomes = decode(images, for_encoder(encoder.preprocessing))
    pixels = [outcome.pixels for outcome in outcomes if not isinstance(outcome, Rejected)]
    rows = encoder.encode(np.stack(pixels)) if pixels else np.zeros((0, encoder.dim), dtype=np.float32)
    sound = is_unit(rows)
    verdicts = iter(sound.tolist())
    answers = [o if isinstance(o, Rejected) else None if next(verdicts) else NO_VECTOR for o in outcomes]
    return rows[sound], answers


def _data(image: Image | Rejected) -> Any:
    return image.data if isinstance(image, Image) else image


def _query(image: str | os.PathLike[str] | PilImage.Image) -> Any:
    if isinstance(image, PilImage.Image):
        return image
    try:
        return read_file(os.path.abspath(image))
    except Rejected as rejected:
        return rejected.kept()


def _unreadable(image: Any, rejected: Rejected) -> LookalikeError:
    name = repr(os.fspath(image)) if isinstance(image, str | os.PathLike) else "the picture"
    return LookalikeError(f"{name} is not a readable image: {rejected.reason}")
