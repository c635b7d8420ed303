"""Samples of more than 8 bits, or with a sign: what becomes black and what white, and the way to 8 bits.

White is what the file declares (TIFF's MaxSampleValue or SMaxSampleValue, PNG's sBIT, a PGM's maximum), unless a sample
exceeds it. Without a declaration:

- Integers of 16 bits have 65,535 for white. Cameras and scanners put 10 or 12 bits into such files, which would come
  out almost black: where the largest sample fits 8, 10, 12 or 14 bits, the smallest of them counts. Samples that were
  widened from 8 bits (all are multiples of 257, or of 256) are dark pictures, and stay dark.
- Signed integers have their largest positive value for white; where some are below zero, the range that they take.
- Floats have 1, 255 or 65,535 for white, the first that none exceeds; up to 32, the largest sample, since they are
  pictures in [0, 1] with highlights, or distances, and would come out almost black; and above 255 the rule of integers.
  Below zero or beyond 65,535, their own range.

What a file declares to mean no data (GDAL's entry in a TIFF) is black, and counts for nothing else. Nothing is ever
clipped.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .rejected import Rejected

Span = tuple[int, int]
_FULL = 65535.0
_NO_DEPTH = float(2**32 - 1)
"""TIFF's default for the largest sample of 32 bits: nobody means that."""


@dataclass(frozen=True)
class Deep:
    """A picture's samples, given in rows.

    rows(top, bottom) gives numbers of any type, (n, w, c). mode: L, LA, La, RGB, RGBA, RGBa or CMYK, c bands.
    single: computed in single precision, which holds 16 bits exactly. declared: white by the file. black: the same, of
    use beside `declared`. no_data: the sample that stands for no measurement. bits: sBIT's depth.
    white_is_zero: to be inverted. key: the samples that stand for transparency, one per band of colour. high_bytes:
    16-bit colour is brought to 8 bits by its high bytes, as Pillow does it in PNG and TIFF, not by rounding as in PPM.
    """

    width: int
    height: int
    mode: str
    rows: Callable[[int, int], NDArray[Any]]
    single: bool = False
    declared: float | None = None
    black: float = 0.0
    no_data: float | None = None
    bits: int | None = None
    white_is_zero: bool = False
    key: tuple[int, ...] | None = None
    high_bytes: bool = True

    @property
    def has_transparency(self) -> bool:
        """Whether a band or a key says what can be seen."""
        return self.mode in ("LA", "La", "RGBA", "RGBa") or self.key is not None


@dataclass
class _Facts:
    """What all samples of some bands have in common."""

    low: float
    high: float
    kind: str  # numpy's: "u", "i" or "f"
    size: int  # bytes per sample
    used: int = 0  # every bit that is set in any sample
    by_257: bool = True  # whether all samples are multiples of 257


def of_image(image: Image.Image) -> Deep | None:
    """The samples of a loaded Pillow image in a mode of more than 8 bits; None for other modes."""
    if image.mode not in ("I", "F") and not image.mode.startswith("I;"):
        return None

    def rows(top: int, bottom: int) -> NDArray[Any]:
        return np.asarray(image.crop((0, top, image.width, bottom)))[:, :, None]

    transparent = image.info.get("transparency")
    key = (transparent,) if isinstance(transparent, int) else None
    bits = image.info.get("significant_bits")
    single = image.mode.startswith("I;")
    return Deep(image.width, image.height, "L", rows, single, bits=bits, key=key)


def scaling(samples: Deep, spans: Sequence[Span]) -> Callable[[int, int], Image.Image]:
    """Look at all samples, in these spans of rows, and give the function that makes 8-bit blocks of them."""
    bands = len(samples.mode)
    colours = bands - (samples.mode[-1] in "Aa")
    ranges = [_range(samples, spans, slice(0, colours))] * colours
    if colours < bands:
        ranges.append(_range(samples, spans, slice(colours, bands)))

    def block(top: int, bottom: int) -> Image.Image:
        values = samples.rows(top, bottom)
        eight = [_eight(values[:, :, band], *ranges[band], samples) for band in range(bands)]
        if samples.white_is_zero:
            eight[:colours] = [255 - band for band in eight[:colours]]
        if samples.key is not None:
            eight.append(255 * np.any(values != np.asarray(samples.key), axis=2).astype(np.uint8))
        return _image(eight, samples.mode + "A" * (samples.key is not None))

    return block


def _image(bands: list[NDArray[np.uint8]], mode: str) -> Image.Image:
    return Image.merge(mode, [Image.fromarray(band) for band in bands]) if len(bands) > 1 else Image.fromarray(bands[0])


