"""`evaluate --full`: everything else that is measured, as the field `details`; undefined measures are None."""

from typing import Any

import numpy as np

from ...measures.classification import class_scores
from ...measures.curve import Curve
from ...measures.distances import class_distances
from ...measures.held_out import held_out_classes
from ...measures.open_set import auroc, oscr, over_splits
from ...measures.retrieval import Retrieval
from ...measures.separation import Separation
from .responses import Evaluation

RANKS = (1, 5, 10)


def details(asked: Evaluation, found: Retrieval, curve: Curve, overlap: Separation) -> dict[str, Any]:
    """The sections, in the order in which `evaluate --full` shows them.

    verification and distances take all pairs of the source's labelled images; retrieval and classification the images
    of known classes, the threshold ignored; open_set both kinds, false accepts and rejects at the threshold.
    """
    return {
        "verification": verification(curve),
        "retrieval": retrieved(found),
        "classification": classification(asked),
        "open_set": open_set(asked),
        "distances": class_distances(asked.vectors, asked.label_codes)._asdict(),
        "separation": separation(asked, overlap),
    }


def verification(curve: Curve) -> dict[str, Any]:
    """Same or different over all pairs: their numbers, auc, eer, and the tpr at each fpr."""
    tprs = {f"tpr_at_fpr_{_power(fpr)}": tpr for fpr, tpr in zip(curve.fprs, curve.tprs, strict=True)}
    return {"pairs": {"same": curve.same, "different": curve.different}, "auc": curve.auc, "eer": curve.eer, **tprs}


def retrieved(found: Retrieval) -> dict[str, Any]:
    """recall@k, MAP@R and R-precision against the collection's images."""
    recalls = {f"recall_at_{k}": found.recall_at(k) for k in RANKS}
    return {**recalls, "map_at_r": found.map_at_r(), "r_precision": found.r_precision()}


def classification(asked: Evaluation) -> dict[str, Any]:
    """Precision, recall and F1, macro and of each class asked or answered, and the confusions that occurred.

    confusion: [{label, answer, images}], right answers too, every cell that is not 0; answer None where nothing was
    near.
    """
    names = asked.view.store.classes
    place = {name: code for code, name in enumerate(names)}
    known = asked.known
    truth = asked.codes[known]
    answers = np.array([place.get(name or "", -1) for name in asked.made.nearest], np.int64)[known]
    scores = class_scores(truth, answers, len(names))
    cells, images = np.unique(np.stack([truth, answers], axis=1), axis=0, return_counts=True)
    return {
        "macro": scores.macro(),
        "classes": {
            names[code]: {
                "images": int(scores.support[code]),
                "precision": _defined(scores.precision[code]),
                "recall": _defined(scores.recall[code]),
                "f1": _defined(scores.f1[code]),
            }
            for code in np.union1d(truth, answers[answers >= 0]).tolist()
        },
        "confusion": [
            {"label": names[label], "answer": names[answer] if answer >= 0 else None, "images": count}
            for (label, answer), count in zip(cells.tolist(), images.tolist(), strict=True)
        ],
    }


def open_set(asked: Evaluation) -> dict[str, Any]:
    """Known against unknown: auroc, OSCR, false accepts and false rejects.

    held_out_classes: the same, macro over the collection's classes, each taken out in turn, by the distances that
    held_out_by names, whatever else decides. The model may have been trained on them, so this is optimistic.
    """
    made, known, unknown = asked.made, asked.known, asked.unknown
    right = (np.array(made.nearest, dtype=object) == asked.labels)[known]
    accepted = np.array([label is not None for label in made.labels], bool)
    calibrated = asked.calibration is not None
    distances = made.distances
    return {
        "known": int(known.sum()),
        "unknown": int(unknown.sum()),
        "auroc": auroc(distances[known], distances[unknown]),
        "oscr": oscr(distances[known], right, distances[unknown]),
        "false_accepts": _share(accepted[unknown]) if calibrated else None,
        "false_rejects": _share(~accepted[known]) if calibrated else None,
        "held_out_by": "nearest row" if made.by == "knn" else "prototype",
        "held_out_classes": held_out(asked),
    }


def held_out(asked: Evaluation) -> dict[str, Any]:
    """Macro over classes held out in turn; the threshold counts where it was calibrated by prototypes."""
    distances, codes, names = asked.to_classes
    cuts = None
    if asked.calibration is not None and asked.made.by == "prototype":
        cuts = np.broadcast_to(np.asarray(asked.calibration.over(names), np.float32), len(names))
    return over_splits([measures for _, measures in held_out_classes(distances, codes, cuts)])


def separation(asked: Evaluation, overlap: Separation) -> dict[str, Any]:
    """The separation check: the least error of one threshold, and the pairs of classes above the limit."""
    names = asked.to_classes[2]
    return {
        "overlapping": overlap.overlapping,
        "limit": overlap.limit,
        "images": overlap.images,
        "error": overlap.error,
        "low": overlap.low,
        "pairs": [
            {"label": names[pair.taken], "passes_for": names[pair.as_class], "error": pair.error, "low": pair.low}
            for pair in overlap.pairs
        ],
    }


def _power(fpr: float) -> str:
    mantissa, exponent = f"{fpr:e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _share(events: np.ndarray) -> float | None:
    return float(events.mean()) if len(events) else None
