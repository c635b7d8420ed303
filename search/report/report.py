"""The report: its sections in order, each drawn or left out for a reason, written as one HTML file.

Size: below 6 MB, and one or two as a rule. The map shows at most 1,200 images in one sprite, a contact sheet 24 pairs,
a matrix 20 classes, and curves some hundred points, however large the collection is.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from ...store.disk.replace import check_replaceable, replace_file
from ...store.errors import LookalikeError
from ...store.progress import Progress
from ..calibrating.labelled_source import LabelledSource
from ..deciding.calibration_file import read_calibration
from ..deciding.rank import DecisionRule
from ..view import View
from .material import Material
from .page import LeftOut, Section, whole_page
from .questions import of_source, of_stored
from .sections import (
    class_matrix,
    confusion,
    histograms,
    latency,
    look_alikes,
    mistakes,
    provenance,
    roc_curves,
    similarity_map,
    summary,
    training,
    unknowns,
)

_SUFFIXES = (".html", ".htm")
_Made = Section | tuple[str, str]


def report(
    view: View,
    out: Path,
    *,
    data: LabelledSource | None,
    by: str,
    seed: int,
    bench: bool,
    date: datetime | None,
    progress: Progress,
    cache: bool = True,
) -> dict[str, Any]:
    """Write the report to `out` and return {"out", "bytes", "sections", "left_out"}; see `Collection.report`.

    LookalikeError for an empty collection and a path that cannot be written, or whose name is not an HTML file's.
    """
    if out.suffix.lower() not in _SUFFIXES:
        raise LookalikeError(f"cannot write a report to {out}: it is an HTML page, so its name must end in .html")
    check_replaceable(out)
    if not view.store.rows:
        raise LookalikeError(f"{view.store.path} is empty: embed or import something first")
    store = view.store
    questions = of_stored(view, seed) if data is None else of_source(view, data, progress, cache)
    material = Material(view, questions, _rule(view, by), seed)
    made = list(_sections(material, bench, date or datetime.now().astimezone(), progress))
    sections = [one for one in made if isinstance(one, Section)]
    left_out = [one for one in made if not isinstance(one, Section)]
    subtitle = f"Measured with {questions.named()}."
    page = whole_page(f"{store.path.name}: lookalike report", subtitle, sections, left_out).encode()
    replace_file(out, page)
    return {
        "out": str(out),
        "bytes": len(page),
        "sections": [section.name for section in sections],
        "left_out": [{"section": name, "why": why} for name, why in left_out],
    }


def _rule(view: View, by: str) -> DecisionRule:
    """The way of deciding that was calibrated, with its neighbours and weights, else the usual one."""
    calibration = read_calibration(view.store, DecisionRule(by).by)
    return DecisionRule(by) if calibration is None else DecisionRule(by, calibration.k, calibration.weights)


def _sections(material: Material, bench: bool, date: datetime, progress: Progress) -> Iterator[_Made]:
    """Each section, or its name and why it is left out."""
    drawn = (
        summary,
        similarity_map,
        look_alikes,
        roc_curves,
        histograms,
        class_matrix,
        confusion,
        mistakes,
        unknowns,
        training,
    )
    total = len(drawn) + 2
    for done, module in enumerate(drawn):
        progress(done, total, module.TITLE)
        yield _made(module.NAME, lambda draw=module.section: draw(material))  # type: ignore[misc]
    progress(total - 2, total, latency.TITLE)
    yield _made(latency.NAME, lambda: latency.section(material, bench))
    progress(total - 1, total, provenance.TITLE)
    yield _made(provenance.NAME, lambda: provenance.section(material, date))


def _made(name: str, make: Callable[[], Section]) -> _Made:
    try:
        return make()
    except LeftOut as reason:
        return name, str(reason)
