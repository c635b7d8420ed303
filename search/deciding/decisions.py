"""Decisions: what `classify` answers, one entry a query."""

import operator
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ...store.work.forks import cached_property


@dataclass(frozen=True)
class Decision:
    """The answer to one query, as `classify --json` gives it.

    label: None is unknown. nearest: the class that came nearest, also where it was refused. distance: to its nearest
    row or prototype. threshold: None never refuses. margin: the second class's distance minus the nearest's, by a vote
    negative where the second one has the nearer row; None with one class.
    """

    label: str | None
    nearest: str | None
    distance: float | None
    threshold: float | None
    margin: float | None
    by: str


@dataclass(frozen=True)
class Decisions:
    """What each query is, or None where it is unknown: columns, which give a Decision by place or one after the other.

    Attributes, each (nq,): labels (the answer, None = unknown), nearest (the class that came nearest, also where it was
    refused), distances float32 to that class's nearest row or prototype, thresholds float32, also distances (NaN: never
    refuses), margins float32 (the second class's distance minus the nearest's; NaN with one class); and `by`. The
    margins are measured when a Decision or they are first asked for, which reads the collection once where all
    neighbours of some image were of one class.
    """

    labels: list[str | None]
    nearest: list[str | None]
    distances: np.ndarray
    thresholds: np.ndarray
    by: str
    measure_margins: Callable[[], np.ndarray] = field(repr=False)

    @cached_property
    def margins(self) -> np.ndarray:
        """(nq,) float32: how much farther the second class is than the nearest."""
        return self.measure_margins()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> Decision:
        """The decision on one query, from the end where negative; IndexError beyond the last."""
        place = operator.index(place)
        return self._one(place, _number(self.margins[place]))

    def _one(self, place: int, margin: float | None) -> Decision:
        return Decision(
            label=self.labels[place],
            nearest=self.nearest[place],
            distance=_number(self.distances[place]),
            threshold=_number(self.thresholds[place]),
            margin=margin,
            by=self.by,
        )

    def __iter__(self) -> Iterator[Decision]:
        return (self[place] for place in range(len(self)))

    def records(self, *, margins: bool = True) -> list[dict[str, Any]]:
        """One dict a query with the fields of `classify --json`, `query` left to the caller; undefined is None.

        Without `margins`, which may read the whole collection, these are None.
        """
        made = iter(self) if margins else (self._one(place, None) for place in range(len(self)))
        return [asdict(decision) for decision in made]

    def __getstate__(self) -> dict[str, Any]:
        """Plain values, the margins measured: a copy elsewhere has no collection to ask."""
        return {**self.__dict__, "margins": self.margins, "measure_margins": None}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
