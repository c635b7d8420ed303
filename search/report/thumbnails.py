"""Thumbnails inside the page: pictures as data URIs, and many of them in one sprite."""

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ..pictures.thumbnails import Picture
from .page import data_uri, text

SIDE = 112
"""Pixels of a side of a picture in a contact sheet."""
MAP_SIDE = 48
"""Pixels of a side of a picture of the map."""
MOST_BYTES = 1_500_000
"""Of the map's sprite, which noise alone would exceed."""


class Sprite(NamedTuple):
    """Pictures in one image, line by line: its data URI, and how many columns, rows and pixels a cell has."""

    uri: str
    columns: int
    rows: int
    cell: int


def framed(picture: Picture, alt: str) -> str:
    """A picture as HTML, or a frame with the reason why there is none."""
    if isinstance(picture, np.ndarray):
        height, width = picture.shape[:2]
        return f'<img src="{picture_uri(picture)}" width="{width}" height="{height}" alt="{text(alt)}">'
    return f'<span class="none" role="img" aria-label="{text(alt)}">{text(picture)}</span>'


def picture_uri(pixels: np.ndarray, most: int = MOST_BYTES) -> str:
    """Pixels uint8 (h, w, 3) as a data URI, PNG or JPEG, whichever is shorter; coarser where that exceeds `most`."""
    image = Image.fromarray(pixels)
    grey = bool((pixels == pixels[:, :, :1]).all())
    png = _saved(image.convert("L") if grey else image, "PNG")
    for quality in (80, 60, 40, 20):
        jpeg = _saved(image, "JPEG", quality=quality, optimize=True)
        if min(len(png), len(jpeg)) <= most:
            break
    return data_uri("image/png", png) if len(png) <= len(jpeg) else data_uri("image/jpeg", jpeg)


def _saved(image: Image.Image, form: str, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def sprite(pictures: Sequence[Picture]) -> Sprite:
    """Pictures of at most MAP_SIDE pixels in cells just large enough, the place of a missing one empty."""
    found = [picture for picture in pictures if isinstance(picture, np.ndarray)]
    cell = max((max(picture.shape[:2]) for picture in found), default=1)
    columns = max(1, round(len(pictures) ** 0.5))
    rows = max(1, -(-len(pictures) // columns))
    pixels = np.full((rows * cell, columns * cell, 3), 242, np.uint8)
    for number, picture in enumerate(pictures):
        if isinstance(picture, np.ndarray):
            height, width = picture.shape[:2]
            row, column = divmod(number, columns)
            top, left = row * cell + (cell - height) // 2, column * cell + (cell - width) // 2
            pixels[top : top + height, left : left + width] = picture
    return Sprite(picture_uri(pixels), columns, rows, cell)