def _eight(values: NDArray[Any], low: float, high: float, samples: Deep) -> NDArray[np.uint8]:
    if (
        samples.high_bytes
        and len(samples.mode) > 1
        and (low, high, samples.no_data) == (0.0, _FULL, None)
        and values.dtype.kind == "u"
    ):
        return (values >> 8).astype(np.uint8)
    exact: NDArray[Any] = values.astype(np.float32 if samples.single else np.float64)
    if samples.no_data is not None:
        exact[_is_empty(values, samples.no_data)] = low
    return np.rint((exact - low) * (255.0 / (high - low))).astype(np.uint8)


def _is_empty(values: NDArray[Any], no_data: float) -> NDArray[np.bool_]:
    """Which samples stand for no measurement: of floats those that are no numbers too."""
    if values.dtype.kind != "f":
        return np.asarray(values == no_data)
    with np.errstate(over="ignore"):
        return np.isnan(values) | (values == values.dtype.type(no_data))


def _range(samples: Deep, spans: Sequence[Span], bands: slice) -> tuple[float, float]:
    """What becomes black and white."""
    facts: _Facts | None = None
    for span in spans:
        values = samples.rows(*span)[:, :, bands]
        if samples.no_data is not None:
            values = values[~_is_empty(values, samples.no_data)]
        facts = _joined(facts, _facts(values)) if values.size else facts
    if facts is None:
        raise Rejected("decode", f"every sample is {samples.no_data}, which the file declares to mean no data")
    if not np.isfinite(facts.low) or not np.isfinite(facts.high):
        raise Rejected("decode", "pixels that are not finite numbers")
    white = _white(facts, samples)
    if white == samples.declared and samples.black < white and facts.low >= samples.black:
        return samples.black, white
    if facts.low >= 0 and facts.high <= white:
        return 0.0, white
    return facts.low, facts.high if facts.high > facts.low else facts.low + 1


def _facts(values: NDArray[Any]) -> _Facts:
    low, high = float(values.min()), float(values.max())
    facts = _Facts(low, high, values.dtype.kind, values.dtype.itemsize)
    if values.dtype.kind in "ui" and low >= 0 and high <= 16383:
        facts.used = int(np.bitwise_or.reduce(values, axis=None))
        facts.by_257 = values.dtype.itemsize > 1 and not np.any(values % 257)
    return facts


def _joined(a: _Facts | None, b: _Facts) -> _Facts:
    if a is None:
        return b
    low, high = float(np.minimum(a.low, b.low)), float(np.maximum(a.high, b.high))  # NaN wins
    return _Facts(low, high, a.kind, a.size, a.used | b.used, a.by_257 and b.by_257)


def _white(facts: _Facts, samples: Deep) -> float:
    whole = facts.kind in "ui"
    if samples.declared is not None and facts.high <= samples.declared < _NO_DEPTH:
        return _FULL if whole and _FULL / 2 < samples.declared < _FULL else samples.declared
    if samples.bits is not None:
        return _FULL if _fill_upper(facts, samples.bits) else float((1 << samples.bits) - 1)
    if not whole:
        return _white_of_floats(facts.high)
    return _FULL if _widened(facts) else _white_of_integers(facts.high, _largest(facts))


def _fill_upper(facts: _Facts, bits: int) -> bool:
    """Whether samples are scaled to 16 bits, as PNG means sBIT, and not kept in the lower ones, as some writers do."""
    if facts.high >= 1 << bits:
        return True
    return (facts.kind, facts.size) == ("u", 2) and 0 < facts.high <= 16383 and not facts.used & ((1 << 16 - bits) - 1)


def _largest(facts: _Facts) -> float:
    """White of integers that reach beyond 14 bits."""
    return {("i", 1): 127.0, ("i", 2): 32767.0, ("u", 1): 255.0}.get((facts.kind, facts.size), _FULL)


def _white_of_integers(high: float, otherwise: float) -> float:
    for bits in (8, 10, 12, 14):
        if high < 1 << bits:
            return min(float((1 << bits) - 1), otherwise)
    return otherwise


def _white_of_floats(high: float) -> float:
    if high <= 1:
        return 1.0
    if high <= 32:
        return high
    return 255.0 if high <= 255 else _white_of_integers(np.ceil(high), _FULL)


def _widened(facts: _Facts) -> bool:
    """Whether samples were brought to 16 bits from 8, by repeating the byte or by an empty one."""
    return facts.size >= 2 and 0 < facts.high <= 16383 and (facts.by_257 or not facts.used & 255)
