"""Types without IDSelector under a filter: only queries that found too little ask again, and in bounded batches."""

import numpy as np
import pytest

from lookalike.indexer.engine.device import Device
from lookalike.indexer.segments import segment as segments
from lookalike.indexer.segments.build import build
from lookalike.indexer.segments.exact import in_chunks
from lookalike.indexer.segments.segment import Segment

N, D = 3000, 16


def built(spec, rows):
    return build(spec, D, rows, in_chunks(np.arange(len(rows)), lambda some: rows[some]), Device("cpu"), len(rows))


@pytest.fixture
def halves(rng):
    """Rows about one axis and rows about its opposite; and a filter that rules out most of the latter."""
    rows = 0.3 * rng.standard_normal((N, D))
    rows[:, 0] += np.where(np.arange(N) < N // 2, 1.0, -1.0)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return rows, (np.arange(N) < N // 4) | (np.arange(N) >= N - 30)


@pytest.fixture
def asked(monkeypatch):
    """Queries and hits a query of each search by FAISS."""
    found, run = [], Segment._run

    def noted(self, queries, fetch, params=None):
        found.append((len(queries), fetch))
        return run(self, queries, fetch, params)

    monkeypatch.setattr(Segment, "_run", noted)
    monkeypatch.setattr(segments, "FEW", 0)
    return found


@pytest.mark.parametrize(("spec", "most"), [("PQ8x4fs", 9), ("IVF8,RQ2x4", 2), ("IVF8,PQ8x4fs", 2)])
def test_only_short_queries_ask_for_more(halves, asked, spec, most):
    rows, allowed = halves
    index = built(spec, rows)
    segment = Segment(
        index, lambda ids: rows[ids], {"nprobe": 2, "k_factor": 16} if "IVF" in spec else {"k_factor": 16}
    )
    segment._selectable = False
    queries = np.ascontiguousarray(np.concatenate([rows[:200:4], rows[-3:]]))
    scores, ids = segment.search(queries, 5, allowed)
    assert asked[0] == (53, asked[0][1]) and 1 < len(asked) <= most
    assert all(nq <= 3 for nq, _ in asked[1:])
    expected = np.where(allowed, queries @ rows.T, -np.inf)
    assert allowed[ids].all()
    assert np.allclose(scores, np.take_along_axis(expected, ids, axis=1), atol=1e-6)
    assert (scores[-3:] >= -np.sort(-expected[-3:], axis=1)[:, 4:5] - 1e-6).mean() >= 0.7


def test_no_search_holds_more_hits_than_it_may(halves, asked, monkeypatch):
    rows, allowed = halves
    segment = Segment(built("PQ8x4fs", rows), lambda ids: rows[ids])
    queries = np.ascontiguousarray(rows[::60])
    whole = segment.search(queries, 5, allowed)
    asked.clear()
    monkeypatch.setattr(segments, "AT_ONCE", 2000)
    cut = segment.search(queries, 5, allowed)
    assert all(nq == 1 or nq * fetch <= 2000 for nq, fetch in asked) and len(asked) > 2
    assert np.array_equal(cut[1], whole[1]) and np.array_equal(cut[0], whole[0])
