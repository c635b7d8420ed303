"""Collections to index, and the oracle: every pair in float64, sorted by (-score, row)."""

from pathlib import Path

import numpy as np
import pytest

from lookalike.store.changing.writer import writing
from lookalike.store.files.parts import Rows, lookup_columns, write_part
from lookalike.store.version.store import Store


class Shop:
    """A collection and, beside it, what it must hold: the matrix of all rows ever added, and which are live."""

    def __init__(self, path: Path, d: int) -> None:
        self.path, self.d = path, d
        self.matrix = np.zeros((0, d), dtype=np.float32)
        self.labels: list[str | None] = []
        self.alive = np.zeros(0, dtype=bool)
        Store.create(path).close()

    def add(self, vectors, labels=None):
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        labels = list(labels) if labels is not None else [None] * len(vectors)
        keys = [f"{len(self.matrix) + i:08d}" for i in range(len(vectors))]
        with Store.open(self.path) as store, writing(store) as writer:
            rows = Rows.of_vectors(keys, vectors, labels, "test")
            first = writer.add_part(write_part(self.path, rows, None), lookup_columns(rows))
            writer.commit()
        assert first == len(self.matrix)
        self.matrix = np.concatenate([self.matrix, vectors])
        self.labels += labels
        self.alive = np.concatenate([self.alive, np.ones(len(vectors), dtype=bool)])
        return self

    def remove(self, rows):
        with Store.open(self.path) as store, writing(store) as writer:
            writer.delete(np.asarray(rows, dtype=np.int64))
            writer.commit()
        self.alive[rows] = False
        return self

    def open(self) -> Store:
        return Store.open(self.path)

    def oracle(self, queries, k, allowed=None):
        """Scores (nq, k) float64 and rows (nq, k) of the best live rows."""
        mask = self.alive if allowed is None else self.alive & allowed
        rows = np.flatnonzero(mask)
        scores = queries.astype(np.float64) @ self.matrix[rows].T.astype(np.float64)
        order = np.lexsort((np.broadcast_to(rows, scores.shape), -scores), axis=1)[:, :k]
        best, ids = np.take_along_axis(scores, order, axis=1), rows[order]
        fill = ((0, 0), (0, k - best.shape[1]))
        return np.pad(best, fill, constant_values=-np.inf), np.pad(ids, fill, constant_values=-1)

    def check(self, queries, k, hits, allowed=None):
        """Hits are exact: the oracle's scores, each row's own score, in order, each row once, only rows that count."""
        scores, rows = hits
        expected, _ = self.oracle(queries, k, allowed)
        assert scores.shape == rows.shape == (len(queries), k)
        assert (scores.dtype, rows.dtype) == (np.float32, np.int64)
        assert np.allclose(scores, expected, atol=2e-6)
        self.check_own(queries, hits, allowed)

    def check_own(self, queries, hits, allowed=None):
        """What must hold of approximate hits too: exact scores, order, padding, only rows that count, each once."""
        scores, rows = hits
        there = rows >= 0
        assert np.array_equal(there, scores > -np.inf)
        assert (np.diff(there.astype(int), axis=1) <= 0).all()
        own = np.einsum("qkd,qd->qk", self.matrix[rows].astype(np.float64), queries.astype(np.float64))
        assert np.allclose(scores[there], own[there], atol=2e-6)
        mask = self.alive if allowed is None else self.alive & allowed
        assert mask[rows[there]].all()
        for some, given in zip(rows, scores, strict=True):
            some, given = some[some >= 0], given[some >= 0]
            assert len(set(some.tolist())) == len(some)
            assert [*some] == [r for _, r in sorted(zip(-given, some, strict=True))]


@pytest.fixture
def shop(tmp_path):
    """shop(vectors, labels=None) makes a collection of them."""

    def make(vectors, labels=None, name="shop"):
        made = Shop(tmp_path / name, np.asarray(vectors).shape[1])
        return made.add(vectors, labels) if len(vectors) else made

    return make


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def new_shop(tmp_path_factory):
    """new_shop(d) makes an empty collection of d dimensions: for tests that make many."""
    return lambda d: Shop(tmp_path_factory.mktemp("shop"), d)
