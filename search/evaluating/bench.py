"""Recall against latency: what each operating point of the index finds, and how long a call takes.

Queries are stored rows, drawn at random; a query's own row is left out on both sides. Recall@k is against exact
search; rows that tie with the last true one count as found. Its interval takes each query as one trial and its recall
as the success, since queries are independent and their k hits are not.
"""

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...indexer.segments.instances import Instances
from ...indexer.segments.operating import OperatingPoint, operating_points
from ...measures.intervals import mean_interval
from ...measures.ranking import found_of_truth
from ...store.checks import whole_number
from ...store.errors import LookalikeError
from ...store.progress import Progress
from ...store.record import Record
from ..neighbours.nearest import nearest
from ..view import View

BATCHES = (1, 64)
_WARM_UP, _LEAST, _SECONDS = 20, 30, 2.0


@dataclass(frozen=True, eq=False)
class BenchPoint(Record):
    """One way to search the index, measured; also a mapping with the fields of `bench --json`.

    Attributes
    ----------
    spec : str
        FAISS factory string, or "exact" for comparing with every stored row.
    parameters : dict
        Search parameters, such as nprobe or efSearch.
    chosen : bool
        Whether `search` uses this point.
    batch : int
        Queries per call.
    threads : int
        Threads that a call uses.
    p50_us, p95_us, p99_us : float
        Percentiles of the duration of a call, in microseconds.
    qps : float
        Queries answered per second.
    recall, recall_low, recall_high : float
        Recall@k against exact search, and its 95 % interval.
    """

    spec: str
    parameters: dict[str, int | float]
    chosen: bool
    batch: int
    threads: int
    p50_us: float
    p95_us: float
    p99_us: float
    qps: float
    recall: float
    recall_low: float
    recall_high: float


class _Recall(NamedTuple):
    recall: float
    low: float
    high: float


class _Speed(NamedTuple):
    batch: int
    threads: int
    p50_us: float
    p95_us: float
    p99_us: float
    qps: float


@dataclass(frozen=True)
class _Queries:
    rows: np.ndarray
    vectors: np.ndarray
    truth: np.ndarray
    truth_scores: np.ndarray


def bench(view: View, *, k: int, queries: int, seed: int, progress: Progress) -> list[BenchPoint]:
    """Measure every operating point with each batch size, over up to 2 s of calls and at least 30.

    Raises LookalikeError for a collection with fewer than two rows.
    """
    for name, value, least in (("k", k, 1), ("queries", queries, 1), ("seed", seed, 0)):
        whole_number(name, value, least)
    drawn = _draw(view, k, queries, seed)
    points = operating_points(view.instances)
    measured = []
    for done, point in enumerate(points):
        progress(done, len(points), point.spec)
        instances = point.applied(view.instances)
        recall = _recall(instances, drawn, k, point)
        measured += [_point(point, _speed(instances, drawn, k, batch, point), recall) for batch in BATCHES]
    return measured


def _draw(view: View, k: int, queries: int, seed: int) -> _Queries:
    rows = view.store.live_rows()
    if len(rows) < 2:
        raise LookalikeError(f"{view.store.path} has {len(rows)} rows: a benchmark needs at least 2")
    chosen = np.sort(np.random.default_rng(seed).choice(rows, min(queries, len(rows)), replace=False))
    vectors = view.store.gather(chosen)
    scores, truth = nearest(view.instances, vectors, chosen, k, exact=True)
    return _Queries(chosen, vectors, truth, scores)


def _point(point: OperatingPoint, speed: _Speed, recall: _Recall) -> BenchPoint:
    return BenchPoint(point.spec, dict(point.parameters), point.chosen, *speed, *recall)


def _recall(instances: Instances, queries: _Queries, k: int, point: OperatingPoint) -> _Recall:
    scores, rows = nearest(instances, queries.vectors, queries.rows, k, exact=point.exact)
    found, of = found_of_truth(rows, queries.truth, scores, queries.truth_scores)
    total, nq = float((found / of).sum()), len(of)  # with two rows or more each has a neighbour
    return _Recall(total / nq, *mean_interval(total, nq))


def _speed(instances: Instances, queries: _Queries, k: int, batch: int, point: OperatingPoint) -> _Speed:
    batch = min(batch, len(queries.vectors))
    starts = range(0, len(queries.vectors) - batch + 1, batch)
    calls = [np.ascontiguousarray(queries.vectors[start : start + batch]) for start in starts]
    for call in calls[:_WARM_UP]:
        instances.search(call, k, exact=point.exact)
    seconds: list[float] = []
    began = time.perf_counter()
    while len(seconds) < max(_LEAST, len(calls)) and (time.perf_counter() - began < _SECONDS or len(seconds) < _LEAST):
        call = calls[len(seconds) % len(calls)]
        start = time.perf_counter()
        instances.search(call, k, exact=point.exact)
        seconds.append(time.perf_counter() - start)
    p50, p95, p99 = (np.percentile(seconds, [50, 95, 99]) * 1e6).tolist()
    threads = instances.threads(batch, exact=point.exact)
    return _Speed(batch, threads, p50, p95, p99, batch * len(seconds) / sum(seconds))
