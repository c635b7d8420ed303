"""Classification: rank the classes, then decide by the calibrated threshold with `decide`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...measures.distances import distance_of
from ...store.progress import Progress, silent
from ...store.version.store import Store
from ..neighbours.nearest import nearest_of_others
from ..neighbours.queries import Queries
from ..view import View
from .calibration_file import threshold_of
from .decisions import Decisions
from .rank import DecisionRule, rank, refuse_no_classes
from .rule import Decided, decide

if TYPE_CHECKING:
    from .calibration import Calibration


def classify(
    view: View,
    queries: Queries,
    *,
    by: str,
    k: int,
    weights: str,
    exact: bool = False,
    progress: Progress = silent,
) -> Decisions:
    """Decide for each of the `queries`; a stored image (a key) is left out of prototypes and votes.

    A linear head has been fitted on that image too, so only the distance leaves it out. progress: for fitting a head if
    none is stored.
    """
    rule = DecisionRule(by, k, weights, exact)
    refuse_no_classes(view)
    excluded = [np.array([row], np.int64) if row >= 0 else np.empty(0, np.int64) for row in queries.excluded]
    return decisions(view, queries.vectors, excluded, rule, threshold_of(view.store, rule), progress)


def decisions(
    view: View,
    vectors: np.ndarray,
    excluded: Sequence[np.ndarray],
    rule: DecisionRule,
    calibration: "Calibration | None",
    progress: Progress = silent,
) -> Decisions:
    """Rank the classes for `vectors` (nq, d) and decide at the calibrated thresholds.

    excluded: for each query the rows that are left out. calibration: with None nothing is refused.
    """
    ranked, store = rank(view, vectors, excluded, rule, progress), view.store
    decided = decide(ranked.scores, ranked.codes, None if calibration is None else calibration.over(ranked.classes))
    return Decisions(
        labels=[ranked.classes[code] if code >= 0 else None for code in decided.code.tolist()],
        nearest=[ranked.classes[code] if code >= 0 else None for code in decided.nearest.tolist()],
        distances=decided.distance,
        thresholds=decided.threshold,
        by=rule.by,
        measure_margins=lambda: _margins(store, vectors, excluded, decided) if rule.by == "knn" else decided.margin,
    )


def _margins(store: Store, vectors: np.ndarray, excluded: Sequence[np.ndarray], decided: Decided) -> np.ndarray:
    """The margins of a vote. If all neighbours are of one class, the nearest row of another class is looked up."""
    alone = np.flatnonzero(np.isnan(decided.margin) & (decided.nearest >= 0))
    if not len(alone) or len(store.classes) < 2:
        return decided.margin
    scores = nearest_of_others(store, vectors[alone], [excluded[i] for i in alone.tolist()], decided.nearest[alone])
    margins = decided.margin.copy()
    margins[alone] = np.where(np.isfinite(scores), distance_of(scores) - decided.distance[alone], np.nan)
    return margins
