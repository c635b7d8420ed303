"""The numbers in short: those of `lookalike evaluate`, and how far the classes lie apart."""

import numpy as np

from ....measures.distances import class_distances
from ....measures.pairs import pair_curve
from ....measures.retrieval import Retrieval
from ...deciding.calibration_file import chosen_on
from ...evaluating.evaluate import FPRS, ranking_of, scores
from ...evaluating.results import EvaluateResult
from ..material import Material
from ..page import Section, facts, paragraph

NAME, TITLE = "summary", "In short"
_MOST_PRODUCTS, _MOST_NUMBERS = 4_000_000_000, 300_000_000
"""Inner products that recall@1 and MAP@R may cost, and numbers of stored vectors in memory: seconds and 1.2 GB."""


def section(material: Material) -> Section:
    """A table of measures; those that need more images, labels or a threshold say so."""
    measured = scores(material.responses, _ranking(material), pair_curve(*material.paired, fprs=FPRS))
    body = facts([*_closed(material, measured), *_apart(material), *_open(material, measured)], "facts numbers")
    learned = [name for name, there in (("model", material.card), ("head", material.rule.by == "linear")) if there]
    if material.questions.source is None and learned:
        words = f"The queries are stored images. If the {' or the '.join(learned)} learned from them, these numbers are"
        body = paragraph(f"{words} optimistic: give --data to measure with new images.", "note") + body
    chosen = chosen_on(material.calibration, material.questions.source)
    if chosen is not None:
        body = paragraph(f"Warning: {chosen}.", "bad") + body
    return Section(NAME, TITLE, body)


def _ranking(material: Material) -> Retrieval:
    rows = material.store.rows
    products, numbers = int(material.known.sum()) * rows, rows * (material.store.dim or 0)
    if products <= _MOST_PRODUCTS and numbers <= _MOST_NUMBERS:
        return ranking_of(material.responses)
    return Retrieval(*np.full((3, 1), np.nan))


def _closed(material: Material, measured: EvaluateResult) -> list[tuple[str, str]]:
    known, pairs = int(material.known.sum()), len(material.paired[1])
    return [
        ("images of classes that the collection has", f"{known:,}"),
        (f"nearest class right, by {material.rule.by} (accuracy)", _number(measured.accuracy)),
        ("nearest image of the same class (recall@1)", _number(measured.recall_at_1)),
        ("MAP@R", _number(measured.map_at_r)),
        (f"same or different, pairs of {pairs:,} images: AUC", _number(measured.auc)),
        ("of these, same pairs accepted at FPR 0.001", _number(measured.tpr_at_fpr_1e_3)),
    ]


def _apart(material: Material) -> list[tuple[str, str]]:
    within, between, gap = class_distances(*material.paired)
    return [
        ("mean distance within a class", _number(within)),
        ("mean distance between classes", _number(between)),
        ("the gap between these", _number(gap)),
    ]


def _open(material: Material, measured: EvaluateResult) -> list[tuple[str, str]]:
    rows, unknown = [("known or unknown", material.threshold)], measured.unknown
    if unknown is None:
        return rows
    rows += [
        ("images of classes that the collection does not have", str(unknown.queries)),
        ("known or unknown by distance: AUROC", _number(unknown.auroc)),
    ]
    if material.calibration is not None:
        rows += [
            ("unknown images given a label (false accepts)", _number(unknown.false_accepts)),
            ("known images answered unknown (false rejects)", _number(unknown.false_rejects)),
        ]
    return rows


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
