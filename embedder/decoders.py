"""Decoding a few images at once in threads, in their order: Pillow frees the interpreter while it works.

Reading stays in the calling thread: a Parquet table is read forward by one cursor.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .images import prepared
from .preprocessing import Preprocessing
from .rejected import Rejected

FEW = 128
"""Images that are held at once, as their source gives them."""


def decoders() -> ThreadPoolExecutor:
    """Make the threads, to be used as a context manager."""
    return ThreadPoolExecutor(min(8, os.cpu_count() or 1))


def decode(
    threads: ThreadPoolExecutor, images: Sequence[Any], preprocessing: Preprocessing
) -> list[NDArray[np.uint8] | Rejected]:
    """For each image (bytes, RawPixels, PIL image) its pixels (size, size, channels), or why not; Rejected stays."""
    return list(threads.map(lambda image: _pixels(image, preprocessing), images))


def _pixels(image: Any, preprocessing: Preprocessing) -> NDArray[np.uint8] | Rejected:
    if isinstance(image, Rejected):
        return image
    try:
        return prepared(image, preprocessing).pixels
    except Rejected as rejected:
        return rejected.kept()
