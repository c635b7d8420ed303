"""Figures: SVG whose labels are plain text, the same bytes each time, whatever the user's own settings."""

import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest

from lookalike.search.report.drawing import axes_of, draw, plain_log
from lookalike.search.report.sections.matrices import matrix
from lookalike.store.shown import shown

from .conftest import NASTY


def texts(svg: bytes) -> list[str]:
    return [
        "".join(element.itertext()).strip()
        for element in ElementTree.fromstring(svg).iter()
        if element.tag.endswith("text")
    ]


@pytest.mark.parametrize("label", NASTY)
def test_a_label_is_drawn_as_it_is(label):
    name = shown(label)
    drawing = draw(lambda figure: axes_of(figure, name, "y"))
    assert name in texts(drawing.svg)
    assert b"<script>alert" not in drawing.svg


def test_equal_figures_are_equal_bytes_under_any_settings():
    def paint(figure):
        axes_of(figure, "x", "y").plot([1, 2], [3, 4])

    first = draw(paint)
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        assert draw(paint).svg == first.svg
        assert matplotlib.rcParams["font.size"] == 30
    assert (first.width, first.height) == (403, 288)


def test_a_logarithmic_axis_names_plain_numbers():
    def paint(decades, low):
        def inner(figure):
            axes = axes_of(figure, "x", "y")
            axes.set_xscale("log")
            axes.set_xlim(low, 100)
            plain_log(axes.xaxis, decades)

        return inner

    assert {"0.01", "1", "100"} <= set(texts(draw(paint(4, 0.01)).svg))
    assert {"20", "50", "100"} <= set(texts(draw(paint(1, 11)).svg))


def test_a_matrix_writes_its_numbers_where_they_fit_and_readably():
    values = np.array([[0.0, 1.0], [np.nan, 0.2]])
    drawing = matrix(values, lambda r, c: f"n{r}{c}", ["a", "b"], ["c", "d"], ("rows", "columns"), "Oranges")
    assert {"n00", "n01", "n10", "n11", "a", "d", "rows"} <= set(texts(drawing.svg))
    colours = {
        "".join(element.itertext()).strip(): element.get("style", "")
        for element in ElementTree.fromstring(drawing.svg).iter()
        if element.tag.endswith("text")
    }
    assert "#ffffff" in colours["n01"] and "#ffffff" not in colours["n00"] and "#ffffff" not in colours["n10"]
    wide = matrix(np.ones((2, 15)), lambda r, c: "#", ["a", "b"], list("abcdefghijklmno"), ("r", "c"), "Blues", (0, 1))
    assert "#" not in texts(wide.svg)
    assert {"0.00", "1.00"} <= set(texts(wide.svg)), "the legend shows other limits than were given"
