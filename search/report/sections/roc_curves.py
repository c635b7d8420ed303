"""ROC curves: same or different over pairs of images, and known or unknown over the distance to the nearest class."""

from typing import Any

import numpy as np

from ....measures.distances import distance_of
from ....measures.open_set import auroc
from ....measures.pairs import pair_curve
from ....measures.scores import correct
from ....measures.verification import roc
from ..drawing import CHOSEN, COLOURS, QUIET, axes_of, draw, plain_log
from ..material import Material
from ..page import LeftOut, Section, figure, paragraph

NAME, TITLE = "roc", "ROC"
_FPR, _LEAST = 1e-3, 1e-5
_Mark = tuple[float, float, str, str]  # FPR, TPR, name, colour


def section(material: Material) -> Section:
    """Both curves with the chosen thresholds; the second needs images of classes that the collection does not have."""
    body = _pairs(material)
    if material.unknown.any() and material.known.any():
        return Section(NAME, TITLE, body + _unknowns(material))
    why = "give --data with images of classes that the collection does not have"
    return Section(NAME, TITLE, body + paragraph(f"Known against unknown: {why}.", "note"))


def _pairs(material: Material) -> str:
    curve = pair_curve(*material.paired, fprs=(_FPR,))
    if curve.auc is None or curve.tprs[0] is None:
        raise LeftOut("pairs of one class and pairs of two classes are needed, and one kind is missing")
    marks: list[_Mark] = [(_FPR, curve.tprs[0], f"TPR {curve.tprs[0]:.3f} at FPR {_FPR:g}", COLOURS[3])]
    chosen = material.same_or_different
    if chosen is not None:
        marks.append((*_rates(*material.paired, chosen), f"compare's threshold {chosen:.3f}", CHOSEN))
    drawing = draw(lambda target: _paint(target, (curve.fpr, curve.tpr), marks, "different pairs accepted (FPR)"))
    words = (
        f"Same or different, over all pairs of {len(material.paired[1]):,} images ({curve.same:,} of one "
        f"class, {curve.different:,} of two classes): AUC {curve.auc:.4f}; {curve.tprs[0]:.1%} of same pairs are "
        f"accepted at FPR {_FPR:g}."
    )
    return figure(drawing, words)


def _unknowns(material: Material) -> str:
    answers = material.answers
    known, unknown = answers.distances[material.known], answers.distances[material.unknown]
    scores = -np.concatenate([known, unknown]).astype(np.float64)
    is_known = np.arange(len(scores)) < len(known)
    marks: list[_Mark] = []
    if material.calibration is not None:
        accepted = np.array([label is not None for label in answers.labels])
        at = float(accepted[material.unknown].mean()), float(accepted[material.known].mean())
        marks.append((*at, material.threshold, CHOSEN))
    drawing = draw(lambda target: _paint(target, roc(scores, is_known)[:2], marks, "unknown images accepted"))
    words = (
        f"Known or unknown by the distance to the nearest class ({answers.by}): AUROC {auroc(known, unknown):.4f} over "
        f"{len(known)} images of known classes and {len(unknown)} of classes that the collection does not have; "
        f"{material.threshold}."
    )
    if marks:
        words += (
            f" It gives {marks[0][0]:.2%} of unknown images a label, and {1 - marks[0][1]:.2%} of known images none."
        )
    return figure(drawing, words)


def _paint(target: Any, curve: tuple[np.ndarray, np.ndarray], marks: list[_Mark], wrong: str) -> None:
    axes = axes_of(target, wrong, "accepted rightly (TPR)")
    fpr, tpr = curve
    left = max(_LEAST, min([0.1, fpr[fpr > 0].min(initial=1.0), *(x for x, *_ in marks if x > 0)]) / 2)
    chance = np.geomspace(left, 1, 100)
    axes.plot(np.maximum(fpr, left), tpr, color=COLOURS[0], drawstyle="steps-post")
    axes.plot(chance, chance, color=QUIET, linewidth=0.8, linestyle=":")
    for x, y, name, colour in marks:
        axes.plot([max(x, left)], [y], "o", color=colour, label=name, clip_on=False, zorder=3)
    axes.set_xscale("log")
    plain_log(axes.xaxis, -np.log10(left))
    axes.set_xlim(left, 1)
    axes.set_ylim(0, 1.02)
    if marks:
        axes.legend(loc="best")


def _rates(vectors: np.ndarray, codes: np.ndarray, threshold: float) -> tuple[float, float]:
    """(FPR, TPR) of all pairs where a distance up to `threshold` counts as the same."""
    pairs = np.triu(np.ones((len(codes), len(codes)), bool), 1)
    same = codes[:, None] == codes
    accepted = distance_of(correct(vectors @ vectors.T, vectors, vectors)) <= np.float32(threshold)
    return float(accepted[pairs & ~same].mean()), float(accepted[pairs & same].mean())
