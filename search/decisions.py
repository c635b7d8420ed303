"""Decisions: what `classify` answers, one entry a query."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Decisions:
    """What each query is, or None where it is unknown.

    Attributes, each with nq entries: labels (the answer, None = unknown), nearest (the class that came nearest, also
    where it was refused), distances float32 to that class's nearest row or prototype, thresholds float32 (NaN: never
    refuses), margins float32 (the second class's distance minus the nearest's; NaN with one class); and `by`.
    """

    labels: list[str | None]
    nearest: list[str | None]
    distances: np.ndarray
    thresholds: np.ndarray
    margins: np.ndarray
    by: str

    def __len__(self) -> int:
        return len(self.labels)

    def records(self) -> list[dict[str, Any]]:
        """One dict a query with the fields of `classify --json`, `query` left to the caller; undefined is None."""
        columns = zip(self.labels, self.nearest, self.distances, self.thresholds, self.margins, strict=True)
        return [
            {
                "label": label,
                "nearest": nearest,
                "distance": _number(distance),
                "threshold": _number(threshold),
                "margin": _number(margin),
                "by": self.by,
            }
            for label, nearest, distance, threshold, margin in columns
        ]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
