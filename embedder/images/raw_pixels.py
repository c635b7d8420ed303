"""Images that were never encoded. In a file of its own: who decodes loads it without the sources and what they load."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RawPixels:
    """An image that was never encoded: uint8 (h, w) or (h, w, c), c = 1 or 3."""

    pixels: NDArray[np.uint8]

    def sha256(self) -> str:
        """SHA-256 (hex) of shape and pixels."""
        shape = "x".join(map(str, self.pixels.shape))
        return hashlib.sha256(f"pixels {shape}\n".encode() + self.pixels.tobytes()).hexdigest()
