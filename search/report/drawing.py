"""How figures look, and the only file that imports matplotlib.

Figures are SVG whose texts stay text: names in any script are drawn by the reader's own fonts. They are at most WIDTH
inches wide, so that their letters can be read when a phone shrinks them. Equal figures give equal bytes.
"""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...store.errors import LookalikeError

try:
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator
except ImportError:
    raise LookalikeError("a report needs matplotlib, which is not installed: pip install 'lookalike[report]'") from None

WIDTH = 4.2
COLOURS = ("#1f5fae", "#d1495b", "#2e8b57", "#e08e0b", "#7a4fa3", "#00829b", "#8c564b", "#c2569c", "#6b7280", "#9a9a00")
SAME, DIFFERENT, UNKNOWN, CHOSEN, QUIET = COLOURS[0], COLOURS[3], COLOURS[1], "#111111", "#9aa0a6"
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lookalike",
    "text.parse_math": False,  # a label may hold dollar signs
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e8e8e8",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}


@dataclass(frozen=True)
class Drawing:
    """A drawn figure: its SVG, its size in CSS pixels, and matplotlib's figure, which knows where things lie."""

    svg: bytes
    width: int
    height: int
    figure: Any


def draw(paint: Callable[[Any], None], height: float = 3.0, width: float = WIDTH) -> Drawing:
    """Let `paint` fill an empty matplotlib figure of this size in inches, and save it."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # matplotlib's font lacks a glyph, which the reader's font may have
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = Figure(figsize=(width, height), layout="constrained")
        paint(figure)
        content = io.BytesIO()
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return Drawing(content.getvalue(), round(96 * width), round(96 * height), figure)


def plain_log(axis: Any, decades: float) -> None:
    """Label a logarithmic axis with 0.01 instead of a power in mathematical type, which is switched off.

    decades: how many powers of ten it shows; below two, 2 and 5 are named too.
    """
    if decades < 2:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def axes_of(figure: Any, x: str, y: str) -> Any:
    """The only axes of a figure, with labelled axes."""
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return axes
