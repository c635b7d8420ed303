"""Which index: factory strings of FAISS, what "auto" stands for, and what an index will weigh.

"auto" is Flat up to 50,000 rows and 6.4 million numbers (rows x dimensions; about 0.5 ms a query on one thread),
exact and with nothing to tune; beyond, IVF,Flat with about 4 sqrt(n) lists and nprobe tuned on the collection's own
rows: exact scores, any filter, one knob, and a build that takes a tenth of a graph's. Under a memory limit, the first
of IVF,Flat, IVF,SQ8, and IVF,PQ with four-bit codes that fits.
"""

import math
import re
from typing import Any

from ..store.errors import LookalikeError
from .kinds import own_class, refuse_unlisted
from .library import INNER_PRODUCT, faiss, short
from .parameters import core

FLAT_ROWS = 50_000
FLAT_NUMBERS = 6_400_000
GRAPH_QUANTISER = 16_384  # lists from which on finding the lists takes a graph
_ID_MAP = re.compile(r"^IDMap2?,|,IDMap2?$")


class TooLarge(LookalikeError):
    """An index that takes more than the memory it may take."""


def validated(spec: str, dim: int) -> str:
    """`spec` as it will be used: "auto", or a factory string that FAISS takes for inner products of `dim` dimensions.

    ID maps are taken out, since ids are the rows' places already. Raises LookalikeError with FAISS's reason.
    """
    if spec == "auto":
        return spec
    plain = _ID_MAP.sub("", spec)
    refuse_unlisted(empty_index(plain, dim), f"spec {spec!r}")
    estimated_bytes(plain, 1, dim)
    return plain


def empty_index(spec: str, dim: int) -> Any:
    """An index by `spec`, neither trained nor filled; LookalikeError with FAISS's reason where there is none."""
    try:
        index = faiss.index_factory(dim, spec, INNER_PRODUCT)
    except (RuntimeError, TypeError, ValueError) as error:
        raise LookalikeError(
            f"spec {spec!r} does not work for {dim} dimensions ({short(error)}): "
            "auto, Flat, IVF256,Flat or HNSW32 works"
        ) from None
    if index.metric_type != INNER_PRODUCT:
        raise LookalikeError(f"spec {spec!r} is not by inner product: auto, Flat, IVF256,Flat or HNSW32 works")
    return index


def serves(spec: str, n: int, dim: int) -> bool:
    """Whether `n` rows are enough for the lists of `spec`, 39 each, as k-means wants; "auto" serves any."""
    if spec == "auto":
        return True
    index = empty_index(spec, dim)
    inner = core(index)
    return not isinstance(inner, faiss.IndexIVF) or n >= 39 * int(inner.nlist)


def choose_spec(asked: str, n: int, dim: int, memory: int | None) -> tuple[str, str | None]:
    """The factory string for a segment of `n` rows, and what to tell about it.

    memory: bytes the segment may take; an explicit spec beyond it is refused (TooLarge), "auto" takes a smaller code.
    """
    if asked != "auto":
        _refuse_large(asked, n, dim, memory)
        return asked, None
    choices = automatic(n, dim)
    for spec in choices:
        if memory is None or estimated_bytes(spec, n, dim) <= memory:
            note = None if spec == choices[0] else f"{choices[0]} would not fit into {memory} bytes: {spec} taken"
            return spec, note
    _refuse_large(choices[-1], n, dim, memory)
    return choices[-1], None


def automatic(n: int, dim: int) -> list[str]:
    """What "auto" considers for `n` rows, best first."""
    if n <= FLAT_ROWS and n * dim <= FLAT_NUMBERS:
        best = "Flat"
    else:
        best = f"{_lists(n)},Flat"
    smaller = [f"{_lists(n)},SQ8"]
    if (m := _sub_vectors(dim)) > 0 and n >= 4096:
        smaller.append(f"{_lists(n)},PQ{m}x4fs")
    return [best, *smaller]


def _lists(n: int) -> str:
    """Inverted lists for `n` rows: about 4 sqrt(n), at least 39 rows each."""
    nlist = max(1, min(int(4 * math.sqrt(n)), n // 39))
    return f"IVF{nlist}_HNSW32" if nlist >= GRAPH_QUANTISER else f"IVF{nlist}"


def _sub_vectors(dim: int) -> int:
    """The most sub-vectors, at most dim / 2, that divide `dim` and are even in number."""
    return max((m for m in range(2, dim // 2 + 1, 2) if dim % m == 0), default=0)


def _refuse_large(spec: str, n: int, dim: int, memory: int | None) -> None:
    if memory is None or (size := estimated_bytes(spec, n, dim)) <= memory:
        return
    least, smaller = min((estimated_bytes(other, n, dim), other) for other in automatic(n, dim))
    works = (
        f"{smaller} ({least} bytes), or {size} bytes, works" if least <= memory else f"{min(least, size)} bytes work"
    )
    raise TooLarge(f"spec {spec!r} takes about {size} bytes for {n} rows, more than --memory {memory}: {works}")


def estimated_bytes(spec: str, n: int, dim: int) -> int:
    """About how many bytes an index of `n` rows by `spec` takes, as a file and in memory: codes, ids, links, centroids.

    LookalikeError for a spec that tells no size.
    """
    try:
        return int(_bytes_of(empty_index(spec, dim), n))
    except RuntimeError as error:
        raise LookalikeError(f"spec {spec!r} tells no size ({short(error)}): auto, Flat or IVF256,Flat works") from None


def _bytes_of(index: Any, n: int) -> float:
    view = own_class(index)
    if isinstance(view, faiss.IndexRefine):
        return _bytes_of(view.base_index, n) + _bytes_of(view.refine_index, n)
    if isinstance(view, faiss.IndexPreTransform):
        return _bytes_of(view.index, n) + 4.0 * view.d * (view.d + core(index).d)
    if isinstance(view, faiss.IndexIVF):
        return (view.code_size + 8.0) * n + _bytes_of(view.quantizer, int(view.nlist))
    if isinstance(view, faiss.IndexHNSW):
        links = view.hnsw.nb_neighbors(0) + view.hnsw.nb_neighbors(1) / 16
        return _bytes_of(view.storage, n) + (4.0 * links + 12) * n
    if isinstance(view, faiss.IndexNSG):
        return _bytes_of(view.storage, n) + 4.0 * view.nsg.R * n
    return float(view.sa_code_size()) * n if hasattr(view, "sa_code_size") else 4.0 * view.d * n
