"""A sweep as a picture: MAP@R over the first varied key, a line for each combination of the others, and the cost.

The only file of this room that imports matplotlib, and only when a sweep is drawn.
"""

import io
from collections.abc import Sequence
from typing import Any

from ....store.errors import LookalikeError
from .sweep import Run


def plot(runs: Sequence[Run]) -> bytes:
    """Draw the runs that have a score as SVG: validation MAP@R above, seconds of training below.

    Raises LookalikeError if matplotlib is not installed, and if no run has a score.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise LookalikeError(
            "a plot needs matplotlib, which is not installed: pip install 'lookalike[report]'"
        ) from None
    scored = [run for run in runs if run.map_at_r is not None and run.settings]
    if not scored:
        raise LookalikeError("there is nothing to draw: no run has a score")
    style: Any = {"svg.fonttype": "none", "svg.hashsalt": "lookalike", "text.parse_math": False, "font.size": 9}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(5.2, 5.4), layout="constrained")
        _paint(figure, scored)
        content = io.BytesIO()
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue()


def _paint(figure: Any, runs: Sequence[Run]) -> None:
    key = next(iter(runs[0].settings))
    values = list(dict.fromkeys(run.settings[key] for run in runs))
    above, below = figure.subplots(2, sharex=True, height_ratios=(2, 1))
    for name in dict.fromkeys(_others(run, key) for run in runs):
        line = [run for run in runs if _others(run, key) == name]
        places = [values.index(run.settings[key]) for run in line]
        above.plot(places, [run.map_at_r for run in line], "o-", markersize=4, label=name, clip_on=False)
        below.plot(places, [run.seconds for run in line], "o-", markersize=4, clip_on=False)
    above.set_ylabel("validation MAP@R")
    above.set_ylim(top=min(1.005, above.get_ylim()[1]))
    below.set_ylabel("training, seconds")
    below.set_ylim(bottom=0)
    below.set_xlabel(key)
    below.set_xticks(range(len(values)), [str(value) for value in values])
    for axes in (above, below):
        axes.grid(color="#e8e8e8", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    if len(runs[0].settings) > 1:
        above.legend(frameon=False, fontsize=8)


def _others(run: Run, key: str) -> str:
    return ", ".join(f"{name} {value}" for name, value in run.settings.items() if name != key)
