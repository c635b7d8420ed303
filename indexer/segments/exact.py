"""Exact search over vectors that come in blocks: nothing but the block and the best so far is in memory."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ...store.version.store import Store
from ..engine.library import INNER_PRODUCT, faiss
from ..engine.threads import compared, threads_for
from .order import Floats, Hits, Ints, Vectors, ordered, padded, settled

BLOCK = 16_384  # rows
Blocks = Iterable[tuple[Ints, Floats]]  # ids (m,) and their unit rows (m, d), C-contiguous


def exact_top(queries: Floats, k: int, blocks: Blocks) -> Hits:
    """The `k` best of all rows in `blocks` for queries (nq, d): scores and ids (nq, k), by (-score, id).

    Missing hits are -inf and -1.
    """
    scores = np.empty((len(queries), 0), dtype=np.float32)
    ids = np.empty((len(queries), 0), dtype=np.int64)
    for block_ids, vectors in blocks:
        if len(block_ids) == 0 or len(queries) == 0:
            continue
        hits = _in_block(queries, k, vectors)
        scores = np.concatenate([scores, hits[0]], axis=1)
        ids = np.concatenate([ids, block_ids[hits[1]]], axis=1)
        scores, ids = ordered(scores, ids, k)
    return padded(scores, ids, k)


def _in_block(queries: Floats, k: int, vectors: Floats) -> Hits:
    """The `k` best of one block (fewer where it has fewer rows), as positions in it."""
    fetch = min(k + 1, len(vectors))
    scores = np.empty((len(queries), fetch), dtype=np.float32)
    places = np.empty((len(queries), fetch), dtype=np.int64)

    def search(batch: slice) -> None:
        scores[batch], places[batch] = faiss.knn(queries[batch], vectors, fetch, metric=INNER_PRODUCT)

    compared(search, len(queries), *vectors.shape)
    return settled(
        queries,
        (scores, places),
        min(k, len(vectors)),
        lambda places: vectors[places],
        lambda query, floor: np.flatnonzero(vectors @ query > floor),
    )


def in_chunks(ids: Ints, vectors: Vectors, size: int = BLOCK) -> Iterator[tuple[Ints, Floats]]:
    """The rows `ids` (n,), read by `vectors`, in blocks: ids (size,) and unit rows (size, d), the last less."""
    for start in range(0, len(ids), size):
        batch = ids[start : start + size]
        yield batch, np.ascontiguousarray(vectors(batch))


class Scan:
    """Rows of a store from `first` on that no segment covers, read again for each search: for tails beyond memory."""

    def __init__(self, store: Store, first: int) -> None:
        self.store, self.first = store, first

    def search(self, queries: Floats, k: int, allowed: NDArray[np.bool_] | None = None) -> Hits:
        """Scores and rows (nq, k) for queries (nq, d): of live rows, or those that `allowed` (next_row,) bool has."""
        return exact_top(queries, k, self._blocks(allowed))

    def threads(self, nq: int, *, exact: bool = False) -> int:
        """How many threads FAISS takes for `nq` queries; all is exact here."""
        return threads_for(nq, min(self.store.next_row - self.first, BLOCK), self.store.dim or 0)

    def _blocks(self, allowed: NDArray[np.bool_] | None) -> Iterator[tuple[Ints, Floats]]:
        for rows, vectors in self.store.blocks(self.first, None, BLOCK):
            if allowed is None:
                yield rows, vectors
            else:
                keep = allowed[rows]
                yield rows[keep], np.ascontiguousarray(vectors[keep])
