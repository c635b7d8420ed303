"""Measures of ranked hits: recall@k of an index, and recall@1, R-precision and MAP@R of labels.

Rows and label codes are integers; -1 is a missing hit or no label and never matches anything. R of a query is how many
rows of the collection have its label (the query's own content left out). A query with R = 0 or without a label has no
value: nan in the arrays, left out of the means; a mean over nothing is None. MAP@R and R-precision: Musgrave, Belongie
and Lim, "A Metric Learning Reality Check", ECCV 2020, section 3.2.
"""

from collections.abc import Callable, Iterator

import numpy as np

_CELLS = 1 << 22  # hits looked at in one step, which bounds the memory beyond the input


def recall_at_k(
    neighbours: np.ndarray,
    truth: np.ndarray,
    scores: np.ndarray | None = None,
    truth_scores: np.ndarray | None = None,
) -> float | None:
    """The share of the true k nearest rows that were found, averaged over queries; None without any true row.

    The arguments are those of `found_of_truth`, which gives the counts for each query.
    """
    found, of = found_of_truth(neighbours, truth, scores, truth_scores)
    asked = of > 0
    return float(np.mean(found[asked] / of[asked])) if asked.any() else None


def found_of_truth(
    neighbours: np.ndarray,
    truth: np.ndarray,
    scores: np.ndarray | None = None,
    truth_scores: np.ndarray | None = None,
    tolerance: float = 1e-6,
) -> tuple[np.ndarray, np.ndarray]:
    """(found, of): for each query how many true rows were found, of how many. Both (nq,) int64.

    neighbours: (nq, k') int64 rows, a row counted once. truth: (nq, k) int64 rows of exact search, none twice.
    scores, truth_scores: their exact scores. Given both, a neighbour that scores at least as the last true row (within
    tolerance) counts as found: where rows tie, exact search's own choice among them is arbitrary.
    """
    neighbours, truth = _table(neighbours, "neighbours"), _table(truth, "truth")
    if len(neighbours) != len(truth):
        raise ValueError(f"{len(neighbours)} rows of neighbours for {len(truth)} rows of truth")
    of = np.count_nonzero(truth >= 0, axis=1)
    good = _in_row(neighbours, truth)
    if scores is not None and truth_scores is not None:
        worst = np.where(truth >= 0, truth_scores, np.inf).min(axis=1, initial=np.inf)
        good |= np.asarray(scores) >= worst[:, None] - tolerance
    good &= (neighbours >= 0) & _first_of_its_kind(neighbours)
    return np.minimum(np.count_nonzero(good, axis=1), of), of


def label_recall_at_1(query_labels: np.ndarray, hit_labels: np.ndarray, counts: np.ndarray) -> float | None:
    """The share of queries whose first hit has their label (recall@1, precision@1).

    query_labels: (nq,) codes. hit_labels: (nq, kmax) codes of the hits, best first. counts: (nq,) R of each query.
    """
    query_labels, hit_labels, counts = _ranked(query_labels, hit_labels, counts)
    asked = (query_labels >= 0) & (counts > 0)
    if not asked.any():
        return None
    if hit_labels.shape[1] == 0:
        raise ValueError("recall@1 needs one hit a query: hit_labels has no columns")
    return float(np.mean(hit_labels[asked, 0] == query_labels[asked]))


def map_at_r(query_labels: np.ndarray, hit_labels: np.ndarray, counts: np.ndarray) -> float | None:
    """MAP@R: the mean over queries of `average_precision_at_r`, whose arguments it takes."""
    return _mean(average_precision_at_r(query_labels, hit_labels, counts))


def r_precision(query_labels: np.ndarray, hit_labels: np.ndarray, counts: np.ndarray) -> float | None:
    """R-precision: the mean over queries of the share of the first R hits that have the query's label."""
    return _mean(_over_first_r(query_labels, hit_labels, counts, lambda match, rank: match.sum(axis=1)))


def average_precision_at_r(query_labels: np.ndarray, hit_labels: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """For each query 1/R times the sum over ranks i <= R of P(i), where hit i is right, else 0 (equations 3 and 4).

    query_labels: (nq,) codes. hit_labels: (nq, kmax) codes, best first, kmax >= the largest R. counts: (nq,) R of each
    query. Returns (nq,) float64, nan where undefined, so that a caller with more queries than memory averages block by
    block. ValueError where kmax is too small: the value would be that of another measure.
    """

    def summed_precision(match: np.ndarray, rank: np.ndarray) -> np.ndarray:
        return np.where(match, np.cumsum(match, axis=1) / rank, 0.0).sum(axis=1)

    return _over_first_r(query_labels, hit_labels, counts, summed_precision)


def _over_first_r(
    query_labels: np.ndarray,
    hit_labels: np.ndarray,
    counts: np.ndarray,
    total: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """total(match (m, r), rank (r,)) / R for each query, where match says which of the first R hits are right."""
    query_labels, hit_labels, counts = _ranked(query_labels, hit_labels, counts)
    asked = np.flatnonzero((query_labels >= 0) & (counts > 0))
    deepest = int(counts[asked].max(initial=0))
    if deepest > hit_labels.shape[1]:
        raise ValueError(f"a query has R = {deepest} but {hit_labels.shape[1]} hits: give at least R hits a query")
    values = np.full(len(query_labels), np.nan)
    rank = np.arange(1, deepest + 1)
    for some in _cut(asked, deepest):
        match = (hit_labels[some, :deepest] == query_labels[some, None]) & (rank <= counts[some, None])
        values[some] = total(match, rank) / counts[some]
    return values


def _cut(queries: np.ndarray, width: int) -> Iterator[np.ndarray]:
    step = max(1, _CELLS // max(1, width))
    for first in range(0, len(queries), step):
        yield queries[first : first + step]


def _mean(values: np.ndarray) -> float | None:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None


def _in_row(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(nq, k') bool: does left[q, i] occur in right[q]? One sorted look-up instead of a loop over queries."""
    ids, codes = np.unique(np.concatenate([left.ravel(), right.ravel()]), return_inverse=True)
    row = np.concatenate([np.repeat(np.arange(len(part)), part.shape[1]) for part in (left, right)])
    names = row * len(ids) + codes
    return np.isin(names[: left.size], names[left.size :]).reshape(left.shape)


def _first_of_its_kind(rows: np.ndarray) -> np.ndarray:
    """(nq, k') bool: is this the first time that the row occurs in its line?"""
    order = np.argsort(rows, axis=1, kind="stable")
    ordered = np.take_along_axis(rows, order, axis=1)
    fresh = np.ones(rows.shape, dtype=bool)
    fresh[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.empty(rows.shape, dtype=bool)
    np.put_along_axis(first, order, fresh, axis=1)
    return first


def _table(rows: np.ndarray, name: str) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.dtype.kind not in "iu":
        raise ValueError(f"{name} has shape {rows.shape} and type {rows.dtype}: give integers, one line a query")
    return rows.astype(np.int64, copy=False)


def _ranked(
    query_labels: np.ndarray, hit_labels: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    query_labels, counts, hit_labels = np.asarray(query_labels), np.asarray(counts), _table(hit_labels, "hit_labels")
    if not (query_labels.shape == counts.shape == hit_labels.shape[:1]):
        shapes = f"{query_labels.shape}, {hit_labels.shape} and {counts.shape}"
        raise ValueError(f"query_labels, hit_labels and counts have shapes {shapes}: give (nq,), (nq, kmax) and (nq,)")
    return query_labels, hit_labels, counts
