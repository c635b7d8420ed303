"""The only file of this room that imports the embedder: torch loads when the first image arrives."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..embedder.decoding_process import start_early
from ..embedder.sync import embed
from ..embedder.thumbnails import file_thumbnail, source_thumbnails
from ..store.errors import LookalikeError
from ..store.progress import Progress

if TYPE_CHECKING:
    from ..embedder.arrays import Encoded
    from ..embedder.encoder import Encoder
    from ..store.store import Store

__all__ = ["ImageEncoder", "embed", "file_thumbnail", "source_thumbnails"]


class ImageEncoder:
    """A collection's own encoder: its digest, the classes it was trained on, and images to unit rows."""

    def __init__(self, encoder: "Encoder", digest: str) -> None:
        self._encoder = encoder
        self.digest = digest
        self.training_classes = encoder.training_classes

    @property
    def pretrained(self) -> bool:
        """Whether its network began with ImageNet's weights."""
        return bool(self._encoder.card["recipe"]["model"]["pretrained"])

    @classmethod
    def of(cls, store: "Store", device: str = "auto") -> "ImageEncoder":
        """Load the collection's encoder after checking its files' hashes; LookalikeError where it has no model."""
        if store.model is None:
            raise LookalikeError(
                f"{store.path} has no model, so no image can be encoded: search and classify take keys and vectors too"
            )
        start_early()  # while torch loads
        from ..embedder.encoder import Encoder

        folders = {store.file(entry).parent for entry in store.model.files}
        encoder = Encoder.load(next(iter(folders)), device=device, precision=store.model.precision)
        return cls(encoder, store.model.digest)

    def encode(self, images: list[Any]) -> "list[np.ndarray | LookalikeError]":
        """For each image file or PIL image its unit row (d,) float32, or the reason why it cannot be read."""
        from ..embedder.arrays import encode_images

        return encode_images(self._encoder, [Path(i) if isinstance(i, str) else i for i in images])

    def labels(self, source: str) -> list[str | None]:
        """The label of each image that a source lists, None without one; no image is read."""
        from ..embedder.sources import open_source

        return list(open_source(source).labels())

    def encode_source(self, source: str, progress: Progress) -> "Encoded":
        """All readable images of a source as vectors in memory, with keys, labels and content hashes."""
        from ..embedder.arrays import encode_source
        from ..embedder.sources import open_source

        return encode_source(self._encoder, open_source(source), progress)
