"""Contact sheets: queries and their hits in one picture, drawn with Pillow.

Each query is on the left, followed by its hits in reading order, nearest first, with name, label and distance below
each picture. A missing picture is an empty frame with the reason. Names are escaped and shortened to fit. Many queries
are arranged in several columns, read one after the other, so that the sheet is not much higher than wide.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ...store.disk.replace import check_replaceable, replace_file
from ...store.errors import LookalikeError
from ...store.shown import shown
from .thumbnails import Picture

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
MOST = 1000
"""The largest number of hits on one sheet: about 30 megapixels with as many queries, fewer with few."""
_HIGHEST = 1.5
"""The largest ratio of height to width, as long as there are strips to put side by side."""
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "Arial.ttf")
_PAPER, _INK, _GREY, _LINE, _BLUE, _FRAME = "#ffffff", "#111111", "#666666", "#cccccc", "#1f5fae", "#f2f2f2"
_SIZE, _LEAD, _GAP, _MARGIN = 13, 17, 12, 16


@dataclass(frozen=True)
class Cell:
    """A picture (uint8 (h, w, 3), or why there is none), its name, its label and its distance to the query."""

    picture: Picture
    name: str
    label: str | None = None
    distance: float | None = None


@dataclass(frozen=True)
class Strip:
    """A query and its hits, nearest first; `error` says why there are none. The query's label replaces "query"."""

    query: Cell
    hits: Sequence[Cell]
    error: str | None = None


def tile_side(hits: int, queries: int = 1) -> int:
    """The side of a picture in pixels, on a sheet with at most this many hits per query and this many queries."""
    if queries * (hits + 1) > 600:
        return 80
    return 160 if hits <= 12 and queries <= 100 else 112


def check_sheet(path: Path) -> None:
    """Raise LookalikeError, before any work, if a sheet cannot be written to this path."""
    if path.suffix.lower() not in FORMATS:
        raise LookalikeError(f"cannot draw {path}: the name of a sheet must end in {', '.join(FORMATS)}")
    check_replaceable(path)


def write_sheet(path: Path, strips: Sequence[Strip]) -> None:
    """Draw the strips and write the picture, replacing an older file. If it fails, nothing is written."""
    check_sheet(path)
    content = io.BytesIO()
    draw_sheet(strips).save(content, FORMATS[path.suffix.lower()], quality=90)
    replace_file(path, content.getvalue())


def draw_sheet(strips: Sequence[Strip]) -> Image.Image:
    """One RGB picture with the strips below each other, all of the same width, in as many columns as are needed."""
    most = max((len(strip.hits) for strip in strips), default=0)
    grid = _Grid(tile_side(most, len(strips)), _columns(most))
    columns = _in_columns([grid.height(strip) for strip in strips], grid.width)
    height = max((sum(column.values()) for column in columns), default=0)
    sheet = Image.new("RGB", (max(1, len(columns)) * grid.width, _MARGIN + height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, column in enumerate(columns):
        left, top = number * grid.width, _MARGIN
        for place, strip_height in column.items():
            if top > _MARGIN:
                line = top - _GAP // 2
                pen.line((left + _MARGIN, line, left + grid.width - _MARGIN, line), _LINE)
            grid.draw(sheet, pen, strips[place], (left, top))
            top += strip_height
    return sheet


def _in_columns(heights: Sequence[int], width: int) -> list[dict[int, int]]:
    """Distribute strips over the fewest columns for which the sheet is at most _HIGHEST times as high as wide.

    Each column is {place of a strip: its height}, and gets an equal share of the total height.
    """
    count = 1
    while count < len(heights) and sum(heights) / count > _HIGHEST * width * count:
        count += 1
    share = sum(heights) / count
    columns: list[dict[int, int]] = []
    done = 0
    for place, height in enumerate(heights):
        # Decided by the middle of the strip, so that a high strip is in the column of its larger part.
        number = min(int((done + height / 2) / share), count - 1)
        while len(columns) <= number:
            columns.append({})
        columns[number][place] = height
        done += height
    return [column for column in columns if column]


def _columns(hits: int) -> int:
    """Five columns for ten hits, ten for fifty: about twice as wide as high, in rows of similar length."""
    most = 5 if hits <= 12 else max(5, round(math.sqrt(2 * hits)))
    return max(1, math.ceil(hits / max(1, math.ceil(hits / most))))


@dataclass(frozen=True)
class _Grid:
    """The layout: one column for the query, then `columns` for hits, with tiles of `side` pixels."""

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

    def draw(self, sheet: Image.Image, pen: ImageDraw.ImageDraw, strip: Strip, at: tuple[int, int]) -> None:
        top = at[1]
        self.cell(sheet, pen, strip.query, (at[0] + _MARGIN, top), query=True)
        left = at[0] + _MARGIN + self.step + _GAP
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
        second = shown(cell.label or ("query" if query else ""))
        lines = [(shown(cell.name), _INK if query else _GREY), (second, _BLUE if query else _INK)]
        if cell.distance is not None:
            lines.append((f"{cell.distance:.3f}", _BLUE))
        for number, (text, colour) in enumerate(line for line in lines if line[0]):
            place = (at[0], at[1] + self.side + 3 + number * _LEAD)
            pen.text(place, _fitted(text, self.side), colour, _font())


def _picture(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, picture: Picture, at: tuple[int, int], side: int, outlined: bool
) -> None:
    """Draw the picture in the middle of its tile, or the reason why there is none; a query's tile is outlined."""
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
    """`text`, shortened in the middle if it is wider than `width` pixels, because the end of a key tells most."""
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
