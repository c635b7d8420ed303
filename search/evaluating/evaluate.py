"""A labelled source measured against the collection: retrieval, classification, verification, unknowns.

A query never matches itself: stored rows with the query's own content (SHA-256) are left out of its neighbours, of
its class's R and of its prototype. Measures that are undefined are None.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...measures.curve import Curve
from ...measures.distances import class_distances
from ...measures.open_set import auroc
from ...measures.pairs import pair_curve
from ...measures.retrieval import Retrieval, retrieval
from ...measures.separation import separation
from ...store.errors import LookalikeWarning
from ...store.progress import Progress
from ...store.shown import shortened
from ..calibrating.labelled_source import LabelledSource
from ..deciding.calibration_file import chosen_on
from ..deciding.rank import DecisionRule
from ..deciding.separated import warn_of_overlap
from ..view import View
from .few_shots import FewShots, few_shots
from .responses import Evaluation, ask_source

FPRS = (1e-1, 1e-2, 1e-3, 1e-4)


def evaluate(
    view: View,
    source: LabelledSource,
    rule: DecisionRule,
    *,
    full: bool = False,
    episodes: FewShots | None = None,
    progress: Progress,
    cache: bool = True,
) -> dict[str, Any]:
    """The fields of `evaluate --json`; LookalikeError for a source without labels or a collection without classes.

    recall_at_1, map_at_r and accuracy are means over queries whose class the collection has, the threshold ignored;
    auc and tpr_at_fpr_1e-3 take all pairs of the source's images; interclass_distance is the mean distance between
    prototypes; `unknown` measures, at the calibrated threshold, the queries whose class the collection has not:
    false_accepts is the share of them given a label, false_rejects the share of the known answered unknown. `full`
    adds `details` (see `search.details`), `episodes` the few-shot accuracies. Warns in one line where the classes
    overlap so much that no threshold can keep its word.
    """
    asked = ask_source(view, source, rule, progress, cache)
    if episodes is None:  # which need no class of the collection
        _warn_of_strangers(asked)
    _warn_of_seen(asked)
    _warn_of_calibrated_on(asked)
    if episodes is not None:
        episodes.check(asked)
    found, curve = found_in_collection(asked), pair_curve(asked.vectors, asked.label_codes, FPRS)
    distances, codes, names = asked.to_classes
    overlap = separation(distances, codes)
    warn_of_overlap(overlap, names)
    measured = fields(asked, found, curve)
    if full:
        from .details import details

        measured["details"] = details(asked, found, curve, overlap)
    if episodes is not None:
        measured["episodes"] = few_shots(asked, episodes)
    return measured


def _warn_of_strangers(asked: Evaluation) -> None:
    """One line where no label of the source is a class of the collection: then most measures are undefined."""
    names = sorted(set(asked.labels.tolist()) - {""})
    if not (asked.codes >= 0).any():
        some = ", ".join(shortened(name, 40) for name in names[:3]) + (", ..." if len(names) > 3 else "")
        warnings.warn(
            f"none of the {len(names)} labels of {asked.source} ({some}) is a class of the collection: "
            "only its unknown images can be measured",
            LookalikeWarning,
            stacklevel=4,
        )


def _warn_of_seen(asked: Evaluation) -> None:
    """One line where the model was trained on what it is to be judged by."""
    if asked.seen:
        warnings.warn(
            f"the model was trained on {asked.seen} of the {len(asked)} images of {asked.source}, and does worse on "
            "images that it has not seen",
            LookalikeWarning,
            stacklevel=4,
        )


def _warn_of_calibrated_on(asked: Evaluation) -> None:
    """One line where the threshold was chosen on what it is to be judged by."""
    message = chosen_on(asked.calibration, asked.source)
    if message is not None:
        warnings.warn(message, LookalikeWarning, stacklevel=4)


def fields(asked: Evaluation, found: Retrieval, curve: Curve) -> dict[str, Any]:
    """The fields that every evaluation has."""
    return {
        "queries": len(asked),
        "rejected_images": asked.rejected,
        "recall_at_1": found.recall_at(1),
        "map_at_r": found.map_at_r(),
        "accuracy": accuracy(asked),
        "auc": curve.auc,
        "tpr_at_fpr_1e-3": curve.tprs[FPRS.index(1e-3)],
        "interclass_distance": interclass_distance(asked.view.prototypes.matrix, asked.view.prototypes.owners),
        "unknown": unknown(asked),
    }


def found_in_collection(asked: Evaluation) -> Retrieval:
    """Hold the queries of known classes against every live row with a label: of others nobody knows who is right."""
    store = asked.view.store
    rows = store.live_rows()
    rows = rows[store.codes(rows) >= 0]
    known = np.flatnonzero(asked.known)
    places = np.full(store.next_row, -1)
    places[rows] = np.arange(len(rows))
    own = [places[asked.own[i]] for i in known]
    own = [mine[mine >= 0] for mine in own]
    return retrieval(asked.vectors[known], asked.codes[known], store.gather(rows), store.codes(rows), own)


def accuracy(asked: Evaluation) -> float | None:
    """The share of queries of known classes whose nearest class is their own; None without any."""
    right = np.array(asked.made.nearest, dtype=object) == asked.labels
    return float(right[asked.known].mean()) if asked.known.any() else None


def interclass_distance(prototypes: np.ndarray, owners: Sequence[int] | np.ndarray) -> float | None:
    """Mean distance between prototypes (p, d), unit rows, of different classes; None with fewer than two classes.

    owners: (p,) the class of each.
    """
    return class_distances(prototypes, np.asarray(owners)).between


def unknown(asked: Evaluation) -> dict[str, Any] | None:
    """The field `unknown`; None where the collection has every label of the source."""
    foreign, known, made = asked.unknown, asked.known, asked.made
    if not foreign.any():
        return None
    accepted = np.array([label is not None for label in made.labels])
    calibrated = asked.calibration is not None
    return {
        "queries": int(foreign.sum()),
        "auroc": auroc(made.distances[known], made.distances[foreign]),
        "false_accepts": float(accepted[foreign].mean()) if calibrated else None,
        "false_rejects": float((~accepted[known]).mean()) if calibrated and known.any() else None,
    }
