"""A segment: one immutable FAISS index over n rows, known here by their ids 0..n-1.

Scores are inner products of stored float32 rows, whatever the index: a lossy one only nominates `k_factor` times as
many candidates, and the stored rows decide. Ids that are deleted or not allowed are left out by an IDSelector if the
index type supports it, otherwise by fetching more hits and filtering them. Queries (nq, d) are C-contiguous float32
unit rows. Hits are sorted by (-score, id), and filled up with -inf and -1 if there are fewer than k ids. If an
approximate search finds fewer hits than exist, the exact search answers.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...store.work.forks import cached_property
from ..engine import parameters as knobs
from ..engine.device import GpuIndex
from ..engine.library import faiss
from ..engine.threads import compared, get_threads, on_one_thread, threads_for
from .exact import BLOCK, exact_top, in_chunks
from .order import Floats, Hits, Ints, Vectors, bounded, kept, ordered, padded, rescored, settled

Mask = NDArray[np.bool_]
FEW = 4096  # so few rows are compared one by one, without an approximate index
GRAPH_SHARE = 0.1  # below this share of ids, a graph search gets lost (recall .73 -> .36 at 1 %)
MOSTLY = 0.9  # above this share, filtering more hits is cheaper than a selector, which prevents matrix products
AT_ONCE = 1 << 22  # hits in memory at once while they are filtered: about 200 MB


class Segment:
    """Searches one index.

    index: an inner product index as its own class. vectors: returns the stored rows of ids. live: (n,) bool, or None
    where all ids are live. gpu: a copy that searches in its place.
    """

    def __init__(
        self,
        index: Any,
        vectors: Vectors,
        parameters: Mapping[str, Any] | None = None,
        live: Mask | None = None,
        gpu: GpuIndex | None = None,
    ) -> None:
        self.index, self.vectors, self.live, self.gpu = index, vectors, live, gpu
        self.parameters = dict(parameters or {})
        knobs.apply(self.index, self.parameters)
        self.n, self.dim = int(self.index.ntotal), int(self.index.d)
        self.flat, self.exact = knobs.is_flat(self.index), knobs.is_exact(self.index)
        self.factor = 1 if self.exact else max(int(self.parameters.get("k_factor", 0)), knobs.LEAST_K_FACTOR)
        self._search_c = self.index.search_c

    def search(self, queries: Floats, k: int, allowed: Mask | None = None, *, exact: bool = False) -> Hits:
        """Scores (nq, k) and ids (nq, k) of the best ids that are live and, where given, `allowed` (n,) bool."""
        mask = self.live if allowed is None else allowed if self.live is None else self.live & allowed
        count = self.n if mask is None else int(np.count_nonzero(mask))
        want = min(k, count)
        if want == 0 or len(queries) == 0:
            return padded(np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64), k)
        if count == self.n:
            mask = None
        if self.flat:
            hits = self._flat(queries, want, mask, count)
        elif exact or self._too_few(count):
            hits = self._exact(queries, want, mask)
        else:
            hits = self._approximate(queries, want, mask, count)
        return padded(*hits, k)

    def threads(self, nq: int, *, exact: bool = False) -> int:
        """How many threads FAISS uses for `nq` queries, where all ids are searched."""
        if self.flat or exact:
            return threads_for(nq, self.n if self.flat else min(self.n, BLOCK), self.dim)
        return min(nq, get_threads())

    def _too_few(self, count: int) -> bool:
        """Whether so few ids are searched that comparing them all is better."""
        return count <= FEW if count < self.n else False

    @cached_property
    def _graph(self) -> bool:
        return knobs.is_graph(self.index)

    @cached_property
    def _lists(self) -> bool:
        return knobs.has_lists(self.index)

    @cached_property
    def _selectable(self) -> bool:
        return knobs.can_select(self.index)

    def _flat(self, queries: Floats, want: int, mask: Mask | None, count: int) -> Hits:
        """All rows compared, with ties resolved."""
        hits = self._filtered(queries, min(want + 1, count), mask, count)

        def around(query: Floats, floor: float) -> Ints:
            with on_one_thread():
                _, _, ids = self.index.range_search(query[None], floor)
            return ids if mask is None else ids[mask[ids]]

        return settled(queries, hits, want, self.vectors, around)

    def _exact(self, queries: Floats, want: int, mask: Mask | None) -> Hits:
        """The stored rows compared one by one."""
        ids = np.arange(self.n) if mask is None else np.flatnonzero(mask)
        return exact_top(queries, want, in_chunks(ids, self.vectors))

    def _approximate(self, queries: Floats, want: int, mask: Mask | None, count: int) -> Hits:
        """The candidates of the index, scored exactly; queries with too few candidates are answered exactly."""
        if mask is not None and self._graph and count < GRAPH_SHARE * self.n:
            return self._exact(queries, want, mask)
        scores, ids = self._filtered(queries, min(want * self.factor, count), mask, count)
        if self.exact:
            scores = bounded(queries, scores, ids, self.vectors)
        else:
            scores = rescored(queries, ids, self.vectors)
        scores, ids = ordered(scores, ids, want)
        starved = np.flatnonzero(ids[:, -1] < 0)
        if len(starved):
            scores[starved], ids[starved] = self._exact(queries[starved], want, mask)
        return scores, ids

    def _filtered(self, queries: Floats, fetch: int, mask: Mask | None, count: int) -> Hits:
        """`fetch` hits per query with the scores of the index, all of them in `mask`; missing ones last."""
        if mask is None:
            return self._run(queries, fetch)
        share = count / self.n
        if self._selectable and share < MOSTLY:
            return self._selected(queries, fetch, mask, share)
        more = min(self.n, int(fetch / share * 1.25) + 16)
        scores, ids = self._overfetched(queries, fetch, more, mask)
        short = np.flatnonzero(ids[:, -1] < 0)
        while len(short) and more < self.n and not self._selectable:
            more = min(self.n, more * 4)
            scores[short], ids[short] = self._overfetched(queries[short], fetch, more, mask)
            short = short[ids[short, -1] < 0]
            if self._lists:  # the visited lists have no more hits: the exact search answers
                break
        if len(short) and self._selectable:
            scores[short], ids[short] = self._selected(queries[short], fetch, mask, share)
        return scores, ids

    def _overfetched(self, queries: Floats, fetch: int, more: int, mask: Mask) -> Hits:
        """The first `fetch` hits in `mask` among `more` hits per query, for a limited number of queries at a time."""
        scores = np.empty((len(queries), fetch), dtype=np.float32)
        ids = np.empty((len(queries), fetch), dtype=np.int64)
        step = max(1, AT_ONCE // more)
        for start in range(0, len(queries), step):
            batch = slice(start, start + step)
            scores[batch], ids[batch] = padded(*kept(*self._run(queries[batch], more), mask), fetch)
        return scores, ids

    def _selected(self, queries: Floats, fetch: int, mask: Mask, share: float) -> Hits:
        """Search with an IDSelector; its hits are checked, since some searches have ignored the selector."""
        bits = np.packbits(mask, bitorder="little")
        selector = faiss.IDSelectorBitmap(bits)
        hits = self._run(queries, fetch, knobs.selecting(self.index, selector, share))
        return kept(*hits, mask)

    def _run(self, queries: Floats, fetch: int, params: Any = None) -> Hits:
        """One search by FAISS, on the GPU if it has a copy that can do it."""
        if self.gpu is not None and params is None and (hits := self.gpu.search(queries, fetch)) is not None:
            return hits
        scores = np.empty((len(queries), fetch), dtype=np.float32)
        ids = np.empty((len(queries), fetch), dtype=np.int64)

        def search(batch: slice) -> None:
            ins, outs = queries[batch], (scores[batch], ids[batch])
            self._search_c(len(ins), faiss.swig_ptr(ins), fetch, *map(faiss.swig_ptr, outs), params)

        if self.flat and params is None:
            compared(search, len(queries), self.n, self.dim)
        elif len(queries) == 1:
            with on_one_thread():
                search(slice(0, 1))
        else:
            search(slice(0, len(queries)))
        return scores, ids
