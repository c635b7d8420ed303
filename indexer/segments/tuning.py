"""Reaches a target recall with the least work: tuned on some stored rows, reported on others.

recall: the share of the k rows nearest to a query (without its own row) that a search finds. Any hit as near as the
k-th counts.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...measures.intervals import mean_interval
from ..engine import parameters as knobs
from .exact import Blocks, exact_top
from .order import TIE, Floats, Ints, Vectors, without_own
from .segment import Segment

QUERIES = 400  # for tuning, and as many again for the report


@dataclass(frozen=True)
class Recall:
    """Mean recall of `queries` queries at `k`, with its exact 95 % interval (measures.intervals.mean_interval)."""

    mean: float
    low: float
    high: float
    queries: int
    k: int


@dataclass(frozen=True)
class Sample:
    """Queries from the segment itself: ids (nq,), vectors (nq, d), kth (nq,) the score of the k-th nearest other."""

    ids: Ints
    vectors: Floats
    kth: NDArray[np.float32]
    k: int

    def half(self, which: int) -> "Sample":
        """Every second query, starting with the first (0) or the second (1): two disjoint sets."""
        vectors = np.ascontiguousarray(self.vectors[which::2])
        return Sample(self.ids[which::2], vectors, self.kth[which::2], self.k)


def sampled(live: Ints, k: int, vectors: Vectors, blocks: Blocks, rng: np.random.Generator) -> Sample | None:
    """Up to 2 x QUERIES of the ids `live` (n,) as queries with their true neighbours; `blocks` holds all vectors.

    None for fewer than 4 rows.
    """
    n = len(live)
    if n < 4:
        return None
    k = min(k, n - 1)
    ids = live[rng.choice(n, size=min(2 * QUERIES, n), replace=False)]
    queries = np.ascontiguousarray(vectors(ids))
    scores, neighbours = exact_top(queries, k + 1, blocks)
    return Sample(ids, queries, without_own(scores, neighbours, ids)[0][:, k - 1], k)


def recalls(segment: Segment, sample: Sample) -> NDArray[np.float64]:
    """The recall of each query, (nq,)."""
    scores, _ = without_own(*segment.search(sample.vectors, sample.k + 1), sample.ids)
    return np.minimum((scores >= sample.kth[:, None] - TIE).mean(axis=1), 1.0)


def measured(segment: Segment, sample: Sample) -> Recall:
    """The mean recall with its interval."""
    each = recalls(segment, sample)
    total, nq = float(each.sum()), len(each)
    return Recall(total / nq, *mean_interval(total, nq), nq, sample.k)


def tuned(make: Callable[[dict[str, Any]], Segment], sample: Sample, target_recall: float) -> dict[str, Any]:
    """The run-time parameters that reach `wanted` recall on `sample`, or come closest.

    make: gives the segment with some parameters.

    Each step doubles the one knob that gains most, until the mean less its standard error is there; then the last
    step is halved in. Standing a standard error above the wanted recall makes other queries reach it too, five times
    in six.
    """
    most = knobs.knobs(make({}).index)
    if not most:
        return {}

    def reached(values: dict[str, Any]) -> float:
        each = recalls(make(values), sample)
        return float(each.mean() - (each.std() / math.sqrt(len(each)) if len(each) > 1 else 0))

    values: dict[str, Any] = {name: min(knobs.least(name), limit) for name, limit in most.items()}
    now = reached(values)
    while now < target_recall:
        steps = [{**values, name: min(2 * values[name], limit)} for name, limit in most.items() if values[name] < limit]
        if not steps:
            return values
        results = [reached(step) for step in steps]
        best = int(np.argmax(results))
        before, values, now = values, steps[best], results[best]
        if now >= target_recall:
            return _halved_in(before, values, reached, target_recall)
    return values


def further(most: dict[str, int], values: dict[str, Any]) -> dict[str, Any]:
    """All parameters a quarter higher, none above its largest value in `most`."""
    return {name: min(most[name], value + max(1, value // 4)) for name, value in values.items()}


def _halved_in(low: dict[str, Any], high: dict[str, Any], reached: Any, target_recall: float) -> dict[str, Any]:
    """The smallest step from `low` (not enough) towards `high` (enough) that is enough, to an eighth."""
    name = next(n for n in high if high[n] != low[n])
    few, many = low[name], high[name]
    for _ in range(3):
        middle = (few + many) // 2
        if middle in (few, many):
            break
        if reached({**high, name: middle}) >= target_recall:
            many = middle
        else:
            few = middle
    return {**high, name: many}
