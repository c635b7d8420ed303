"""What an image file's own structure says before any decoder runs: is it whole, is it absurdly costly, what is needed?

Pillow shows half an image without a word where only the end is missing, so the end markers are checked here. Formats
without one (BMP, TIFF, PPM) fail in the decoder where data are missing. What pixels do not need is left out on the way
(jpeg_segments.py, png_chunks.py, gif_blocks.py): notes, profiles and further pictures never cost an image its pixels.
"""

from typing import NamedTuple

from .formats import gif_blocks, jpeg_segments, png_chunks
from .formats.known_formats import brands
from .rejected import Rejected

_MOST_SCAN_PIXELS = 2_000_000_000
"""Pixels times scans of one JPEG: a progressive file may ask for thousands of passes over one large image."""


class Container(NamedTuple):
    """The bytes to decode, and the number of scans (JPEG; None elsewhere)."""

    data: bytes
    scans: int | None = None


def opened(data: bytes) -> Container:
    """Give what of a file is to be decoded; Rejected where it is cut off, or would take minutes to decode."""
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(png_chunks.SIGNATURE):
        return Container(png_chunks.cleaned(data))
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return Container(gif_blocks.first_frame(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) < 8 + int.from_bytes(data[4:8], "little"):
        raise Rejected("decode", "truncated: shorter than its header says")
    if brands(data):
        _check_boxes(data)
    return Container(data)


def _jpeg(data: bytes) -> Container:
    cleaned = jpeg_segments.cleaned(data)
    pixels = cleaned.size[0] * cleaned.size[1]
    if cleaned.scans > 1 and pixels * cleaned.scans > _MOST_SCAN_PIXELS:
        raise Rejected("decode", f"{cleaned.scans} scans of {pixels} pixels are too costly")
    return Container(cleaned.data, cleaned.scans)


def _check_boxes(data: bytes) -> None:
    """HEIC and AVIF: the outermost boxes must lie within the file."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size == 0:
            return
        at += max(size, 8)
    if at > len(data):
        raise Rejected("decode", "truncated: shorter than its boxes say")
