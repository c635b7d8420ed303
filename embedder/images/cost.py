"""What decoding an image takes in memory, said by its header before a pixel is decoded.

The prediction counts what lies in memory at once: what the format's decoder keeps, Pillow's image, our result, one
block of its conversion (pixels.py), and afterwards the copies of the result that turning and resizing make. It is meant
as an upper bound within a factor of two; a test holds it against what a process really takes. The bytes of the file
itself count only where they are copied.
"""

from PIL import Image
from PIL.ImageFile import ImageFile

from .pixels import BLOCK_PIXELS

_IMAGE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""Bytes per pixel of Pillow's image; four in every other mode."""
_BLOCK = 40
"""Bytes per pixel of a block that is being converted."""
_OWN = {"WEBP": 12, "AVIF": 8, "HEIF": 8, "GIF": 1}
"""Bytes per pixel that decoders keep beside the image: canvases, planes of the video codec, and the frame as bytes."""
_FIXED = 8 << 20
"""Bytes of buffers and tables that do not depend on the size."""


def decoded_bytes(image: Image.Image, channels: int, size: int | None = None, file_bytes: int = 0) -> int:
    """Predict the most bytes that decoding an image takes at once, with our conversions.

    image: as Image.open gave it, not loaded. channels, size: as for decode.picture_of. file_bytes: the file's length.
    """
    pixels = image.width * image.height
    shown = pixels // _reduced(image, size) ** 2
    block = min(shown, BLOCK_PIXELS) * _BLOCK
    decoding = _decoder(image, pixels) + shown * (_IMAGE.get(image.mode, 4) + channels) + block
    # The result beside a turned copy, or beside Pillow's copy of it that is resized.
    afterwards = shown * (channels + (4 if channels == 3 else 1))
    return _FIXED + file_bytes + max(decoding, afterwards)


def deep_bytes(size: tuple[int, int], unpacked: int, channels: int) -> int:
    """Predict the same for deep samples of a picture of this size (width, height), which take `unpacked` bytes."""
    pixels = size[0] * size[1]
    block = min(pixels, BLOCK_PIXELS) * 2 * _BLOCK
    # A strip may hold all samples, and is unpacked beside them.
    decoding = 2 * unpacked + pixels * channels + block
    return _FIXED + max(decoding, pixels * (channels + (4 if channels == 3 else 1)))


def _reduced(image: Image.Image, size: int | None) -> int:
    """By how much a JPEG is decoded smaller: 1, 2, 4 or 8, as Pillow's draft mode chooses."""
    if size is None or image.format not in ("JPEG", "MPO"):
        return 1
    times = min(image.width, image.height) // (2 * size)
    return next((scale for scale in (8, 4, 2) if times >= scale), 1)


def _decoder(image: Image.Image, pixels: int) -> int:
    """Bytes that the decoder keeps beside the image."""
    kind = image.format or ""
    if kind in ("JPEG", "MPO"):
        return _coefficients(image, pixels)
    if kind == "TIFF":
        # A file may be one strip, which is unpacked beside the image.
        return 0 if image.info.get("compression") == "raw" else pixels * _IMAGE.get(image.mode, 4)
    if kind == "PPM":
        # Numbers that Pillow reads in Python, one by one: their bytes are held twice.
        return (
            0
            if isinstance(image, ImageFile) and image.tile[0].codec_name == "raw"
            else pixels * 2 * _IMAGE.get(image.mode, 4)
        )
    return pixels * _OWN.get(kind, 0)


def _coefficients(image: Image.Image, pixels: int) -> int:
    """Two bytes per sample of a JPEG of many scans, whose pixels are only known after the last one.

    "scans" is what decode.py counted; without it, an image of several components may have several scans.
    """
    layers = getattr(image, "layer", [])
    many = bool(image.info.get("progressive")) or image.info.get("scans", len(layers)) > 1
    most = max((h * v for _, h, v, _ in layers), default=1)
    return int(sum(2 * pixels * h * v / most for _, h, v, _ in layers)) if many else 0
