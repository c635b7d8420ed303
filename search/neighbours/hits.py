"""Hits: what a similarity query answers.

Contract: rows (nq, k) int64 and scores (nq, k) float32, nearest first, ties by smaller row. A missing hit is row -1,
score -inf, distance +inf, key None, label None. Scores are inner products of unit vectors, larger is closer.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...measures.distances import distance_of

if TYPE_CHECKING:
    from ...store.version.store import Store


class Hits:
    """The k nearest rows of each query.

    Attributes: rows (nq, k) int64, scores (nq, k) float32, distances (nq, k) float32 in [0, 2] (see `distances`);
    queries: nq names of what was asked with, which a folder's images or a pattern's files are told apart by.
    Iterating gives, for each query, a list of (key, label, score, distance) of its hits, missing ones left out.
    """

    __slots__ = ("_store", "queries", "rows", "scores")

    def __init__(
        self, store: "Store", rows: np.ndarray, scores: np.ndarray, queries: Sequence[str] | None = None
    ) -> None:
        self.queries = [f"query[{i}]" for i in range(len(rows))] if queries is None else list(queries)
        self._store = store
        self.rows = rows
        self.scores = scores

    @property
    def distances(self) -> np.ndarray:
        """sqrt(max(0, 2 - 2 * score)), (nq, k) float32; +inf where there is no hit."""
        return distance_of(self.scores)

    def keys(self) -> list[list[str | None]]:
        """The key of every hit, nq lists of k; None where there is no hit."""
        return self._look_up(self._store.keys)

    def labels(self) -> list[list[str | None]]:
        """The label of every hit, nq lists of k; None where there is no hit or no label."""
        return self._look_up(self._store.labels)

    def paths(self) -> list[list[str | None]]:
        """The file of every hit, absolute, nq lists of k; None where there is no hit, and where the hit's source keeps
        its picture in no file of its own (imports, images inside Parquet or IDX) or is not there now.
        """
        from .paths import paths_of_rows

        return self._look_up(lambda rows: paths_of_rows(self._store, rows))

    def __reduce__(self) -> tuple[Any, ...]:
        """What another process needs: the answer, and where the collection it came from is opened again."""
        store = self._store
        return _opened_again, (str(store.path), store.version, self.rows, self.scores, self.queries)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self):  # type: ignore[no-untyped-def]  # the element type is in the class's docstring
        for keys, labels, scores, distances, rows in zip(
            self.keys(), self.labels(), self.scores.tolist(), self.distances.tolist(), self.rows.tolist(), strict=True
        ):
            columns = zip(keys, labels, scores, distances, rows, strict=True)
            yield [(key, label, score, distance) for key, label, score, distance, row in columns if row >= 0]

    def __repr__(self) -> str:
        return f"Hits({self.rows.shape[0]} queries, k={self.rows.shape[1]})"

    def _look_up(self, column) -> list[list[str | None]]:  # type: ignore[no-untyped-def]
        found = np.flatnonzero(self.rows.ravel() >= 0)
        values: list[str | None] = [None] * self.rows.size
        for place, value in zip(found.tolist(), column(self.rows.ravel()[found]), strict=True):
            values[place] = value
        k = self.rows.shape[1]
        return [values[i * k : (i + 1) * k] for i in range(len(self.rows))]


def _opened_again(path: str, version: int, rows: np.ndarray, scores: np.ndarray, queries: list[str]) -> Hits:
    from ...store.version.store import Store

    return Hits(Store.open(path, version), rows, scores, queries)
