"""Decisions: the result of `classify`, one per query."""

import operator
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ...store.work.forks import cached_property


@dataclass(frozen=True)
class Decision:
    """The decision on one query, with the fields of `classify --json`.

    label: the answer; None is unknown. nearest: the nearest class, even if it was refused. distance: to its nearest row
    or prototype. threshold: None if nothing is refused. margin: the distance of the second class minus that of the
    nearest; None with one class. In a vote it is negative if the second class has the nearer row.
    """

    label: str | None
    nearest: str | None
    distance: float | None
    threshold: float | None
    margin: float | None
    by: str


@dataclass(frozen=True)
class Decisions:
    """The class of each query, or None where it is unknown.

    The fields are columns with one entry per query; indexing and iterating give a `Decision` per query.

    Attributes
    ----------
    labels : list of str or None, length nq
        The answer; None is unknown.
    nearest : list of str or None, length nq
        The nearest class, even if it was refused.
    distances : (nq,) float32
        To the nearest row (by "knn") or prototype of that class, in [0, 2].
    thresholds : (nq,) float32
        The largest distance that is accepted; NaN where nothing is refused.
    margins : (nq,) float32
        The distance of the second class minus that of the nearest; NaN with one class. They are computed at first use;
        by "knn" this reads the collection once if all neighbours of some query are of one class.
    by : str
        "prototype", "knn" or "linear".

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from lookalike import Collection
    >>> folder = tempfile.TemporaryDirectory()
    >>> shop = Collection.create(f"{folder.name}/shop")
    >>> _ = shop.add(np.eye(3), ["a.jpg", "b.jpg", "c.jpg"], ["cat", "cat", "dog"])
    >>> decisions = shop.classify(np.array([0.6, 0.8, 0.0]))
    >>> decisions.labels
    ['cat']
    >>> decision = decisions[0]
    >>> decision.nearest, round(decision.distance, 3), decision.threshold
    ('cat', 0.142, None)
    >>> shop.close(); folder.cleanup()
    """

    labels: list[str | None]
    nearest: list[str | None]
    distances: np.ndarray
    thresholds: np.ndarray
    by: str
    measure_margins: Callable[[], np.ndarray] = field(repr=False)

    @cached_property
    def margins(self) -> np.ndarray:
        """(nq,) float32: the distance of the second class minus that of the nearest."""
        return self.measure_margins()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> Decision:
        """The decision on one query; negative places count from the end. Raises IndexError beyond the last."""
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
        """One dict per query with the fields of `classify --json` except `query`; undefined values are None.

        margins: whether to compute them, which may read the whole collection; they are None otherwise.
        """
        decisions = iter(self) if margins else (self._one(place, None) for place in range(len(self)))
        return [asdict(decision) for decision in decisions]

    def __getstate__(self) -> dict[str, Any]:
        """Plain values with the margins computed, because a copy in another process has no collection to read."""
        return {**self.__dict__, "margins": self.margins, "measure_margins": None}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
