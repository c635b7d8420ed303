"""The images that a model was trained on, by content: what it answers on them says little of images to come.

Kept beside the weights as one sorted int64 tensor of the first eight bytes of each image's SHA-256: another image is
taken for one of n with a chance of n / 2^64.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

NAME = "training_images"
"""The tensor's name in encoder.safetensors; no network has weights of that name."""


def marks(contents: Iterable[str]) -> NDArray[np.int64]:
    """The sorted int64 (m,) that stand for contents (SHA-256 in hex), each once."""
    found = {int.from_bytes(bytes.fromhex(content[:16]), "big", signed=True) for content in contents}
    return np.array(sorted(found), dtype=np.int64)


def seen(contents: Sequence[str | None], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) bool: which of the contents, None for none, are among `known` marks."""
    places = [place for place, content in enumerate(contents) if content is not None]
    asked = [int.from_bytes(bytes.fromhex(str(contents[place])[:16]), "big", signed=True) for place in places]
    result = np.zeros(len(contents), dtype=bool)
    result[places] = np.isin(np.array(asked, dtype=np.int64), known)
    return result
