"""Encoded images to pixels: one rule for every kind of file, and a rejection for every file that is none of them.

The rules, all part of the preprocessing through DECODE_VERSION (preprocessing.py): content decides, never the
extension; the first frame of an animation, the first page in full size, never a thumbnail (tiff_pictures.py); upright
by EXIF orientation; transparency on white, or black for white drawings (ground.py); samples deeper than 8 bits scaled
to 8 by their depth, never clipped (deep.py); CMYK to RGB, whether or not Adobe's inversion is announced; JPEGs several
times larger than needed decoded at 1/2, 1/4 or 1/8 of their size (libjpeg's own scaling, exact and repeatable). What
pixels do not need is left out before (container.py). No file gets more pixels, bytes or scans than the caps, and
whatever a decoder raises becomes Rejected("decode", reason).
"""

import re
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from ...store.disk.memory import is_out_of_memory
from .cost import decoded_bytes, deep_bytes
from .formats.deep_png import dark_samples
from .formats.known_formats import not_read, what_it_is
from .formats.tiff import kinds as tiff_palette
from .opening import FORMATS, Opened, open_image
from .pixels import deep_to_uint8, inverted, to_uint8
from .preprocessing import DECODE_VERSION
from .quiet import quiet_libtiff, quiet_pillow
from .raw_pixels import RawPixels
from .rejected import OutOfMemory, Rejected

__all__ = ["DECODE_VERSION", "FORMATS", "MAX_PIXELS", "Picture", "memory_of", "picture_of"]

MAX_PIXELS = 100_000_000
"""Larger images are rejected by their header; Pillow itself would only warn."""

_UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: np.rot90(p),
}
_BY_DAMAGE = (ValueError, SyntaxError, EOFError, LookupError, ArithmeticError, struct.error, RuntimeError)
"""What decoders raise over bytes that make no sense."""


class Picture(NamedTuple):
    """Upright pixels, uint8 (h, w, c), and the image's own width and height (a JPEG may be decoded smaller)."""

    pixels: NDArray[np.uint8]
    width: int
    height: int


def picture_of(data: bytes | RawPixels | Image.Image, channels: int, size: int | None = None) -> Picture:
    """Give the upright pixels of an image in 1 (grey) or 3 channels (RGB).

    size: what the shorter side will be reduced to; a JPEG may then be decoded smaller, though at least twice `size`.
    Raises Rejected("decode", reason) for whatever is not an acceptable image.
    """
    return _guarded(_any_picture, data, channels, size)


def memory_of(data: bytes, channels: int, size: int | None = None) -> int:
    """Predict how many bytes `picture_of` takes at most beside the file's own, from its header; Rejected likewise."""
    return memory_and_size(data, channels, size)[0]


def memory_and_size(data: bytes, channels: int, size: int | None = None) -> tuple[int, tuple[int, int]]:
    """What `memory_of` predicts, and the width and height of the image as it is stored."""

    def predicted(data: bytes) -> tuple[int, tuple[int, int]]:
        opened = _opened(data)
        if opened.image is None:
            return opened.copied + deep_bytes(opened.size, opened.unpacked, channels), opened.size
        return decoded_bytes(opened.image, channels, size, opened.copied), opened.size

    found: tuple[int, tuple[int, int]] = _guarded(predicted, data)
    return found


def _guarded(step: Callable[..., Any], data: Any, *rest: Any) -> Any:
    """Do a step, and turn whatever it raises into Rejected."""
    try:
        with quiet_pillow():
            if isinstance(data, bytes) and data[:2] in (b"II", b"MM"):
                with quiet_libtiff():
                    return step(data, *rest)
            return step(data, *rest)
    except Rejected:
        raise
    except Exception as error:
        # Decoders of hostile files raise anything: TypeError, struct.error, SyntaxError, MemoryError ...
        kind = OutOfMemory if is_out_of_memory(error) else Rejected
        raise kind("decode", _reason(error, data)) from error


def _any_picture(data: bytes | RawPixels | Image.Image, channels: int, size: int | None) -> Picture:
    if isinstance(data, RawPixels):
        return _raw(data.pixels, channels)
    if isinstance(data, Image.Image):
        _check_size(*data.size)
        return _picture(data.copy(), channels)
    return _encoded(_opened(data), channels, size)


