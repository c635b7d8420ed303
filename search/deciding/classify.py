"""Classification: rank the classes, then decide by the calibrated threshold; the decision itself is `decide`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...measures.distances import distance_of
from ...store.progress import Progress, silent
from ...store.version.store import Store
from ..neighbours.nearest import nearest_of_others
from ..neighbours.queries import Asked
from ..view import View
from .calibration_file import threshold_of
from .decisions import Decisions
from .rank import Way, rank, refuse_no_classes
from .rule import Decided, decide

if TYPE_CHECKING:
    from .calibration import Calibration


def classify(
    view: View,
    asked: Asked,
    *,
    by: str,
    k: int,
    weights: str,
    exact: bool = False,
    progress: Progress = silent,
) -> Decisions:
    """Decide for each of the `asked` vectors; a stored image (a key) does not speak for itself.

    By a linear head it does, since the head was fitted on it too; only the distance leaves it out. progress: of fitting
    a head where none is stored.
    """
    way = Way(by, k, weights, exact)
    refuse_no_classes(view)
    own = [np.array([row], np.int64) if row >= 0 else np.empty(0, np.int64) for row in asked.own]
    return decisions(view, asked.vectors, own, way, threshold_of(view.store, way), progress)


def decisions(
    view: View,
    vectors: np.ndarray,
    own: Sequence[np.ndarray],
    way: Way,
    calibration: "Calibration | None",
    progress: Progress = silent,
) -> Decisions:
    """Rank the classes for `vectors` (nq, d), the rows `own` of each left out, and decide at the calibrated thresholds.

    calibration: None refuses nothing.
    """
    ranked, store = rank(view, vectors, own, way, progress), view.store
    made = decide(ranked.scores, ranked.codes, None if calibration is None else calibration.over(ranked.classes))
    return Decisions(
        labels=[ranked.classes[code] if code >= 0 else None for code in made.code.tolist()],
        nearest=[ranked.classes[code] if code >= 0 else None for code in made.nearest.tolist()],
        distances=made.distance,
        thresholds=made.threshold,
        by=way.by,
        measure_margins=lambda: _margins(store, vectors, own, made) if way.by == "knn" else made.margin,
    )


def _margins(store: Store, vectors: np.ndarray, own: Sequence[np.ndarray], made: Decided) -> np.ndarray:
    """The margins of a vote: to the nearest row of any other class where all neighbours were of one."""
    alone = np.flatnonzero(np.isnan(made.margin) & (made.nearest >= 0))
    if not len(alone) or len(store.classes) < 2:
        return made.margin
    scores = nearest_of_others(store, vectors[alone], [own[i] for i in alone.tolist()], made.nearest[alone])
    margins = made.margin.copy()
    margins[alone] = np.where(np.isfinite(scores), distance_of(scores) - made.distance[alone], np.nan)
    return margins
