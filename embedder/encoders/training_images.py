"""The images that a model was trained on, by content: its answers for them say little about new images.

They are stored with the weights as one sorted int64 tensor of marks, the first eight bytes of each image's SHA-256.
Another image is taken for one of n training images with a probability of n / 2^64.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NAME = "training_images"
"""The tensor's name in encoder.safetensors; no network has weights of that name."""
NO_MARKS = np.zeros(0, dtype=np.int64)
NO_MARKS.flags.writeable = False


def mark(content: str) -> int:
    """The mark of a content (SHA-256 in hex)."""
    return int.from_bytes(bytes.fromhex(content[:16]), "big", signed=True)


def seen(contents: Sequence[str | None], marks: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) bool: which of the contents (None where there is none) are among `marks` (m,) int64."""
    places = [place for place, content in enumerate(contents) if content is not None]
    result = np.zeros(len(contents), dtype=bool)
    result[places] = np.isin(np.array([mark(str(contents[place])) for place in places], dtype=np.int64), marks)
    return result
