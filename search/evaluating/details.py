"""What `evaluate --full` measures beyond the usual fields; undefined measures are None."""

import numpy as np

from ...measures.classification import class_scores
from ...measures.curve import Curve
from ...measures.distances import class_distances
from ...measures.held_out import held_out_classes
from ...measures.open_set import auroc, oscr, over_splits
from ...measures.retrieval import Retrieval
from ...measures.separation import Separation
from ...store.version.lookups import codes_of
from .responses import Responses
from .results import (
    Classification,
    Confusion,
    Details,
    Distances,
    MacroScores,
    OpenSet,
    OverlappingPair,
    PairCounts,
    RetrievalScores,
    ScoresOfClass,
    SeparationCheck,
    Spread,
    Verification,
)


def details_of(responses: Responses, ranking: Retrieval, curve: Curve, overlap: Separation) -> Details:
    """All sections.

    verification and distances use all pairs of the source's labelled images, retrieval and classification the images
    of known classes without the threshold, open_set known and unknown images with it.
    """
    return Details(
        verification=verification(curve),
        retrieval=retrieval_scores(ranking),
        classification=classification(responses),
        open_set=open_set(responses),
        distances=Distances(*class_distances(responses.vectors, responses.label_codes)),
        separation=separation(responses, overlap),
    )


def verification(curve: Curve) -> Verification:
    """Same or different over all pairs; `curve` has the TPR at the four FPRs from 1e-1 to 1e-4."""
    return Verification(PairCounts(curve.same, curve.different), curve.auc, curve.eer, *curve.tprs)


def retrieval_scores(ranking: Retrieval) -> RetrievalScores:
    """recall@k, MAP@R and R-precision against the collection's images."""
    return RetrievalScores(
        recall_at_1=ranking.recall_at(1),
        recall_at_5=ranking.recall_at(5),
        recall_at_10=ranking.recall_at(10),
        map_at_r=ranking.map_at_r(),
        r_precision=ranking.r_precision(),
    )


def classification(responses: Responses) -> Classification:
    """Precision, recall and F1 of each class that was a label or an answer, their means, and all confusions."""
    names = responses.view.store.classes
    known = responses.known
    truth = responses.codes[known]
    answers = codes_of(responses.answers.nearest, names)[known]
    scores = class_scores(truth, answers, len(names))
    cells, images = np.unique(np.stack([truth, answers], axis=1), axis=0, return_counts=True)
    return Classification(
        macro=MacroScores(**scores.macro()),
        classes={
            names[code]: ScoresOfClass(
                images=int(scores.support[code]),
                precision=_defined(scores.precision[code]),
                recall=_defined(scores.recall[code]),
                f1=_defined(scores.f1[code]),
            )
            for code in np.union1d(truth, answers[answers >= 0]).tolist()
        },
        confusion=tuple(
            Confusion(names[label], names[answer] if answer >= 0 else None, count)
            for (label, answer), count in zip(cells.tolist(), images.tolist(), strict=True)
        ),
    )


def open_set(responses: Responses) -> OpenSet:
    """Known against unknown images, and the same with each class of the collection held out in turn."""
    answers, known, unknown = responses.answers, responses.known, responses.unknown
    right = (np.array(answers.nearest, dtype=object) == responses.labels)[known]
    accepted = np.array([label is not None for label in answers.labels], bool)
    calibrated = responses.calibration is not None
    distances = answers.distances
    return OpenSet(
        known=int(known.sum()),
        unknown=int(unknown.sum()),
        auroc=auroc(distances[known], distances[unknown]),
        oscr=oscr(distances[known], right, distances[unknown]),
        false_accepts=_share(accepted[unknown]) if calibrated else None,
        false_rejects=_share(~accepted[known]) if calibrated else None,
        held_out_by="nearest row" if answers.by == "knn" else "prototype",
        held_out_classes=held_out(responses),
    )


def held_out(responses: Responses) -> dict[str, Spread]:
    """Each measure over classes held out in turn; the threshold is used only if it was calibrated by prototype."""
    distances, codes, names = responses.to_classes
    cuts = None
    if responses.calibration is not None and responses.answers.by == "prototype":
        cuts = np.broadcast_to(np.asarray(responses.calibration.over(names), np.float32), len(names))
    splits = over_splits([measures for _, measures in held_out_classes(distances, codes, cuts)])
    return {name: Spread(s["mean"], s["std"], int(s["splits"] or 0)) for name, s in splits.items()}


def separation(responses: Responses, overlap: Separation) -> SeparationCheck:
    """The least error of one threshold for all classes, and the pairs of classes above the limit."""
    names = responses.to_classes[2]
    return SeparationCheck(
        overlapping=overlap.overlapping,
        limit=overlap.limit,
        images=overlap.images,
        error=overlap.error,
        low=overlap.low,
        pairs=tuple(
            OverlappingPair(names[pair.taken], names[pair.as_class], pair.error, pair.low) for pair in overlap.pairs
        ),
    )


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _share(events: np.ndarray) -> float | None:
    return float(events.mean()) if len(events) else None
