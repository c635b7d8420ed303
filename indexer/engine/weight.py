"""The size of an index as a file and in memory, and sizes written in a form that --memory accepts."""

import math
from typing import Any

from .kinds import own_class
from .library import faiss
from .parameters import core

_BLOCK = 32  # codes that four-bit PQ packs together: a list, or a flat index, ends in a block that is not full
_HEADERS = 256  # bytes of the header of one index


def most_bytes(index: Any, n: int) -> float:
    """An upper bound of the bytes of an index like `index` with `n` rows: codes, ids, links, centroids, code books.

    It holds for every index that "auto" chooses; for others it is approximate. Raises RuntimeError where an index does
    not report its code size.
    """
    view = own_class(index)
    if isinstance(view, faiss.IndexRefine):
        return _HEADERS + most_bytes(view.base_index, n) + most_bytes(view.refine_index, n)
    if isinstance(view, faiss.IndexPreTransform):
        return _HEADERS + most_bytes(view.index, n) + 4.0 * view.d * (view.d + core(index).d)
    fixed = _HEADERS + _trained(view)
    if isinstance(view, faiss.IndexIVF):
        nlist = int(view.nlist)
        return fixed + _codes(view, n, nlist) + 8.0 * (n + nlist) + most_bytes(view.quantizer, nlist)
    if isinstance(view, faiss.IndexHNSW):
        links = view.hnsw.nb_neighbors(0) + 2  # the levels above have fewer than two per row
        return fixed + most_bytes(view.storage, n) + (4.0 * links + 12) * n
    if isinstance(view, faiss.IndexNSG):
        return fixed + most_bytes(view.storage, n) + 4.0 * (view.nsg.R + 1) * n
    return fixed + _codes(view, n, 1)


def _codes(view: Any, n: int, lists: int) -> float:
    """Bytes of `n` codes in `lists` lists."""
    size = view.code_size if hasattr(view, "code_size") else 4.0 * view.d
    return float(size) * (n + (_BLOCK - 1) * lists if hasattr(view, "bbs") else n)


def _trained(view: Any) -> float:
    """Bytes of the trained data of a code: code books, or the range of each dimension."""
    if isinstance(codes := getattr(view, "pq", None), faiss.ProductQuantizer):
        return 4.0 * view.d * codes.ksub
    sums = (getattr(view, name, None) for name in ("rq", "lsq", "prq", "plsq"))
    return 8.0 * view.d + sum(4.0 * view.d * books.total_codebook_size for books in sums if books is not None)


def shown(size: int, rounded: Any = math.ceil) -> str:
    """A size as text, to a tenth of --memory's units (powers of 1024): "9.5MB"; rounded up, so that it suffices."""
    unit = next((place for place in (4, 3, 2, 1) if size >= 1024**place), 0)
    return f"{rounded(10 * size / 1024**unit) / 10:g}{' KMGT'[unit].strip()}B"
