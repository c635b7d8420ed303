"""Contact sheets: queries and their hits as one picture, drawn with Pillow.

A query stands on the left and its hits follow in reading order, nearest first; each has its name, label and distance
below. A picture that cannot be had is an empty frame that says why. Names are escaped and shortened to fit.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..store.errors import LookalikeError
from ..store.replace import check_replaceable, replace_file
from ..store.shown import shown
from .pictures import Picture

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
MOST = 1000
"""Hits on one sheet: some 20 megapixels."""
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "Arial.ttf")
_PAPER, _INK, _GREY, _LINE, _BLUE, _FRAME = "#ffffff", "#111111", "#666666", "#cccccc", "#1f5fae", "#f2f2f2"
_SIZE, _LEAD, _GAP, _MARGIN = 13, 17, 12, 16


@dataclass(frozen=True)
class Cell:
    """A picture (uint8 (h, w, 3), or why there is none), what it is called, its label and its distance to the query."""

    picture: Picture
    name: str
    label: str | None = None
    distance: float | None = None


@dataclass(frozen=True)
class Strip:
    """A query and its hits, nearest first; `error` says why there are none."""

    query: Cell
    hits: Sequence[Cell]
    error: str | None = None


def tile_side(hits: int) -> int:
    """Pixels of a picture's side on a sheet with this many hits a query."""
    return 160 if hits <= 12 else 112


def check_sheet(path: Path) -> None:
    """LookalikeError, before any work, where a sheet cannot be written under this name."""
    if path.suffix.lower() not in FORMATS:
        raise LookalikeError(f"cannot draw {path}: a sheet's name must end in {', '.join(FORMATS)}")
    check_replaceable(path)


def write_sheet(path: Path, strips: Sequence[Strip]) -> None:
    """Draw the strips and write the picture whole or not at all, replacing an older file; LookalikeError otherwise."""
    check_sheet(path)
    content = io.BytesIO()
    draw_sheet(strips).save(content, FORMATS[path.suffix.lower()], quality=90)
    replace_file(path, content.getvalue())


def draw_sheet(strips: Sequence[Strip]) -> Image.Image:
    """One RGB picture: a strip below the other, all with the same columns."""
    most = max((len(strip.hits) for strip in strips), default=0)
    grid = _Grid(tile_side(most), _columns(most))
    heights = [grid.height(strip) for strip in strips]
    sheet = Image.new("RGB", (grid.width, _MARGIN + sum(heights)), _PAPER)
    pen = ImageDraw.Draw(sheet)
    top = _MARGIN
    for number, (strip, height) in enumerate(zip(strips, heights, strict=True)):
        if number:
            pen.line((_MARGIN, top - _GAP // 2, grid.width - _MARGIN, top - _GAP // 2), _LINE)
        grid.draw(sheet, pen, strip, top)
        top += height
    return sheet


def _columns(hits: int) -> int:
    """Five columns for ten hits, ten for fifty: about twice as wide as high."""
    return max(1, min(hits, 5 if hits <= 12 else max(5, round(math.sqrt(2 * hits)))))


@dataclass(frozen=True)
class _Grid:
    """Where things are: a column for the query, then `columns` for hits, of tiles with `side` pixels."""

    side: int
    columns: int

    @property
    def step(self) -> int:
        return self.side + _GAP

    @property
    def width(self) -> int:
        return 2 * _MARGIN + (self.columns + 1) * self.step + _GAP

    @property
    def cell_height(self) -> int:
        return self.side + 3 * _LEAD + _GAP

    def height(self, strip: Strip) -> int:
        return max(1, math.ceil(len(strip.hits) / self.columns)) * self.cell_height + _GAP

    def draw(self, sheet: Image.Image, pen: ImageDraw.ImageDraw, strip: Strip, top: int) -> None:
        self.cell(sheet, pen, strip.query, (_MARGIN, top), query=True)
        left = _MARGIN + self.step + _GAP
        for number, hit in enumerate(strip.hits):
            row, column = divmod(number, self.columns)
            self.cell(sheet, pen, hit, (left + column * self.step, top + row * self.cell_height))
        if not strip.hits:
            words = strip.error or "no hits"
            pen.text((left, top), _fitted(shown(words), self.columns * self.step), _GREY, _font())

    def cell(
        self, sheet: Image.Image, pen: ImageDraw.ImageDraw, cell: Cell, at: tuple[int, int], query: bool = False
    ) -> None:
        _picture(sheet, pen, cell.picture, at, self.side, query)
        second = "query" if query else shown(cell.label or "")
        lines = [(shown(cell.name), _INK if query else _GREY), (second, _BLUE if query else _INK)]
        if cell.distance is not None:
            lines.append((f"{cell.distance:.3f}", _BLUE))
        for number, (text, colour) in enumerate(lines):
            place = (at[0], at[1] + self.side + 3 + number * _LEAD)
            pen.text(place, _fitted(text, self.side), colour, _font())


def _picture(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, picture: Picture, at: tuple[int, int], side: int, outlined: bool
) -> None:
    """The picture in the middle of its tile, or an empty frame with the reason; a query's tile is outlined."""
    box = (at[0], at[1], at[0] + side - 1, at[1] + side - 1)
    pen.rectangle(box, _FRAME)
    if isinstance(picture, np.ndarray):
        height, width = picture.shape[:2]
        sheet.paste(Image.fromarray(picture), (at[0] + (side - width) // 2, at[1] + (side - height) // 2))
    else:
        pen.text((at[0] + side // 2, at[1] + side // 2), _fitted(picture, side - 8), _GREY, _font(), anchor="mm")
    if outlined:
        pen.rectangle(box, outline=_BLUE, width=3)


def _fitted(text: str, width: int) -> str:
    """`text`, its middle left out where it is wider than `width` pixels: a key's end tells most."""
    font = _font()
    if font.getlength(text[:1000]) <= width and len(text) <= 1000:
        return text
    few, many = 0, min(len(text), 1000)
    while many - few > 1:
        middle = (few + many) // 2
        if font.getlength(_cut(text, middle)) <= width:
            few = middle
        else:
            many = middle
    return _cut(text, few)


def _cut(text: str, kept: int) -> str:
    head = kept // 3
    return f"{text[:head]}…{text[len(text) - (kept - head) :]}"


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, _SIZE)
        except OSError:
            continue
    return ImageFont.load_default(_SIZE)
