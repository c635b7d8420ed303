"""One image on its way to an encoder: read, hashed, decoded, brought to the encoder's size."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from ...store.work.forks import cached_property
from .decode import picture_of
from .formats.known_formats import pointer
from .preprocessing import Preprocessing
from .raw_pixels import RawPixels
from .rejected import Rejected

Thumbnail = NDArray[np.uint8]
"""uint8 (h, w, 3), h and w at most the side asked for."""

if TYPE_CHECKING:
    from ..sources import Source

NO_VECTOR = Rejected("encode", "the model gives no unit vector")
"""Why an image is rejected that a model turns into zeros, NaN or infinities."""
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class How:
    """What pixels are wanted for: an encoder (its preprocessing), or people (within a square of `side` pixels)."""

    preprocessing: Preprocessing | None = None
    side: int = 0

    @property
    def channels(self) -> int:
        """1 (grey) or 3 (RGB)."""
        return self.preprocessing.channels if self.preprocessing else 3

    @property
    def size(self) -> int:
        """What the shorter side will be reduced to."""
        return self.preprocessing.size if self.preprocessing else self.side

    @cached_property
    def text(self) -> str:
        """It as JSON, which `of_text` reads."""
        return json.dumps({"preprocessing": self.preprocessing and self.preprocessing.to_json(), "side": self.side})

    @staticmethod
    @lru_cache(4)
    def of_text(text: str) -> "How":
        """Read what `text` gave."""
        values = json.loads(text)
        fields = values["preprocessing"]
        return How(fields and Preprocessing.from_json(fields), values["side"])


@dataclass(frozen=True)
class Image:
    """An image as its source gives it, with the SHA-256 (hex) of its content."""

    data: bytes | RawPixels
    sha256: str

    @property
    def size(self) -> int:
        """Bytes that it takes in memory."""
        return self.data.pixels.nbytes if isinstance(self.data, RawPixels) else len(self.data)


class Prepared(NamedTuple):
    """uint8 (size, size, channels) for the encoder, and the upright image's own width and height in pixels."""

    pixels: NDArray[np.uint8]
    width: int
    height: int


def read_image(source: "Source", locator: Any) -> Image:
    """Read one image of a source; Rejected("read", reason) where it cannot be had."""
    data = source.read(locator)
    if isinstance(data, bytes) and (words := pointer(data)) is not None:
        raise Rejected("read", words)  # the image is elsewhere, and what is known of it still holds
    return Image(data, data.sha256() if isinstance(data, RawPixels) else hashlib.sha256(data).hexdigest())


def image_or_rejection(source: "Source", locator: Any) -> Image | Rejected:
    """`read_image`, or why there is no image, given rather than raised."""
    try:
        return read_image(source, locator)
    except Rejected as rejected:
        return rejected.kept()


def prepared(data: Any, preprocessing: Preprocessing) -> Prepared:
    """Decode an image (bytes, RawPixels or PIL image) for an encoder; Rejected("decode", reason)."""
    picture = picture_of(data, preprocessing.channels, preprocessing.size)
    return Prepared(preprocessing.apply(picture.pixels), picture.width, picture.height)


def prepared_as(data: Any, how: How) -> Prepared:
    """Decode an image (see `prepared`) for what `how` says: an encoder, or people to look at."""
    if how.preprocessing is not None:
        return prepared(data, how.preprocessing)
    picture = picture_of(data, 3, how.side)
    return Prepared(fitted(picture.pixels, how.side), picture.width, picture.height)


def is_unit(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(n,) bool: which rows of (n, d) have length 1, within what a float32 norm loses; NaN and Inf have not."""
    return np.abs(np.linalg.norm(rows.astype(np.float64), axis=1) - 1) <= _TOLERANCE


def fitted(pixels: Thumbnail, side: int) -> Thumbnail:
    """Pixels (h, w, 3) brought within side x side: reduced, or enlarged by whole pixels, so that small ones stay sharp.

    No side becomes less than a pixel.
    """
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= side:
        factor = side // longest
        return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    size = (max(1, round(width * side / longest)), max(1, round(height * side / longest)))
    return np.asarray(PilImage.fromarray(pixels).resize(size, PilImage.Resampling.LANCZOS, reducing_gap=3.0))
