"""Hits: the result of a search.

Contract: rows (nq, k) int64 and scores (nq, k) float32, nearest first; of equal scores the smaller row comes first. A
missing hit is row -1, score -inf, distance +inf, key None, label None. Scores are inner products of unit vectors;
larger is closer.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...measures.distances import distance_of

if TYPE_CHECKING:
    from ...store.version.store import Store


class Hit(NamedTuple):
    """A stored image near a query: its key, its label or None, the score, and the distance in [0, 2]."""

    key: str
    label: str | None
    score: float
    distance: float


class Hits:
    """The k nearest rows of each query, nearest first.

    `hits[i]` is the list of `Hit` of query i, without the missing ones; iterating gives such a list for each query.

    Attributes
    ----------
    rows : (nq, k) int64
        Row numbers; -1 is a missing hit.
    scores : (nq, k) float32
        Inner products with the query; -inf for a missing hit.
    distances : (nq, k) float32
        In [0, 2]; +inf for a missing hit.
    queries : list of str, length nq
        The name of each query. It tells the images of a folder or pattern apart.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from lookalike import Collection
    >>> folder = tempfile.TemporaryDirectory()
    >>> shop = Collection.create(f"{folder.name}/shop")
    >>> _ = shop.add(np.eye(3), ["a.jpg", "b.jpg", "c.jpg"], ["cat", "cat", "dog"])
    >>> hits = shop.search(np.array([0.6, 0.8, 0.0]), k=2)
    >>> hits.keys(), hits.labels()
    ([['b.jpg', 'a.jpg']], [['cat', 'cat']])
    >>> hits.distances.round(3)
    array([[0.632, 0.894]], dtype=float32)
    >>> shop.close(); folder.cleanup()
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
        """sqrt(max(0, 2 - 2 * score)), (nq, k) float32; +inf for a missing hit."""
        return distance_of(self.scores)

    def keys(self) -> list[list[str | None]]:
        """The key of every hit, nq lists of k; None for a missing hit."""
        return self._look_up(self._store.keys)

    def labels(self) -> list[list[str | None]]:
        """The label of every hit, nq lists of k; None for a missing hit and for an image without a label."""
        return self._look_up(self._store.labels)

    def paths(self) -> list[list[str | None]]:
        """The absolute path of every hit's image file, nq lists of k.

        It is None for a missing hit, for an image that has no file of its own (imported vectors, images inside Parquet
        or IDX files), and if the source cannot be reached now.
        """
        from .paths import paths_of_rows

        return self._look_up(lambda rows: paths_of_rows(self._store, rows))

    def __reduce__(self) -> tuple[Any, ...]:
        """The hits, and the path and version at which another process opens the collection again."""
        store = self._store
        return _opened_again, (str(store.path), store.version, self.rows, self.scores, self.queries)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, query: int) -> list[Hit]:
        """The hits of one query, nearest first; IndexError beyond the last query."""
        rows, scores, distances = self.rows[query], self.scores[query].tolist(), self.distances[query].tolist()
        n = int((rows >= 0).sum())  # missing ones come last
        keys, labels = self._store.keys(rows[:n]), self._store.labels(rows[:n])
        return list(map(Hit, keys, labels, scores, distances))

    def __iter__(self) -> Iterator[list[Hit]]:
        columns = (self.keys(), self.labels(), self.scores.tolist(), self.distances.tolist(), self.rows.tolist())
        for keys, labels, scores, distances, rows in zip(*columns, strict=True):
            n = sum(row >= 0 for row in rows)
            yield [Hit(key or "", *rest) for key, *rest in zip(keys[:n], labels, scores, distances, strict=False)]

    def __repr__(self) -> str:
        return f"Hits({self.rows.shape[0]} queries, k={self.rows.shape[1]})"

    def _look_up(self, column: "Callable[[np.ndarray], Sequence[str | None]]") -> list[list[str | None]]:
        present = np.flatnonzero(self.rows.ravel() >= 0)
        values: list[str | None] = [None] * self.rows.size
        for place, value in zip(present.tolist(), column(self.rows.ravel()[present]), strict=True):
            values[place] = value
        k = self.rows.shape[1]
        return [values[i * k : (i + 1) * k] for i in range(len(self.rows))]


def _opened_again(path: str, version: int, rows: np.ndarray, scores: np.ndarray, queries: list[str]) -> Hits:
    from ...store.version.store import Store

    return Hits(Store.open(path, version), rows, scores, queries)
