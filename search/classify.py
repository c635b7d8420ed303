"""Classification: rank the classes, then decide by the calibrated threshold; the decision itself is `decide`."""

from typing import TYPE_CHECKING

import numpy as np

from ..store.progress import Progress, silent
from .calibration import threshold_of
from .decide import decide
from .decisions import Decisions
from .queries import Asked
from .rank import Ranked, Way, rank

if TYPE_CHECKING:
    from .calibration import Calibration
    from .collection import Collection


def classify(
    collection: "Collection",
    asked: Asked,
    *,
    by: str,
    k: int,
    weights: str,
    exact: bool,
    progress: Progress = silent,
) -> Decisions:
    """Decide for each of the `asked` vectors; a stored image (a key) does not speak for itself.

    By a linear head it does, since the head was fitted on it too; only the distance leaves it out. progress: of fitting
    a head where none is stored.
    """
    way = Way(by, k, weights, exact)
    own = [np.array([row], np.int64) if row >= 0 else np.empty(0, np.int64) for row in asked.own]
    ranked = rank(collection, asked.vectors, own, way, progress)
    return decisions(ranked, threshold_of(collection.store, way), by)


def decisions(ranked: Ranked, calibration: "Calibration | None", by: str) -> Decisions:
    """Turn ranked classes into Decisions at the calibrated thresholds (None: nothing is refused)."""
    thresholds = None if calibration is None else calibration.over(ranked.classes)
    made = decide(ranked.scores, ranked.codes, thresholds)
    return Decisions(
        labels=[ranked.classes[code] if code >= 0 else None for code in made.code.tolist()],
        nearest=[ranked.classes[code] if code >= 0 else None for code in made.nearest.tolist()],
        distances=made.distance,
        thresholds=made.threshold,
        margins=made.margin,
        by=by,
    )
