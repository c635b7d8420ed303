"""Recall against latency of the index, as `lookalike bench` measures it."""

import math
from collections.abc import Sequence
from typing import Any

from ....store.progress import silent
from ...evaluating.bench import BenchPoint, bench
from ..drawing import CHOSEN, COLOURS, axes_of, draw, plain_log
from ..material import Material
from ..page import LeftOut, Section, figure, table

NAME, TITLE = "latency", "Recall against latency"
K = 10
QUERIES = 1000


def section(material: Material, measure: bool) -> Section:
    """The operating points of the index as curves, one per batch size, and as a table; measured now, or left out."""
    if not measure:
        raise LeftOut("not measured, because of --no-bench")
    if material.store.rows < 2:
        raise LeftOut("the collection has fewer than two images")
    points = bench(material.view, k=K, queries=QUERIES, seed=material.seed, progress=silent)
    chosen = next(point.spec for point in points if point.chosen)
    words = (
        f"Recall@{K} with its 95 % interval against the median latency of a call on this machine; larger marks show "
        f"what search uses ({chosen})."
    )
    drawing = draw(lambda target: _paint(target, points), height=3.0)
    return Section(NAME, TITLE, figure(drawing, words) + _table(points))


def _paint(target: Any, points: Sequence[BenchPoint]) -> None:
    axes = axes_of(target, "median latency of a call, microseconds", f"recall@{K}")
    for number, batch in enumerate(sorted({point.batch for point in points})):
        curve = sorted((point for point in points if point.batch == batch), key=lambda point: point.p50_us)
        x, y = [point.p50_us for point in curve], [point.recall for point in curve]
        # An interval need not hold a mean of shares exactly; a bar has no negative length.
        low = [max(0.0, point.recall - point.recall_low) for point in curve]
        high = [max(0.0, point.recall_high - point.recall) for point in curve]
        name = "one query" if batch == 1 else f"{batch} queries per call"
        axes.errorbar(x, y, (low, high), marker="o", markersize=4, capsize=2, color=COLOURS[number], label=name)
        for point in curve:
            if point.chosen:
                axes.plot(point.p50_us, point.recall, "o", markersize=9, mfc="none", mec=CHOSEN)
    latencies = [point.p50_us for point in points]
    axes.set_xscale("log")
    axes.set_xlim(min(latencies) / 1.5, max(latencies) * 1.5)
    plain_log(axes.xaxis, math.log10(max(latencies) / min(latencies) * 2.25))
    axes.legend(loc="best")


def _table(points: Sequence[BenchPoint]) -> str:
    rows = [
        (
            point.spec + "".join(f" {name}={value}" for name, value in point.parameters.items()),
            point.batch,
            f"{point.recall:.4f}",
            f"{point.p50_us:.0f}",
            f"{point.p99_us:.0f}",
            f"{point.qps:.0f}",
        )
        for point in points
    ]
    return table(("index", "batch", f"recall@{K}", "p50 us", "p99 us", "queries/s"), rows)
