"""A labelled source measured against the collection: retrieval, classification, verification, unknown images.

A query never matches itself: stored rows with the query's own content (SHA-256) are left out of its neighbours, of
its class's R and of its prototype. Measures that are undefined are None.
"""

import warnings
from collections.abc import Sequence

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
from .details import details_of
from .few_shots import FewShots, few_shots
from .responses import Responses, responses_to
from .results import Details, EvaluateResult, FewShotScore, UnknownScores

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
) -> EvaluateResult:
    """Measure a source; see `Collection.evaluate`. With `episodes` its labels need not be classes of the collection.

    Raises LookalikeError for a source without labels and for a collection without classes. Warns in one line where the
    classes overlap so much that no threshold can separate them.
    """
    responses = responses_to(view, source, rule, progress, cache)
    if episodes is None:
        _warn_of_no_known_label(responses)
    _warn_of_training_images(responses)
    _warn_of_calibration_images(responses)
    if episodes is not None:
        episodes.check(responses)
    ranking, curve = ranking_of(responses), pair_curve(responses.vectors, responses.label_codes, FPRS)
    distances, codes, names = responses.to_classes
    overlap = separation(distances, codes)
    warn_of_overlap(overlap, names)
    return scores(
        responses,
        ranking,
        curve,
        details=details_of(responses, ranking, curve, overlap) if full else None,
        episodes=None if episodes is None else few_shots(responses, episodes),
    )


def _warn_of_no_known_label(responses: Responses) -> None:
    """Warn where no label of the source is a class of the collection: then most measures are undefined."""
    names = sorted(set(responses.labels.tolist()) - {""})
    if not (responses.codes >= 0).any():
        first = ", ".join(shortened(name, 40) for name in names[:3]) + (", ..." if len(names) > 3 else "")
        warnings.warn(
            f"none of the {len(names)} labels of {responses.source} ({first}) is a class of the collection: "
            "only its unknown images can be measured",
            LookalikeWarning,
            stacklevel=4,
        )


def _warn_of_training_images(responses: Responses) -> None:
    """Warn where the model was trained on images that it is now measured on."""
    if responses.seen:
        warnings.warn(
            f"the model was trained on {responses.seen} of the {len(responses)} images of {responses.source}: "
            "on new images it does worse than measured here",
            LookalikeWarning,
            stacklevel=4,
        )


def _warn_of_calibration_images(responses: Responses) -> None:
    """Warn where the threshold was chosen on the images that it is now measured on."""
    message = chosen_on(responses.calibration, responses.source)
    if message is not None:
        warnings.warn(message, LookalikeWarning, stacklevel=4)


def scores(
    responses: Responses,
    ranking: Retrieval,
    curve: Curve,
    details: Details | None = None,
    episodes: tuple[FewShotScore, ...] | None = None,
) -> EvaluateResult:
    """All measures as one result."""
    prototypes = responses.view.prototypes
    return EvaluateResult(
        queries=len(responses),
        rejected_images=responses.rejected,
        recall_at_1=ranking.recall_at(1),
        map_at_r=ranking.map_at_r(),
        accuracy=accuracy(responses),
        auc=curve.auc,
        tpr_at_fpr_1e_3=curve.tprs[FPRS.index(1e-3)],
        interclass_distance=interclass_distance(prototypes.matrix, prototypes.owners),
        unknown=unknown_scores(responses),
        details=details,
        episodes=episodes,
    )


def ranking_of(responses: Responses) -> Retrieval:
    """Rank every live row with a label for each query of a known class; other queries have no right answer."""
    store = responses.view.store
    rows = store.live_rows()
    rows = rows[store.codes(rows) >= 0]
    known = np.flatnonzero(responses.known)
    position = np.full(store.next_row, -1)
    position[rows] = np.arange(len(rows))
    excluded = [position[responses.excluded_rows[i]] for i in known]
    excluded = [positions[positions >= 0] for positions in excluded]
    return retrieval(responses.vectors[known], responses.codes[known], store.gather(rows), store.codes(rows), excluded)


def accuracy(responses: Responses) -> float | None:
    """The share of queries of known classes whose nearest class is the right one; None without any."""
    right = np.array(responses.answers.nearest, dtype=object) == responses.labels
    return float(right[responses.known].mean()) if responses.known.any() else None


def interclass_distance(prototypes: np.ndarray, owners: Sequence[int] | np.ndarray) -> float | None:
    """Mean distance between prototypes (p, d), unit rows, of different classes; None with fewer than two classes.

    owners: (p,) the class of each prototype.
    """
    return class_distances(prototypes, np.asarray(owners)).between


def unknown_scores(responses: Responses) -> UnknownScores | None:
    """The measures of unknown images; None where the collection has every label of the source."""
    unknown, known, answers = responses.unknown, responses.known, responses.answers
    if not unknown.any():
        return None
    accepted = np.array([label is not None for label in answers.labels])
    calibrated = responses.calibration is not None
    return UnknownScores(
        queries=int(unknown.sum()),
        auroc=auroc(answers.distances[known], answers.distances[unknown]),
        false_accepts=float(accepted[unknown].mean()) if calibrated else None,
        false_rejects=float((~accepted[known]).mean()) if calibrated and known.any() else None,
    )
