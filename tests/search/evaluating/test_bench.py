"""Operating points: recall against brute force, one chosen, the fields of the design."""

import numpy as np
import pytest

from lookalike import Collection, LookalikeError
from lookalike.indexer.engine.threads import get_threads, set_threads
from lookalike.indexer.segments.operating import OperatingPoint
from lookalike.search.evaluating import bench

from ..conftest import clusters

FIELDS = {
    "spec", "parameters", "batch", "threads", "recall", "recall_low", "recall_high", "p50_us", "p95_us", "p99_us",
    "qps", "chosen",
}  # fmt: skip


def test_flat_is_exact_and_chosen(shop):
    shop.index()
    points = shop.bench(k=5)
    assert [point["batch"] for point in points] == [1, 60]
    for point in points:
        assert set(point) == FIELDS
        assert point["chosen"] and point["recall"] == 1.0 == point["recall_high"] and 0.9 < point["recall_low"] < 1
        assert 0 < point["p50_us"] <= point["p95_us"] <= point["p99_us"] and point["qps"] > 0


def test_an_approximate_index_is_swept_and_its_recall_is_the_true_one(tmp_path):
    vectors, _ = clusters(3, 3000, d=16, classes=30, spread=1.0)
    with Collection.create(tmp_path / "c") as collection:
        collection.add(vectors, [str(i) for i in range(3000)])
        collection.index(spec="IVF64,Flat", recall=0.9)
        points = collection.bench(k=10, queries=200)
        assert [p["spec"] for p in points[:2]] == ["exact", "exact"] and points[0]["recall"] == 1.0
        swept = [p for p in points if p["spec"] == "IVF64,Flat" and p["batch"] == 1]
        assert len(swept) >= 3 and sum(p["chosen"] for p in swept) == 1
        recalls = [p["recall"] for p in swept]
        assert recalls == sorted(recalls) and recalls[0] < recalls[-1]
        chosen = next(p for p in swept if p["chosen"])
        assert chosen["recall"] == pytest.approx(_true_recall(collection, vectors), abs=1e-9)
        assert chosen["recall_low"] <= chosen["recall"] <= chosen["recall_high"]


def test_what_search_uses_is_measured_though_the_tail_is_larger_than_the_segment(tmp_path):
    vectors, _ = clusters(3, 3000, d=16, classes=30, spread=1.0)
    with Collection.create(tmp_path / "c") as collection:
        collection.add(vectors[:1000], [str(i) for i in range(1000)])
        collection.index(spec="IVF64,Flat", recall=0.5)
        collection.add(vectors[1000:], [str(i) for i in range(1000, 3000)])
        points = collection.bench(k=10, queries=200)
        chosen = next(p for p in points if p["chosen"])
        assert chosen["spec"] == "IVF64,Flat" and 0.5 < chosen["recall"] < 1
        assert chosen["recall"] == pytest.approx(_true_recall(collection, vectors), abs=1e-9)
        assert {p["spec"] for p in points if p["recall"] == 1} >= {"exact"}


def test_no_more_threads_are_said_than_are_used(shop):
    before = get_threads()
    set_threads(4)
    try:
        shop.index()
        assert [point["threads"] for point in shop.bench(k=5)] == [1, 1]  # 60 queries against 60 rows: little work
    finally:
        set_threads(before)


def _true_recall(collection, vectors):
    """Recall@10 of the same 200 queries, by NumPy."""
    rows = np.sort(np.random.default_rng(0).choice(3000, 200, replace=False))
    scores = vectors[rows] @ vectors.T
    scores[np.arange(200), rows] = -np.inf
    truth = np.argsort(-scores, axis=1)[:, :10]
    found = collection.search([str(row) for row in rows], k=10).rows
    return float(np.mean([len(set(f) & set(t)) / 10 for f, t in zip(found.tolist(), truth.tolist(), strict=True)]))


def test_one_row_cannot_be_measured(tmp_path):
    with Collection.create(tmp_path / "c") as collection:
        collection.add(clusters(0, 1)[0], ["a"])
        with pytest.raises(LookalikeError, match="1 rows"):
            collection.bench()


class Clock:
    """A clock that goes on by itself only while a search runs, each call in its own time."""

    def __init__(self, seconds):
        self.now, self.seconds, self.calls = 0.0, seconds, 0

    def search(self, queries, k, exact=False):
        self.now += self.seconds[self.calls % len(self.seconds)]
        self.calls += 1

    def threads(self, nq, exact=False):
        return 3


def test_units_and_percentiles_by_a_clock_of_ours(monkeypatch):
    vectors = np.eye(8, dtype=np.float32)
    clock = Clock([0.001] * 90 + [0.002] * 8 + [0.004] * 2)
    monkeypatch.setattr(bench.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(bench, "_WARM_UP", 0)
    monkeypatch.setattr(bench, "_LEAST", 100)
    queries = bench._Queries(np.arange(8), vectors, None, None)
    speed = bench._speed(clock, queries, 1, 4, OperatingPoint("Flat", {}, True, True))
    taken = np.array(clock.seconds) * 1e6
    assert (speed.batch, speed.threads) == (4, 3)
    assert speed.p50_us == pytest.approx(1000) and speed.p95_us == pytest.approx(np.percentile(taken, 95))
    assert speed.p99_us == pytest.approx(np.percentile(taken, 99)) and speed.p99_us > speed.p95_us > speed.p50_us
    assert speed.qps == pytest.approx(4 * 100 / sum(clock.seconds))
