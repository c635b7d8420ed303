"""Contact sheets: every picture in its place, frames where there is none, names that fit."""

import io

import numpy as np
import pytest
from PIL import Image

from lookalike import LookalikeError
from lookalike.search.pictures.sheet import (
    Cell,
    Strip,
    _cut,
    _fitted,
    _font,
    _in_columns,
    draw_sheet,
    tile_side,
    write_sheet,
)


def colour(number: int, side: int = 20) -> np.ndarray:
    """A square of a colour that no text has."""
    return np.full((side, side, 3), (250, 100, number), np.uint8)


def places(sheet: Image.Image, number: int) -> tuple[int, int, int]:
    """(left, top, pixels) of the colour of that number."""
    found = (np.asarray(sheet) == colour(number)[0, 0]).all(axis=2)
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    return int(columns[0]), int(rows[0]), int(found.sum())


@pytest.mark.parametrize(("hits", "columns"), [(1, 1), (5, 5), (6, 3), (8, 4), (10, 5), (50, 10)])
def test_hits_follow_in_reading_order_to_the_right_of_their_query(hits, columns):
    strips = [
        Strip(Cell(colour(200 + row), f"q{row}.png"), [Cell(colour(100 * row + i), f"{i}.png") for i in range(hits)])
        for row in range(2)
    ]
    sheet = draw_sheet(strips)
    step = tile_side(hits) + 12
    for row in range(2):
        left, top, pixels = places(sheet, 200 + row)
        assert pixels == 400
        where = [places(sheet, 100 * row + i) for i in range(hits)]
        assert {pixels for *_, pixels in where} == {400}
        first = where[0]
        assert first[0] > left + step - 1 and first[1] == top
        for i, (x, y, _) in enumerate(where):
            assert x - first[0] == step * (i % columns)
            assert y >= first[1] and (y > first[1]) == (i >= columns)
    assert places(sheet, 201)[1] > places(sheet, hits - 1)[1] + tile_side(hits)
    assert sheet.width == 2 * 16 + (columns + 1) * step + 12


def test_a_missing_picture_and_a_failed_query_are_drawn_as_frames_with_words():
    whole = draw_sheet([Strip(Cell(colour(1), "q"), [Cell(colour(2), "a", "cat", 0.5)])])
    missing = draw_sheet([Strip(Cell(colour(1), "q"), [Cell("changed since", "a", "cat", 0.5)])])
    silent = draw_sheet([Strip(Cell(colour(1), "q"), [Cell("", "a", "cat", 0.5)])])
    assert whole.size == missing.size == silent.size
    assert (np.asarray(missing) != np.asarray(silent)).any()
    failed = draw_sheet([Strip(Cell("not read", "q"), [], "error: no such file")])
    empty = draw_sheet([Strip(Cell("not read", "q"), [])])
    assert failed.size == empty.size and (np.asarray(failed) != np.asarray(empty)).any()


def test_names_fit_their_tile_whatever_they_are():
    for text in ("short", "a" * 500, "日本語" * 50, "x" * 100_000, ""):
        fitted = _fitted(text, 112)
        assert _font().getlength(fitted) <= 112
        if fitted != text:
            kept = len(fitted) - 1
            assert fitted == _cut(text, kept) and _font().getlength(_cut(text, kept + 1)) > 112
    strips = [Strip(Cell(colour(1), "\x1b\udcff\n<b>"), [Cell(colour(2), "\ud800\u202e", "\n", 0.1)])]
    assert places(draw_sheet(strips), 2)[2] == 400


def test_a_sheet_is_written_as_its_name_says(tmp_path):
    strips = [Strip(Cell(colour(1), "q"), [Cell(colour(2), "a")])]
    for name, kind in (("a.png", "PNG"), ("b.JPG", "JPEG")):
        write_sheet(tmp_path / name, strips)
        with Image.open(tmp_path / name) as image:
            assert image.format == kind and image.size == draw_sheet(strips).size
    content = io.BytesIO()
    draw_sheet(strips).save(content, "PNG", quality=90)
    assert (tmp_path / "a.png").read_bytes() == content.getvalue()
    with pytest.raises(LookalikeError, match=r"a.gif: the name of a sheet must end in .png"):
        write_sheet(tmp_path / "a.gif", strips)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(LookalikeError, match="it is a folder"):
        write_sheet(tmp_path / "folder.png", strips)


@pytest.mark.parametrize("hits", [1, 3, 10, 50])
@pytest.mark.parametrize("queries", [1, 7, 60, 400])
def test_a_sheet_of_many_queries_keeps_its_shape_and_its_order(queries, hits):
    most = min(hits, 1000 // queries + 1)
    strips = [Strip(Cell("", f"q{i}"), [Cell("", f"{i}")] * (1 + i % most)) for i in range(queries)]
    step = tile_side(max(len(strip.hits) for strip in strips), queries) + 12
    sheet = draw_sheet(strips)
    assert sheet.height <= 1.5 * sheet.width + 16 + 2 * (step + 70) or queries < 4
    assert sheet.width * sheet.height < 40_000_000
    columns = _in_columns(heights := [10 + (7 * i) % 13 for i in range(queries)], 40)
    assert [place for column in columns for place in column] == list(range(queries))
    assert all(column[place] == heights[place] for column in columns for place in column)


def test_a_query_alone_without_hits_and_no_query_at_all_are_drawn():
    assert draw_sheet([Strip(Cell("", "q"), [])]).height > 160
    assert draw_sheet([]).height == 16
