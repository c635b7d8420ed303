"""The preprocessing of a decoded image for an encoder, which is part of the encoder and of its digest.

`Preprocessing.apply` returns uint8 (size, size, channels), which is divided into batches, stored in memory during a
training, and sent between processes; the encoder applies `mean` and `std` to such batches in torch.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image

from ...store import checks
from ...store.errors import LookalikeError

DECODE_VERSION = 2
"""Increased whenever a rule of decode.py changes the pixels of any image: encoders record the version they were made
for.

Older versions are accepted, and decoded by the current rules. These differ only for files that were decoded wrongly
before (2: samples of 10 to 14 bits, white drawings, unset alpha, thumbnails), so that no sound image changes.
"""

RESIZES = ("stretch", "crop")
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Preprocessing:
    """How pixels are brought to an encoder's size and scale.

    size: pixels of the square's side. channels: 1 (grey) or 3 (RGB). mean, std: one per channel, on pixels in [0, 1].
    resize: "stretch" takes the whole image, whatever its shape; "crop" the central square whose side is `crop` times
    the image's shorter side. filter: "bilinear" or "bicubic", antialiased. decode: the version of decode.py's rules.
    """

    size: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: str = "stretch"
    crop: float = 1.0
    filter: str = "bilinear"
    decode: int = DECODE_VERSION

    def __post_init__(self) -> None:
        _check(self)

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Resize uint8 (h, w, 1 or 3) to uint8 (size, size, channels), contiguous."""
        image = _to_channels(image, self.channels)
        height, width = image.shape[:2]
        if height == width == self.size and self.crop == 1.0:
            return np.ascontiguousarray(image)
        box = self._box(width, height)
        picture = Image.fromarray(image[:, :, 0] if self.channels == 1 else image)
        resized = picture.resize((self.size, self.size), FILTERS[self.filter], box=box)
        return np.asarray(resized, dtype=np.uint8).reshape(self.size, self.size, self.channels)

    def _box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) of what is kept. Cropping before resizing keeps a 1 x 20,000 image cheap."""
        if self.resize == "stretch":
            return (0.0, 0.0, float(width), float(height))
        side = min(width, height) * self.crop
        left, top = (width - side) / 2, (height - side) / 2
        return (left, top, left + side, top + side)

    def to_json(self) -> dict[str, Any]:
        """Give plain values that JSON keeps exactly."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Preprocessing":
        """Read the result of `to_json`. Raises LookalikeError if a field is missing, unknown or invalid."""
        fields = set(cls.__dataclass_fields__)
        if not isinstance(values, dict) or set(values) != fields:
            found = sorted(values) if isinstance(values, dict) else repr(values)
            raise LookalikeError(f"preprocessing has the fields {str(found)[:200]}: it must have {sorted(fields)}")
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        try:
            return cls(**plain)
        except TypeError as error:  # such as the length of what is no list
            raise LookalikeError(f"preprocessing is {str(plain)[:200]}, which is not valid: {error}") from None


def _check(p: Preprocessing) -> None:
    """Refuse impossible values, naming the field and the value."""
    if checks.whole_number("decode", p.decode) > DECODE_VERSION:
        raise LookalikeError(
            f"decode is {p.decode}: this version of lookalike knows the decoding rules 1 to {DECODE_VERSION}; update "
            "lookalike to use this model"
        )
    checks.whole_number("size", p.size, 1, 1024)
    if p.channels not in (1, 3):
        raise LookalikeError(f"channels is {checks.quoted(p.channels)}: it must be 1 (grey) or 3 (RGB)")
    for name, values in (("mean", p.mean), ("std", p.std)):
        if len(values) != p.channels or not all(isinstance(v, int | float) and abs(v) <= 1e9 for v in values):
            raise LookalikeError(
                f"{name} is {checks.quoted(values)}: it must be {p.channels} finite number(s), one per channel"
            )
    if min(p.std) <= 0:
        raise LookalikeError(f"std is {p.std!r}: every value must be above 0")
    checks.choice("resize", p.resize, RESIZES)
    if not checks.share("crop", p.crop):
        raise LookalikeError(f"crop is {p.crop!r}: it must be above 0")
    checks.choice("filter", p.filter, list(FILTERS))


def _to_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Give uint8 (h, w, channels): grey is repeated, colour is weighed as Pillow's "L" (ITU-R 601-2)."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3) or 0 in image.shape:
        raise LookalikeError(f"pixels are {image.dtype} {image.shape}: they must be uint8 (height, width, 1 or 3)")
    if image.shape[2] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=2)
    return np.asarray(Image.fromarray(image).convert("L"), dtype=np.uint8)[:, :, None]
