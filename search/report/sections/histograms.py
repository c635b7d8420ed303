"""Histograms of distances: between images of one class and of two, and to the nearest class for known and unknown."""

from typing import Any

import numpy as np

from ....measures.distances import distance_histogram
from ..drawing import CHOSEN, DIFFERENT, SAME, UNKNOWN, axes_of, draw
from ..material import Material
from ..page import Section, figure, paragraph

NAME, TITLE = "distances", "Distances"
_MOST_BINS, _FEW_BINS = 80, 20


def section(material: Material) -> Section:
    """Distances of pairs with the threshold of `compare`; distances to the nearest class with the calibrated one."""
    return Section(NAME, TITLE, _pairs(material) + _nearest(material))


def _pairs(material: Material) -> str:
    edges, same, different = distance_histogram(*material.paired, bins=_bins(len(material.paired[1]) ** 2 / 2))
    kinds = [("one class", same, SAME), ("two classes", different, DIFFERENT)]
    chosen = material.same_or_different
    words = (
        f"Pairs of {len(material.paired[1]):,} images: {same.sum():,} of one class, {different.sum():,} of two classes."
    )
    if chosen is None:
        words += " The model has no threshold for same or different."
    else:
        words += f" The line is compare's threshold, {chosen:.3f}."
    return figure(draw(lambda target: _paint(target, edges, kinds, chosen, "distance of a pair")), words)


def _nearest(material: Material) -> str:
    answers, known = material.answers, material.known
    right = known & (np.array(answers.nearest, dtype=object) == material.questions.labels)
    groups = [
        ("known, nearest class right", right, SAME),
        ("known, nearest class wrong", known & ~right, DIFFERENT),
        ("unknown", material.unknown, UNKNOWN),
    ]
    edges = np.linspace(0.0, 2.0, _bins(len(known)) + 1)
    kinds = []
    for name, members, colour in groups:
        if members.any():
            kinds.append((f"{name} ({int(members.sum())})", np.histogram(answers.distances[members], edges)[0], colour))
    if not kinds:
        return paragraph("Distance to the nearest class: no query image has a class with other images.", "note")
    calibration = material.calibration
    threshold = None if calibration is None or calibration.classes else calibration.threshold
    beyond = "; images beyond it are answered unknown" if threshold is not None and threshold >= 0 else ""
    words = f"Distance of {len(known):,} images to their nearest class ({answers.by}); {material.threshold}{beyond}."
    return figure(draw(lambda target: _paint(target, edges, kinds, threshold, "distance to the nearest class")), words)


def _bins(values: float) -> int:
    """A number of bins that so many values fill without gaps."""
    return int(np.clip(np.sqrt(values) * 4, _FEW_BINS, _MOST_BINS))


def _paint(
    target: Any,
    edges: np.ndarray,
    kinds: list[tuple[str, np.ndarray, str]],
    threshold: float | None,
    what: str,
) -> None:
    axes = axes_of(target, what, "share of each kind")
    for name, counts, colour in kinds:
        if counts.any():
            axes.stairs(counts / counts.sum(), edges, fill=True, color=colour, alpha=0.35)
            axes.stairs(counts / counts.sum(), edges, color=colour, label=name)
    used = np.flatnonzero(sum(counts for _, counts, _ in kinds))
    least, most = (edges[used[0]], edges[used[-1] + 1]) if len(used) else (0.0, 2.0)
    if threshold is not None and threshold >= 0:
        axes.axvline(threshold, color=CHOSEN, linewidth=1, linestyle="--", label=f"threshold {threshold:.3f}")
        least, most = min(least, threshold), max(most, threshold)
    axes.set_xlim(max(0.0, least - 0.02), min(2.0, most + 0.02))
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    # Above the axes: filled steps leave no corner free.
    short = max(len(name) for name, _, _ in kinds) < 15
    target.legend(loc="outside upper left", ncols=3 if short else 1)
