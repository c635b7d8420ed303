"""How a matrix of classes is drawn, for those that compare classes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ....store.shown import apart
from ..drawing import WIDTH, Drawing, draw

_NUMBERED = 14
"""More columns than this leave no room for numbers of four characters; as many are 12 classes, others and unknown."""


def matrix(
    values: np.ndarray,
    texts: Callable[[int, int], str],
    rows: list[str],
    columns: list[str],
    titles: tuple[str, str],
    palette: str,
    limits: tuple[float, float] | None = None,
) -> Drawing:
    """Draw values (r, c), nan where there is none, as colours, with `texts(row, column)` in the cells where they fit.

    titles: of the rows and of the columns. palette: matplotlib's name of a colour map, dark at its upper end. limits:
    the values of its two ends, by default the smallest and the largest.
    """
    height = min(6.5, 1.4 + 3.6 * len(rows) / max(len(columns), 1))

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        axes.grid(False)
        low, high = limits or (None, None)
        cells = axes.pcolormesh(values, cmap=palette, vmin=low, vmax=high, edgecolors="#ffffff", linewidth=0.4)
        axes.set_xlim(0, len(columns))
        axes.set_ylim(len(rows), 0)
        axes.set_xticks(np.arange(len(columns)) + 0.5, apart(columns, 18), rotation=90)
        axes.set_yticks(np.arange(len(rows)) + 0.5, apart(rows, 18))
        axes.tick_params(length=0, labelsize=8 if len(columns) <= _NUMBERED else 7)
        axes.set_ylabel(titles[0])
        axes.set_xlabel(titles[1])
        if len(columns) <= _NUMBERED:
            _write(axes, np.array(cells.to_rgba(values)), texts)
        else:
            bar = figure.colorbar(cells, ax=axes, shrink=0.6, aspect=30)
            bar.ax.tick_params(labelsize=7)
            bar.outline.set_visible(False)

    return draw(paint, height, WIDTH)


def _write(axes: Any, colours: np.ndarray, texts: Callable[[int, int], str]) -> None:
    """Numbers in the cells of these colours (r, c, 4), white on dark ones."""
    light = colours[:, :, :3] @ (0.299, 0.587, 0.114) * colours[:, :, 3] + (1 - colours[:, :, 3])
    for row, column in np.ndindex(light.shape):
        colour = "#111111" if light[row, column] > 0.5 else "#ffffff"
        axes.text(column + 0.5, row + 0.5, texts(row, column), ha="center", va="center", fontsize=6.5, color=colour)
