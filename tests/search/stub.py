"""A stand-in for the encoder: sources are made of vectors, so that answers can be held against loops."""

import hashlib
from types import SimpleNamespace

import numpy as np


def content(number: int) -> str:
    """A SHA-256 that stands for image `number`."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def give_source(
    collection, vectors: np.ndarray, labels: list, contents: list | None = None, trained=(), seen=None
) -> None:
    """Let `collection` read any source as these vectors, labels and contents, by a model trained on classes `trained`.

    seen: (n,) bool, the images that it was trained on.
    """
    encoded = SimpleNamespace(
        vectors=vectors,
        keys=[str(i) for i in range(len(vectors))],
        labels=list(labels),
        seen=np.zeros(len(vectors), bool) if seen is None else np.asarray(seen),
        contents=contents or [content(10_000 + i) for i in range(len(vectors))],
        rejected=3,
        why_rejected="3 rejected: truncated (3)",
    )
    encoder = SimpleNamespace(
        digest=collection._view.store.model and collection._view.store.model.digest,
        training_classes=list(trained),
        pretrained=False,
        labels=lambda source: list(labels),
        contents=lambda source, progress: [*zip(encoded.labels, encoded.contents, encoded.seen.tolist(), strict=True)],
        encode_source=lambda source, progress, cache=True: encoded,
    )
    give_encoder(collection, encoder)


def give_encoder(collection, encoder) -> None:
    """Let `encoder` encode images for `collection`, whatever model it has."""
    collection._view.encoders = SimpleNamespace(of=lambda store: encoder)
