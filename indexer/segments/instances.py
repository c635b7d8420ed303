"""All rows of one version of a collection, searched as one: segments, and the tail that no segment covers yet."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...measures.scores import NEAR
from ...store.checks import whole_number
from ...store.errors import LookalikeError
from ...store.files.content import SegmentEntry
from ...store.version.store import Store
from ...store.work.forks import Lock, cached_property
from ..engine import parameters as knobs
from ..engine.device import Device, choose
from ..engine.faiss_files import read_faiss
from ..engine.library import INNER_PRODUCT, faiss, unsearchable
from ..engine.threads import get_threads, set_threads
from ..engine.trial import File, ensure_tried
from .exact import Scan, exact_top, in_chunks
from .order import Floats, Hits, Ints, ordered, padded
from .rowmaps import RowMap
from .segment import FEW, Mask, Segment

TAIL_BYTES = 256 << 20  # vectors of a tail that are kept in memory
_NEAR = float(NEAR)
_swig_ptr = faiss.swig_ptr
_empty = np.empty


class Instances:
    """The nearest rows in the collection that `store` has open; data is read when it is first searched.

    device: "auto", "cpu" or "gpu". Can be shared between threads.
    """

    def __init__(self, store: Store, device: str = "auto", parameters: dict[str, Any] | None = None) -> None:
        self.store, self.device, self._parameters = store, device, parameters
        self._device = choose(device)
        self._opening = Lock()
        self._lean: Lean | None = None
        self._opened: list[tuple[Segment | Scan, RowMap | None]] | None = None

    def search(
        self, queries: Floats, k: int, *, exact: bool = False, allowed: Mask | None = None
    ) -> tuple[Floats, Ints]:
        """The `k` nearest rows of each query.

        queries: (nq, d) C-contiguous float32 unit rows. allowed: (next_row,) bool, the rows that may be hits. exact:
        compare with every row, whatever the segments are. Returns scores (nq, k) float32, inner products, and rows (nq,
        k) int64, sorted by (-score, row), filled up with -inf and -1 if there are fewer than k rows. Segments
        approximate as `index` tuned them; the tail is exact. Raises LookalikeError for k < 1, another shape or dtype,
        or a mask of another length.
        """
        if self._lean is not None and allowed is None and (hits := self._lean.search(queries, k)) is not None:
            return hits
        k = self._check(queries, k, allowed)
        if allowed is not None and (rows := self._few(allowed)) is not None:
            return exact_top(queries, k, in_chunks(rows, self.store.gather))
        try:
            part_hits = [_search_one(part, rows, queries, k, exact, allowed) for part, rows in self._parts()]
        except RuntimeError as error:
            raise unsearchable(self.store.path, error) from error
        if len(part_hits) == 1:
            return part_hits[0]
        if not part_hits:
            return padded(np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64), k)
        return ordered(
            np.concatenate([s for s, _ in part_hits], axis=1),
            np.concatenate([r for _, r in part_hits], axis=1),
            k,
        )

    def tuned(self, parameters: dict[str, Any]) -> "Instances":
        """The same rows, searched with other run-time parameters than `index` chose (nprobe, efSearch, k_factor)."""
        return Instances(self.store, self.device, parameters)

    def segments(self) -> list[Segment]:
        """The segments, opened; a tail in memory is one too."""
        return [part for part, _ in self._parts() if isinstance(part, Segment)]

    def threads(self, nq: int, *, exact: bool = False) -> int:
        """The most threads that a search of `nq` queries uses at a time."""
        return max((part.threads(nq, exact=exact) for part, _ in self._parts()), default=1)

    @cached_property
    def tail_start(self) -> int:
        """The first row that no segment covers."""
        return max((RowMap.of(self.store, entry).stop for entry in self.store.content.segments), default=0)

    def _check(self, queries: Any, k: int, allowed: Any) -> int:
        dim, n = self.store.dim, self.store.next_row
        k = whole_number("k", k)
        if not isinstance(queries, np.ndarray) or queries.dtype != np.float32 or queries.ndim != 2:
            raise LookalikeError(f"queries are {_shown(queries)}: they must be a float32 matrix (queries, dimensions)")
        if dim is not None and queries.shape[1] != dim:
            raise LookalikeError(f"queries have {queries.shape[1]} dimensions, but the collection has {dim}")
        if not queries.flags.c_contiguous:
            raise LookalikeError("queries are not C-contiguous: copy them with numpy.ascontiguousarray")
        if allowed is not None and (allowed.dtype != np.bool_ or allowed.shape != (n,)):
            raise LookalikeError(f"allowed is {_shown(allowed)}: it must be ({n},) bool, one value per row")
        return k

    def _few(self, allowed: Mask) -> Ints | None:
        """The live rows that are allowed, if they are few enough to be compared one by one; otherwise None."""
        rows = np.flatnonzero(allowed)
        return rows[self.store.live(rows)] if len(rows) <= FEW else None

    def _parts(self) -> list[tuple[Segment | Scan, RowMap | None]]:
        if self._opened is None:
            with self._opening:
                if self._opened is None:
                    self._opened = self._open()
        return self._opened

    def _open(self) -> list[tuple[Segment | Scan, RowMap | None]]:
        entries = self.store.content.segments
        ensure_tried([File.of(self.store, entry, entry.spec) for entry in entries])
        parts: list[tuple[Segment | Scan, RowMap | None]] = [
            open_segment(self.store, entry, self._device, self._parameters) for entry in entries
        ]
        tail = self._open_tail()
        if tail is None and len(parts) == 1 and isinstance(parts[0][0], Segment):
            self._lean = Lean.of(parts[0][0], parts[0][1])
        return parts + ([tail] if tail is not None else [])

    def _open_tail(self) -> tuple[Segment | Scan, RowMap | None] | None:
        first, dim = self.tail_start, self.store.dim
        if dim is None or first >= self.store.next_row:
            return None
        index = faiss.IndexFlatIP(dim)
        blocks = []
        for rows, vectors in self.store.blocks(first):
            if 4 * dim * (index.ntotal + len(rows)) > TAIL_BYTES:
                return Scan(self.store, first), None
            index.add(vectors)
            blocks.append(rows)
        if not blocks:
            return None
        rows = np.concatenate(blocks)
        return Segment(index, lambda ids: self.store.gather(rows[ids])), RowMap.from_rows(rows)


def _shown(value: Any) -> str:
    return f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else type(value).__name__


def _search_one(
    part: Segment | Scan, rows: RowMap | None, queries: Floats, k: int, exact: bool, allowed: Mask | None
) -> Hits:
    """One part's hits, by row."""
    if rows is None or isinstance(part, Scan):
        return part.search(queries, k, allowed)
    scores, ids = part.search(queries, k, None if allowed is None else rows.pick(allowed), exact=exact)
    return scores, rows.rows(ids)


