"""recall@k of an index: how many of the true nearest rows it finds.

Rows are integers; -1 is a missing hit and never matches anything.
"""

import numpy as np


def found_of_truth(
    neighbours: np.ndarray,
    truth: np.ndarray,
    scores: np.ndarray | None = None,
    truth_scores: np.ndarray | None = None,
    tolerance: float = 1e-6,
) -> tuple[np.ndarray, np.ndarray]:
    """(found, of): for each query, how many true rows were found, and how many there are. Both (nq,) int64.

    neighbours: (nq, k') int64 rows; a repeated row counts once. truth: (nq, k) int64 rows of exact search, without
    repeats. scores, truth_scores: their exact scores, in the same shapes. With both, a neighbour that scores at least
    as high as the last true row (within tolerance) counts as found, since exact search makes an arbitrary choice among
    rows that tie. Raises ValueError for other shapes.
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


def _in_row(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(nq, k') bool: does left[q, i] occur in right[q]? One sorted look-up instead of a loop over queries."""
    ids, codes = np.unique(np.concatenate([left.ravel(), right.ravel()]), return_inverse=True)
    row = np.concatenate([np.repeat(np.arange(len(part)), part.shape[1]) for part in (left, right)])
    names = row * len(ids) + codes
    return np.isin(names[: left.size], names[left.size :]).reshape(left.shape)


def _first_of_its_kind(rows: np.ndarray) -> np.ndarray:
    """(nq, k') bool: whether the row occurs for the first time in its line."""
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
        raise ValueError(f"{name} has shape {rows.shape} and type {rows.dtype}: give integers, one line per query")
    return rows.astype(np.int64, copy=False)