def _opened(data: bytes) -> Opened:
    if not data:
        raise Rejected("decode", "empty file")
    opened = open_image(data)
    _check_size(*opened.size)
    return opened


def _encoded(opened: Opened, channels: int, size: int | None) -> Picture:
    image = opened.image
    if image is None:
        if opened.samples is None:
            raise Rejected("decode", "not an image in an accepted format")
        return _turned(deep_to_uint8(opened.samples(), channels), opened.size, opened.orientation)
    if image.format not in ("JPEG", "MPO"):
        return _by_pillow(opened, image, channels)
    full = image.size
    if size is not None:
        image.draft("L" if channels == 1 else None, (2 * size, 2 * size))
    # Pillow takes every CMYK JPEG for an inverted one; only Adobe's marker announces that.
    cmyk = image.mode == "CMYK" and "adobe" not in image.info
    return _picture(inverted(image) if cmyk else image, channels, full, opened.orientation)


def _by_pillow(opened: Opened, image: Image.Image, channels: int) -> Picture:
    """A picture of any other format, looked at again where what Pillow gives hides it."""
    image.load()
    if image.mode == "P" and isinstance(image, TiffImageFile):
        tiff_palette.widen(image)
    if image.format == "PNG" and (samples := dark_samples(image, opened.data)) is not None:
        return _turned(deep_to_uint8(samples, channels), image.size, _orientation(image))
    if opened.opaque is not None and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        # Premultiplied colours under no alpha at all: Pillow makes them black.
        again = opened.opaque().image
        image = image if again is None else again
    return _picture(image, channels, orientation=opened.orientation)


def _picture(image: Image.Image, channels: int, full: tuple[int, int] | None = None, orientation: int = 1) -> Picture:
    """The upright picture; `full`: the size before a JPEG was decoded smaller."""
    image.load()
    # After load(): Pillow turns a TIFF upright itself, and then drops the tag.
    own = _orientation(image)
    return _turned(to_uint8(image, channels), full or image.size, orientation if own == 1 else own)


def _turned(pixels: NDArray[np.uint8], size: tuple[int, int], orientation: int) -> Picture:
    width, height = size
    if orientation in _UPRIGHT:
        pixels = np.ascontiguousarray(_UPRIGHT[orientation](pixels))
        if orientation >= 5:
            width, height = height, width
    return Picture(pixels, width, height)


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation; 1 (upright) where it is absent, or damaged: viewers show such images too."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
        return value if isinstance(value, int) else 1
    except Exception:
        return 1


def _raw(pixels: NDArray[np.uint8], channels: int) -> Picture:
    """Pixels that were never encoded, uint8 (h, w) or (h, w, 1 or 3)."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return _picture(Image.fromarray(pixels), channels)


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise Rejected("decode", f"no pixels: {width} x {height}")
    if width * height > MAX_PIXELS:
        raise Rejected("decode", f"{width} x {height} is more than {MAX_PIXELS} pixels")


def _reason(error: Exception, data: object) -> str:
    if isinstance(error, UnidentifiedImageError):
        return what_it_is(data) if isinstance(data, bytes) else "not an image in an accepted format"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {MAX_PIXELS} pixels"
    if is_out_of_memory(error):
        return "not enough memory to decode it"
    if isinstance(data, bytes) and (kind := not_read(data)) is not None:
        return kind
    words = re.sub(r"\S*/\S*", "...", " ".join(str(error).split()))
    if re.search("truncated|not enough image data|unexpected end of file", words, re.IGNORECASE):
        return "truncated"
    if isinstance(error, OSError) and words.startswith("Unsupported"):
        return f"cannot be decoded: u{words[1:]}"[:120]
    if isinstance(error, _BY_DAMAGE) or re.search("decoder error|broken data stream", words):
        return "damaged or cut off: its pixels cannot be decoded"
    return f"cannot be decoded ({type(error).__name__}: {words}"[:119].rstrip(": ") + ")"
