"""Recall against latency: what each operating point of the index finds and what a call costs.

Queries are stored rows, drawn at random; a query's own row is left out on both sides. Recall@k is against exact
search; rows that tie with the last true one count as found. Its interval takes each query as one trial and its recall
as the success, since queries are independent and their k hits are not.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...indexer.segments.instances import Instances
from ...indexer.segments.operating import OperatingPoint, operating_points
from ...measures.intervals import mean_interval
from ...measures.ranking import found_of_truth
from ...store.checks import whole_number
from ...store.errors import LookalikeError
from ...store.progress import Progress
from ..neighbours.nearest import nearest
from ..view import View

BATCHES = (1, 64)
_WARM_UP, _LEAST, _SECONDS = 20, 30, 2.0


@dataclass(frozen=True)
class _Asked:
    rows: np.ndarray
    vectors: np.ndarray
    truth: np.ndarray
    truth_scores: np.ndarray


def bench(view: View, *, k: int, queries: int, seed: int, progress: Progress) -> list[dict[str, Any]]:
    """One dict per operating point and batch size, with the fields of `bench --json`; `chosen` is what search uses.

    p50_us, p95_us, p99_us: microseconds of one call of `batch` queries, over up to 2 s of calls and at least 30.
    qps: queries answered per second of those calls. LookalikeError for a collection with fewer than two rows.
    """
    for name, value, least in (("k", k, 1), ("queries", queries, 1), ("seed", seed, 0)):
        whole_number(name, value, least)
    asked = _ask(view, k, queries, seed)
    points = operating_points(view.instances)
    measured = []
    for done, point in enumerate(points):
        progress(done, len(points), point.spec)
        instances = point.applied(view.instances)
        recall = _recall(instances, asked, k, point)
        measured += [{**_named(point), **_speed(instances, asked, k, batch, point), **recall} for batch in BATCHES]
    return measured


def _ask(view: View, k: int, queries: int, seed: int) -> _Asked:
    rows = view.store.live_rows()
    if len(rows) < 2:
        raise LookalikeError(f"{view.store.path} has {len(rows)} rows: a benchmark needs at least 2")
    chosen = np.sort(np.random.default_rng(seed).choice(rows, min(queries, len(rows)), replace=False))
    vectors = view.store.gather(chosen)
    scores, truth = nearest(view.instances, vectors, chosen, k, exact=True)
    return _Asked(chosen, vectors, truth, scores)


def _named(point: OperatingPoint) -> dict[str, Any]:
    return {"spec": point.spec, "parameters": dict(point.parameters), "chosen": point.chosen}


def _recall(instances: Instances, asked: _Asked, k: int, point: OperatingPoint) -> dict[str, float]:
    scores, rows = nearest(instances, asked.vectors, asked.rows, k, exact=point.exact)
    found, of = found_of_truth(rows, asked.truth, scores, asked.truth_scores)
    total, nq = float((found / of).sum()), len(of)  # of two rows or more each has a neighbour
    low, high = mean_interval(total, nq)
    return {"recall": total / nq, "recall_low": low, "recall_high": high}


def _speed(instances: Instances, asked: _Asked, k: int, batch: int, point: OperatingPoint) -> dict[str, Any]:
    batch = min(batch, len(asked.vectors))
    starts = range(0, len(asked.vectors) - batch + 1, batch)
    calls = [np.ascontiguousarray(asked.vectors[start : start + batch]) for start in starts]
    for call in calls[:_WARM_UP]:
        instances.search(call, k, exact=point.exact)
    taken: list[float] = []
    began = time.perf_counter()
    while len(taken) < max(_LEAST, len(calls)) and (time.perf_counter() - began < _SECONDS or len(taken) < _LEAST):
        call = calls[len(taken) % len(calls)]
        start = time.perf_counter()
        instances.search(call, k, exact=point.exact)
        taken.append(time.perf_counter() - start)
    p50, p95, p99 = np.percentile(taken, [50, 95, 99]) * 1e6
    return {
        "batch": batch,
        "threads": instances.threads(batch, exact=point.exact),
        "p50_us": float(p50),
        "p95_us": float(p95),
        "p99_us": float(p99),
        "qps": batch * len(taken) / sum(taken),
    }
