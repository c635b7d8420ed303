"""The only file of this room that imports the embedder, so that torch loads when the first image is encoded.

Imports are inside functions, because looking up a path needs neither Pillow nor torch.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..store.disk.vector_cache import VectorCache
from ..store.errors import LookalikeError
from ..store.progress import Progress
from ..store.work.forks import RLock
from .calibrating.labelled_source import LabelledSource

if TYPE_CHECKING:
    from ..embedder.encoders.encode import Encoded
    from ..embedder.encoders.lazy import LazyEncoder
    from ..embedder.sources import Source
    from ..store.changing.counts import EmbedResult
    from ..store.files.content import SourceUse
    from ..store.version.store import Store


def embed(path: Path, source: str, **options: Any) -> "EmbedResult":
    """Sync the collection at `path` with a source of images; see `embedder.syncing.sync.embed`."""
    from ..embedder.syncing.sync import embed as sync

    return sync(path, source, **options)


def source_thumbnails(
    source: str, keys: Sequence[str], contents: Sequence[str | None], side: int, uses: "Sequence[SourceUse]"
) -> "list[np.ndarray | str]":
    """The picture of each key, uint8 (h, w, 3), or why there is none; see `embedder.images.thumbnails`."""
    from ..embedder.images.thumbnails import source_thumbnails as thumbnails

    return thumbnails(source, keys, contents, side, uses)


def file_thumbnail(image: str | bytes, side: int) -> "np.ndarray | str":
    """The picture in an image file or in its bytes, uint8 (h, w, 3), or why there is none."""
    from ..embedder.images.thumbnails import file_thumbnail as thumbnail

    return thumbnail(image, side)


def source_paths(
    source: str, pictures: Sequence[tuple[str, str | None, int | None, int | None]], uses: "Sequence[SourceUse]"
) -> list[str | None]:
    """The file of each (key, content, file size, mtime in ns) of a source, or None; see `embedder.syncing.located`."""
    from ..embedder.syncing.located import Kept
    from ..embedder.syncing.located import source_paths as paths

    return paths(source, [Kept(*picture) for picture in pictures], uses)


def images_below(folder: str) -> Iterator[str]:
    """The image files below a folder, sorted, by the same rule as in a source."""
    from ..embedder.syncing.located import images_below as below

    return below(folder)


def is_input(name: str) -> bool:
    """Whether a source treats a file of this name as an image."""
    from ..embedder.sources.files import is_input as is_image

    return is_image(name)


def held_card(store: "Store") -> dict[str, Any] | None:
    """The content of encoder.json of the collection's model, after its hash is checked; None without a model."""
    from ..embedder.encoders.models import held_card as card

    return None if store.model is None else card(store, store.model)


_loading = RLock()  # only one thread at a time loads an encoder that all threads share


class Encoders:
    """Encoders of images on one device, one per model, so that a newer version of a collection uses the one loaded.

    device: "auto", "cpu" or "gpu".
    """

    def __init__(self, device: str = "auto") -> None:
        self.device = device
        self._of_digest: dict[str, ImageEncoder] = {}

    def of(self, store: "Store") -> "ImageEncoder":
        """The encoder of the model of `store`. Raises LookalikeError if it has no model."""
        with _loading:
            digest = store.model.digest if store.model is not None else ""
            if digest not in self._of_digest:
                self._of_digest[digest] = ImageEncoder.of(store, self.device)
            return self._of_digest[digest]


class ImageEncoder:
    """A collection's encoder: it turns images into unit rows, and knows its digest and its training classes."""

    def __init__(self, encoder: "LazyEncoder", digest: str) -> None:
        self._encoder = encoder
        self.digest = digest
        self.training_classes = encoder.training_classes

    @property
    def pretrained(self) -> bool:
        """Whether its training started from ImageNet weights."""
        return bool(self._encoder.card["recipe"]["model"]["pretrained"])

    @classmethod
    def of(cls, store: "Store", device: str = "auto") -> "ImageEncoder":
        """The encoder of the collection, after the hashes of its files are checked.

        torch loads when the first image that is not in the cache is encoded. Raises LookalikeError without a model.
        """
        if store.model is None:
            raise LookalikeError(
                f"{store.path} has no model to encode images with: give keys or vectors instead of images"
            )
        from ..embedder.encoders.lazy import LazyEncoder
        from ..embedder.encoders.models import model_folder
        from ..embedder.images.processes.process import start_early

        start_early()  # while torch loads

        folder, digest = model_folder(store, store.model), store.model.digest
        return cls(LazyEncoder(folder, digest, device=device, precision=store.model.precision), digest)

    def encode(self, images: list[Any]) -> "list[np.ndarray | LookalikeError]":
        """The unit row (d,) float32 of each image (file, bytes, PIL image, uint8 pixels), or why it cannot be read."""
        from ..embedder.encoders.encode import encode_images

        return encode_images(self._encoder, [Path(i) if isinstance(i, str) else i for i in images])

    def labels(self, source: LabelledSource) -> list[str | None]:
        """The label of each image in a source, None for unlabelled ones. No image is read."""
        return list(_opened(source).labels())

    def contents(self, source: LabelledSource, progress: Progress) -> "list[tuple[str | None, str | None, bool]]":
        """The label and content (SHA-256 in hex) of each image of a source, and whether the model was trained on it.

        Nothing is decoded. The content is None if the image cannot be read.
        """
        from ..embedder.encoders.encode import source_contents

        return source_contents(self._encoder, _opened(source), progress)

    def encode_source(self, source: LabelledSource, progress: Progress, *, cache: bool = True) -> "Encoded":
        """All readable images of a source as vectors in memory, with their keys, labels and content hashes.

        cache: reuse the vectors of equal contents from earlier runs, and store new ones for later runs.
        """
        from ..embedder.encoders.encode import encode_source

        vectors = VectorCache(self._encoder.key, self._encoder.dim) if cache else nullcontext()
        with vectors as known:
            return encode_source(self._encoder, _opened(source), progress, known)


def _opened(source: LabelledSource) -> "Source":
    """The source, opened with its options."""
    from ..embedder.sources import SourceOptions, open_source
    from ..embedder.sources.options import patterns

    return open_source(source.path, SourceOptions(**{**source.options, "exclude": patterns(source.exclude)}))
