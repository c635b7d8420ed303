"""The report: its sections in order, each drawn or left out for a reason, written as one HTML file.

Size: below 6 MB, and one or two as a rule. The map shows at most 1,200 images in one sprite, a contact sheet 24 pairs,
a matrix 20 classes, and curves some hundred points, however large the collection is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from ...store.disk.replace import check_replaceable, replace_file
from ...store.errors import LookalikeError
from ...store.progress import Progress
from ...store.record import Record
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


@dataclass(frozen=True, eq=False)
class LeftOutSection(Record):
    """A section that is not in the report, and why."""

    section: str
    why: str


@dataclass(frozen=True, eq=False)
class ReportResult(Record):
    """A report that was written; also a mapping with the fields of `report --json`.

    Attributes
    ----------
    out : str
        The HTML file.
    bytes : int
        Its size.
    sections : tuple of str
        Names of the sections that it has, in order.
    left_out : tuple of LeftOutSection
        Sections that could not be drawn for this collection, with the reasons.
    """

    out: str
    bytes: int
    sections: tuple[str, ...]
    left_out: tuple[LeftOutSection, ...]


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
) -> ReportResult:
    """Write the report to `out`; see `Collection.report`.

    Raises LookalikeError for an empty collection, and for a path that cannot be written or does not end in .html.
    """
    if out.suffix.lower() not in _SUFFIXES:
        raise LookalikeError(f"cannot write a report to {out}: a report is an HTML page, so the name must end in .html")
    check_replaceable(out)
    if not view.store.rows:
        raise LookalikeError(f"{view.store.path} is empty: embed or import something first")
    store = view.store
    questions = of_stored(view, seed) if data is None else of_source(view, data, progress, cache)
    material = Material(view, questions, _rule(view, by), seed)
    drawn = list(_sections(material, bench, date or datetime.now().astimezone(), progress))
    sections = [each for each in drawn if isinstance(each, Section)]
    left_out = [each for each in drawn if isinstance(each, LeftOutSection)]
    subtitle = f"Measured with {questions.named()}."
    page = whole_page(
        f"{store.path.name}: lookalike report", subtitle, sections, [(each.section, each.why) for each in left_out]
    ).encode()
    replace_file(out, page)
    return ReportResult(str(out), len(page), tuple(section.name for section in sections), tuple(left_out))


def _rule(view: View, by: str) -> DecisionRule:
    """How to decide: with the neighbours and weights that were calibrated, else the usual ones."""
    calibration = read_calibration(view.store, DecisionRule(by).by)
    return DecisionRule(by) if calibration is None else DecisionRule(by, calibration.k, calibration.weights)


def _sections(
    material: Material, bench: bool, date: datetime, progress: Progress
) -> Iterator[Section | LeftOutSection]:
    """Each section, or why it is left out."""
    modules = (
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
    total = len(modules) + 2
    for done, module in enumerate(modules):
        progress(done, total, module.TITLE)
        yield _drawn(module.NAME, partial(module.section, material))
    progress(total - 2, total, latency.TITLE)
    yield _drawn(latency.NAME, partial(latency.section, material, bench))
    progress(total - 1, total, provenance.TITLE)
    yield _drawn(provenance.NAME, partial(provenance.section, material, date))


def _drawn(name: str, draw: Callable[[], Section]) -> Section | LeftOutSection:
    try:
        return draw()
    except LeftOut as reason:
        return LeftOutSection(name, str(reason))
