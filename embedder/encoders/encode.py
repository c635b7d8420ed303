"""Encoding images in memory, for queries, calibration and evaluation. Nothing is stored.

The steps are the same as for a fragment (read, decode, preprocess, encode), so that the same image gives the same
vector. Decoding runs in separate processes, and only the pixels of a few images are in memory at a time.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from ...store.disk.vector_cache import VectorCache
from ...store.errors import LookalikeError
from ...store.progress import Progress, silent
from ...store.work.fragments import cut
from ..images.image import NO_VECTOR, Image, image_or_rejection, is_unit
from ..images.processes.decoders import FEW, decode, for_encoder
from ..images.rejected import Rejected
from ..sources import Record, Source
from ..sources.class_names import ClassNames
from ..sources.files import read_file
from ..syncing.notes import in_words, link_notes
from .training_images import seen as seen_by_training

if TYPE_CHECKING:
    from .encoder import Encoder
    from .lazy import LazyEncoder


@dataclass(frozen=True)
class Encoded:
    """The readable images of a source.

    vectors: (n, d) float32 unit rows. keys, labels (or None), contents (SHA-256 in hex): n each. seen: (n,) bool,
    whether the encoder was trained on an image. rejected: the number of other images, which could not be read.
    ignored: the number of files with another extension. reasons: how many images were rejected, by reason.
    """

    vectors: NDArray[np.float32]
    keys: list[str]
    labels: list[str | None]
    contents: list[str | None]
    seen: NDArray[np.bool_]
    rejected: int
    ignored: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def why_rejected(self) -> str:
        """A sentence on the rejected images, the reasons, and the option that helps; empty if there are none."""
        return _in_words(self.reasons) if self.rejected else ""


def _in_words(reasons: Mapping[str, int]) -> str:
    """How many images were rejected, why, and which option helps. reasons: the number of images for each reason."""
    return "; ".join([f"{sum(reasons.values()):,} rejected: {in_words(reasons)}", *link_notes(reasons)])


def source_contents(
    encoder: "Encoder | LazyEncoder", source: Source, progress: Progress = silent
) -> list[tuple[str | None, str | None, bool]]:
    """For each image of a source: its label, its content (SHA-256 in hex, or None) and whether it was trained on.

    Nothing is decoded or encoded. Raises LookalikeError if the source cannot be used, or none of its images be read.
    """
    labels: list[str | None] = []
    contents: list[str | None] = []
    reasons: Counter[str] = Counter()
    for record in source.records():
        image = image_or_rejection(source, record.locator)
        labels.append(record.label)
        contents.append(image.sha256 if isinstance(image, Image) else None)
        reasons.update([] if isinstance(image, Image) else [image.reason])
        progress(len(labels), None, "images read")
    if labels and reasons.total() == len(labels):
        raise LookalikeError(f"no image in {source.name} can be read: {_in_words(reasons)}")
    return list(zip(labels, contents, seen_by_training(contents, encoder.training_images).tolist(), strict=True))


def encode_source(
    encoder: "Encoder | LazyEncoder", source: Source, progress: Progress = silent, cache: VectorCache | None = None
) -> Encoded:
    """Encode every readable image of a source. Raises LookalikeError if the source cannot be used.

    cache: vectors of this encoder by content. An image whose vector is there is read, and neither decoded nor encoded;
    the vectors of the other images are added to it.
    """
    kept: list[Record] = []
    contents: list[str | None] = []
    vectors = [np.zeros((0, encoder.dim), dtype=np.float32)]
    seen = 0
    reasons: Counter[str] = Counter()
    for records in cut(source.records(), FEW):
        images = [image_or_rejection(source, record.locator) for record in records]
        rows, answers = _known_or_encoded(encoder, images, cache)
        for record, image, answer in zip(records, images, answers, strict=True):
            if isinstance(image, Image) and answer is None:
                kept.append(record)
                contents.append(image.sha256)
        reasons.update(answer.reason for answer in answers if answer is not None)
        vectors.append(rows)
        seen += len(records)
        progress(seen, None, f"images read, {seen - len(kept)} rejected")
    keys, labels = [record.key for record in kept], [record.label for record in kept]
    _warn_of_classes(source, labels)
    trained_on = seen_by_training(contents, encoder.training_images)
    counts = (seen - len(kept), source.ignored, reasons)
    return Encoded(np.concatenate(vectors), keys, labels, contents, trained_on, *counts)


def _warn_of_classes(source: Source, labels: Sequence[str | None]) -> None:
    """Warn about classes that are probably mistakes: their images would count as unknown ones."""
    classes = ClassNames()
    for label in labels:
        classes.add(label)
    classes.warn(source.name)


def encode_images(
    encoder: "Encoder | LazyEncoder",
    images: Sequence[str | os.PathLike[str] | bytes | PilImage.Image | NDArray[np.uint8]],
) -> list[NDArray[np.float32] | LookalikeError]:
    """For each image its unit row (d,) float32, or the LookalikeError that says why it has none.

    images: files, encoded images as bytes, PIL images, or pixels: uint8 (h, w) or (h, w, c) with c = 1 (grey), 2 (grey
    and alpha), 3 (RGB) or 4 (RGBA).
    """
    answers: list[NDArray[np.float32] | LookalikeError] = []
    for batch in cut(images, FEW):
        rows, rejections = _encoded(encoder, [_query(image) for image in batch])
        vectors = iter(rows)
        for image, rejected in zip(batch, rejections, strict=True):
            answers.append(next(vectors) if rejected is None else _unreadable(image, rejected))
    return answers


def _known_or_encoded(
    encoder: "Encoder | LazyEncoder", images: Sequence[Image | Rejected], cache: VectorCache | None
) -> tuple[NDArray[np.float32], list[Rejected | None]]:
    """The vectors of images as `_encoded` returns them, taken from the cache where it has them."""
    if cache is None:
        return _encoded(encoder, [_data(image) for image in images])
    contents = [image.sha256 if isinstance(image, Image) else None for image in images]
    vectors = cache.find(contents)
    missing = [place for place, vector in enumerate(vectors) if vector is None]
    rows, verdicts = _encoded(encoder, [_data(images[place]) for place in missing])
    answers = dict(zip(missing, verdicts, strict=True))
    sound = [place for place in missing if answers[place] is None]
    for place, row in zip(sound, rows, strict=True):
        vectors[place] = row
    cache.add([str(contents[place]) for place in sound], rows)
    present = [vector for vector in vectors if vector is not None]
    stacked = np.stack(present) if present else np.zeros((0, encoder.dim), dtype=np.float32)
    return stacked, [answers.get(place) for place in range(len(images))]


def _encoded(
    encoder: "Encoder | LazyEncoder", images: Sequence[Any]
) -> tuple[NDArray[np.float32], list[Rejected | None]]:
    """Unit rows (m, d) of the readable ones among `images` (data, or Rejected), and for each its rejection or None."""
    outcomes = decode(images, for_encoder(encoder.preprocessing))
    pixels = [outcome.pixels for outcome in outcomes if not isinstance(outcome, Rejected)]
    rows = encoder.encode(np.stack(pixels)) if pixels else np.zeros((0, encoder.dim), dtype=np.float32)
    sound = is_unit(rows)
    verdicts = iter(sound.tolist())
    answers = [o if isinstance(o, Rejected) else None if next(verdicts) else NO_VECTOR for o in outcomes]
    return rows[sound], answers


def _data(image: Image | Rejected) -> Any:
    return image.data if isinstance(image, Image) else image


def _query(image: str | os.PathLike[str] | bytes | PilImage.Image | NDArray[np.uint8]) -> Any:
    if isinstance(image, PilImage.Image | bytes):
        return image
    try:
        if isinstance(image, np.ndarray):
            return _of_pixels(image)
        return read_file(os.path.abspath(image))
    except Rejected as rejected:
        return rejected.kept()


def _of_pixels(pixels: NDArray[np.uint8]) -> PilImage.Image:
    """A PIL image of uint8 (h, w) or (h, w, c)."""
    if pixels.size == 0:
        raise Rejected("decode", f"no pixels: an array of shape {pixels.shape}")
    grey = pixels.ndim == 3 and pixels.shape[2] == 1
    return PilImage.fromarray(np.ascontiguousarray(pixels[:, :, 0] if grey else pixels))


def _unreadable(image: Any, rejected: Rejected) -> LookalikeError:
    named = image if isinstance(image, str | os.PathLike) else getattr(image, "filename", None)
    name = repr(os.fspath(named)) if named else "the picture"
    return LookalikeError(f"{name} is not a readable image: {rejected.reason}")
