"""k-NN over a collection: by vector, by key, by image; a key's own row is never among its hits."""

import numpy as np

from ..indexer.instances import Instances
from ..store.errors import LookalikeError


def without_own(scores: np.ndarray, rows: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drop `own` (nq,) from k + 1 hits a query, or the last hit where it is not among them: k remain.

    Takes and gives scores (nq, k + 1 -> k) float32 and rows int64; keeps the order.
    """
    k = rows.shape[1] - 1
    drop = np.where((rows == own[:, None]) & (own[:, None] >= 0), 0, np.arange(k + 1)[None] + 1)
    place = np.where((drop == 0).any(1), drop.argmin(1), k)
    keep = np.arange(k + 1)[None] != place[:, None]
    return scores[keep].reshape(-1, k), rows[keep].reshape(-1, k)


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
    if k < 1:
        raise LookalikeError(f"k is {k}: it must be at least 1")
    if not (own >= 0).any():
        return instances.search(vectors, k, exact=exact, allowed=allowed)
    scores, rows = instances.search(vectors, k + 1, exact=exact, allowed=allowed)
    return without_own(scores, rows, own)
