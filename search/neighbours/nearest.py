"""k-NN over a collection: by vector, by key, by image; a key's own row is never among its hits."""

import numpy as np

from ...indexer.segments.instances import Instances
from ...indexer.segments.order import without_own
from ..view import View
from .hits import Hits
from .queries import Asked
from .ready import check_k


def neighbours(view: View, asked: Asked, k: int = 10, where: str | None = None, exact: bool = False) -> Hits:
    """The hits (m, k) of the queries that were read: one row for each of `asked.names`; `where` is an SQL condition."""
    scores, rows = nearest(view.instances, asked.vectors, asked.own, k, exact, view.meeting(where))
    return Hits(view.store, rows, scores, asked.names)


def nearest(
    instances: Instances,
    vectors: np.ndarray,
    own: np.ndarray,
    k: int,
    exact: bool,
    allowed: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (nq, k) float32 and rows (nq, k) int64 of unit `vectors` (nq, d); rows `own` (nq,) are left out.

    allowed: (next_row,) bool, the rows that may be hits, or None for all.
    """
    check_k(k, len(vectors), instances.store.next_row)
    if not (own >= 0).any():
        return instances.search(vectors, k, exact=exact, allowed=allowed)
    scores, rows = instances.search(vectors, k + 1, exact=exact, allowed=allowed)
    return without_own(scores, rows, own)