def open_segment(
    store: Store, entry: SegmentEntry, device: Device, parameters: dict[str, Any] | None = None
) -> tuple[Segment, RowMap]:
    """A segment of `store`, checked, memory-mapped, and copied to the GPU if there is one.

    parameters: to search with, instead of the tuned ones of the same name; unknown names are ignored. Raises
    LookalikeError where its file does not hold the vectors that the manifest describes.
    """
    path = store.file(entry)
    index = read_faiss(path)
    rows = RowMap.of(store, entry)
    if (int(index.ntotal), int(index.d), index.metric_type) != (entry.rows, store.dim, INNER_PRODUCT):
        raise LookalikeError(
            f"{path} holds {index.ntotal} vectors of {index.d} dimensions and metric {index.metric_type}, "
            f"but its manifest says {entry.rows} of {store.dim}, compared by inner product"
        )
    live = None if store.content.deleted is None else rows.live(store)
    settings: dict[str, Any] = dict(entry.parameters)
    if not knobs.is_flat(index):
        settings = {
            **knobs.checked(index, settings, str(path)),
            **{n: v for n, v in (parameters or {}).items() if n in settings},
        }
    knobs.apply(index, settings)  # before it is copied
    gpu = device.load(index)
    return Segment(index, lambda ids: store.gather(rows.rows(ids)), settings, live, gpu), rows


class Lean:
    """One query in one clean Flat segment on the CPU, with as little work around FAISS as possible."""

    def __init__(self, segment: Segment, rows: RowMap) -> None:
        self._search_c, self._most, self._shape = segment.index.search_c, segment.n - 1, (1, segment.dim)
        self._segment = segment  # keeps the index alive
        self._first, self._row_map = rows.first, rows.map

    @classmethod
    def of(cls, segment: Segment, rows: RowMap | None) -> "Lean | None":
        """The fast path to `segment`, or None where it needs more than that."""
        if not segment.flat or segment.live is not None or segment.gpu is not None or rows is None:
            return None
        return cls(segment, rows)

    def search(self, queries: NDArray[np.float32], k: int) -> Hits | None:
        """Scores and rows (1, k) of one query (1, d).

        Returns None where the general path is needed: other shapes, ties, k out of range.
        """
        if type(k) is not int or not 0 < k <= self._most or getattr(queries, "shape", None) != self._shape:
            return None
        if queries.dtype != np.float32 or not queries.flags.c_contiguous:
            return None
        scores, ids = _empty((1, k + 1), np.float32), _empty((1, k + 1), np.int64)
        threads = get_threads()
        set_threads(1)
        try:
            self._search_c(1, _swig_ptr(queries), k + 1, _swig_ptr(scores), _swig_ptr(ids))
        finally:
            set_threads(threads)
        values = scores[0].tolist()
        if len(set(values)) <= k:  # ties must be resolved, also with rows left out
            return None
        if values[0] > _NEAR or values[k] < -1:  # must be corrected, see measures.scores
            return None
        ids = ids[:, :k]
        if self._row_map is not None:
            ids = self._row_map[ids]
        elif self._first:
            ids += self._first
        return scores[:, :k], ids
