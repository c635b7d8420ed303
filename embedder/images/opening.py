"""From a file's bytes to an opened image: nothing is decoded yet, but it is clear what will be.

Most files are opened by Pillow. TIFFs of deep samples are read by tiff_samples.py, Netpbm files of unusual depth by
netpbm.py, HEIC by its own package.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError, features

from . import container
from .deep import Deep
from .formats import camera_raw, heif, known_formats, netpbm, png_chunks
from .formats.tiff import pictures as tiff_pictures
from .formats.tiff import samples as tiff_samples
from .formats.tiff.directory import SAMPLES
from .rejected import Rejected

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM")
"""Pillow's names of what is decoded, with AVIF where Pillow has it. Every other decoder stays shut: each is a way in
for hostile files."""
_MOST_UNPACKED = 1 << 31
"""Bytes of deep samples: what a small file may ask for within the cap on pixels would fill most machines."""
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class Opened:
    """An image that is opened.

    size: (width, height) as stored. image: Pillow's, not loaded; None where `samples` reads deep samples instead.
    copied: bytes of copies of the file that were made. orientation: where another place than the image itself says it.
    unpacked: bytes of the deep samples. opaque: opens it again without its alpha, if that is zero everywhere.
    data: the bytes that Pillow opened.
    """

    size: tuple[int, int]
    image: Image.Image | None = None
    samples: Callable[[], Deep] | None = None
    copied: int = 0
    orientation: int = 1
    unpacked: int = 0
    opaque: Callable[[], "Opened"] | None = None
    data: bytes = b""


def open_image(data: bytes) -> Opened:
    """Open an encoded image; Rejected for what is none, is cut off or would be absurdly costly."""
    if (kind := camera_raw.kind_by_start(data)) is not None and data[:4] not in _TIFF:
        if kind != "Fujifilm RAF":
            raise camera_raw.refused(kind)
        return open_image(camera_raw.fuji_picture(data))
    if data[:4] in _TIFF:
        return _tiff(data)
    if known_formats.is_heic(data):
        return _by_pillow(container.opened(data).data, opener=heif.opened)
    if known_formats.is_avif(data) and not features.check("avif"):
        raise Rejected("decode", "AVIF needs a Pillow that reads it: pip install --upgrade pillow")
    if (header := netpbm.header(data)) is not None:
        return Opened(header.size, samples=lambda: netpbm.samples(data, header), unpacked=header.unpacked)
    found = container.opened(data)
    opened = _by_pillow(found.data, copied=len(found.data) if found.data is not data else 0)
    if opened.image is not None and found.scans is not None:
        opened.image.info["scans"] = found.scans
    if opened.image is not None and opened.image.format == "PNG" and (bits := png_chunks.significant_bits(found.data)):
        opened.image.info["significant_bits"] = max(bits[:3])
    return opened


def _by_pillow(
    data: bytes, *, copied: int = 0, orientation: int = 1, opener: Callable[[bytes], Image.Image] | None = None
) -> Opened:
    image = opener(data) if opener else Image.open(io.BytesIO(data), formats=_formats())
    return Opened(image.size, image, copied=copied, orientation=orientation, data=data)


def _formats() -> tuple[str, ...]:
    return (*FORMATS, "AVIF") if features.check("avif") else FORMATS


def _tiff(data: bytes) -> Opened:
    picture = tiff_pictures.chosen(data)
    if picture is None:
        if (kind := camera_raw.kind_by_start(data)) is not None:
            raise camera_raw.refused(kind)
        return _by_pillow(data)
    if picture.jpeg is not None:
        opened = open_image(picture.jpeg)
        return Opened(opened.size, opened.image, copied=2 * len(picture.jpeg), orientation=picture.orientation)
    directory = picture.directory
    if directory.one(SAMPLES) > tiff_samples.MOST_BANDS:
        raise Rejected(
            "decode", f"a TIFF of {directory.one(SAMPLES)} bands: 1 to {tiff_samples.MOST_BANDS} are accepted"
        )
    if tiff_samples.is_deep(directory):
        return _deep_tiff(picture)
    alone = data if picture.is_whole else tiff_pictures.alone(picture)
    # Pillow turns a TIFF upright itself, where the directory itself says how.
    orientation = 1 if picture.says_orientation else picture.orientation
    try:
        opened = _by_pillow(alone, copied=len(alone) if alone is not data else 0, orientation=orientation)
    except UnidentifiedImageError:
        if not tiff_samples.can_read(directory):
            raise
        return _deep_tiff(picture)

    def opaque() -> Opened:
        return _by_pillow(tiff_pictures.alone(picture, without_alpha=True), orientation=orientation)

    return Opened(
        opened.size, opened.image, copied=opened.copied, orientation=orientation, data=alone,
        opaque=opaque if picture.is_premultiplied else None,
    )  # fmt: skip


def _deep_tiff(picture: tiff_pictures.Chosen) -> Opened:
    directory = picture.directory
    unpacked = tiff_samples.samples_bytes(directory)
    if unpacked > _MOST_UNPACKED:
        raise Rejected("decode", f"{unpacked} bytes of samples, more than {_MOST_UNPACKED}")
    return Opened(
        directory.size,
        samples=lambda: tiff_samples.samples(picture.tiff, directory),
        orientation=picture.orientation,
        copied=len(picture.tiff.data),
        unpacked=unpacked,
    )
