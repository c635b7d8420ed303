"""Thumbnails inside the page: pictures as data URIs, and many of them in one sprite."""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..pictures import Picture
from .page import data_uri, text

SIDE = 112
"""Pixels of a side of a picture in a contact sheet."""
MAP_SIDE = 48
"""Pixels of a side of a picture of the map."""


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


def picture_uri(pixels: np.ndarray) -> str:
    """Pixels uint8 (h, w, 3) as a data URI: PNG or JPEG, whichever is shorter."""
    png, jpeg = io.BytesIO(), io.BytesIO()
    image = Image.fromarray(pixels)
    grey = bool((pixels == pixels[:, :, :1]).all())
    (image.convert("L") if grey else image).save(png, "PNG", optimize=True)
    image.save(jpeg, "JPEG", quality=80, optimize=True)
    if len(png.getvalue()) <= len(jpeg.getvalue()):
        return data_uri("image/png", png.getvalue())
    return data_uri("image/jpeg", jpeg.getvalue())


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
