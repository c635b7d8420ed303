"""Which index to build: factory strings of FAISS, what "auto" means, and how large an index will be.

"auto" is Flat up to 50,000 rows and 6.4 million numbers (rows x dimensions; about 0.5 ms per query on one thread),
which is exact and needs no tuning. Beyond that it is IVF,Flat with about 4 sqrt(n) lists and nprobe tuned on the
collection's own rows: exact scores, any filter, one parameter, and a build that takes a tenth of the time of a graph.
Under a memory limit it is the first that fits of this, IVF with codes of 8, 6 or 4 bits per dimension, IVF,PQ with
four-bit codes of 2, 4 or 8 dimensions, and the same codes without lists and ids. With any code, stored rows decide
among its candidates.
"""

import math
import re
from typing import Any

from ...store.errors import LookalikeError
from .kinds import refuse_unlisted
from .library import INNER_PRODUCT, faiss, short
from .parameters import core
from .weight import most_bytes, shown

FLAT_ROWS = 50_000
FLAT_NUMBERS = 6_400_000
GRAPH_QUANTISER = 16_384  # from this many lists on, a graph finds the lists
_ID_MAP = re.compile(r"^IDMap2?,|,IDMap2?$")


class TooLarge(LookalikeError):
    """An index needs more memory than it is allowed."""


def validated(spec: str, dim: int) -> str:
    """`spec` as it will be used: "auto", or a factory string that FAISS accepts for inner products in `dim` dimensions.

    ID maps are removed, since ids are the places of rows already. Raises LookalikeError with FAISS's reason.
    """
    if spec == "auto":
        return spec
    plain = _ID_MAP.sub("", spec)
    refuse_unlisted(empty_index(plain, dim), f"spec {spec!r}")
    estimated_bytes(plain, 1, dim)
    return plain


def empty_index(spec: str, dim: int) -> Any:
    """An index by `spec`, neither trained nor filled. Raises LookalikeError with FAISS's reason where it fails."""
    try:
        index = faiss.index_factory(dim, spec, INNER_PRODUCT)
    except (RuntimeError, TypeError, ValueError) as error:
        raise LookalikeError(
            f"spec {spec!r} is not valid for {dim} dimensions ({short(error)}): use auto, Flat, IVF256,Flat or HNSW32"
        ) from None
    if index.metric_type != INNER_PRODUCT:
        raise LookalikeError(f"spec {spec!r} cannot compare by inner product: use auto, Flat, IVF256,Flat or HNSW32")
    return index


def serves(spec: str, n: int, dim: int) -> bool:
    """Whether `n` rows are enough for the lists of `spec`, 39 each, as k-means needs; "auto" suits any number."""
    if spec == "auto":
        return True
    index = empty_index(spec, dim)
    inner = core(index)
    return not isinstance(inner, faiss.IndexIVF) or n >= 39 * int(inner.nlist)


def choose_spec(requested: str, n: int, dim: int, memory: int | None) -> tuple[str, str | None]:
    """The factory string for a segment of `n` rows, and a note for the user or None.

    memory: bytes for the segment. Raises TooLarge for an explicit spec beyond it; "auto" uses a smaller code.
    """
    if requested != "auto":
        _refuse_large(requested, n, dim, memory)
        return requested, None
    choices = automatic(n, dim)
    if memory is None:
        return choices[0], None
    for spec in choices:
        if estimated_bytes(spec, n, dim) <= memory:
            note = f"{spec} is used, since {choices[0]} does not fit into {shown(memory, math.floor)}"
            return spec, None if spec == choices[0] else note
    raise _too_large(min(choices, key=lambda spec: estimated_bytes(spec, n, dim)), n, dim, memory)


def automatic(n: int, dim: int) -> list[str]:
    """The specs that "auto" considers for `n` rows, best first."""
    if n <= FLAT_ROWS and n * dim <= FLAT_NUMBERS:
        best = "Flat"
    else:
        best = f"{_lists(n)},Flat"
    codes = [f"SQ{bits}" for bits in (8, 6, 4)]
    products = [f"PQ{m}x4fs" for m in _sub_vectors(dim)] if n >= 4096 else []
    bare = [*codes, *products] if n >= 4096 else []  # without lists, whose ids alone take 8 bytes per row
    return [best, *(f"{_lists(n)},{code}" for code in codes + products), *bare]


def _lists(n: int) -> str:
    """A spec of inverted lists for `n` rows: about 4 sqrt(n), with at least 39 rows each."""
    nlist = max(1, min(int(4 * math.sqrt(n)), n // 39))
    return f"IVF{nlist}_HNSW32" if nlist >= GRAPH_QUANTISER else f"IVF{nlist}"


def _sub_vectors(dim: int) -> list[int]:
    """Numbers of sub-vectors of about 2, 4 and 8 dimensions, largest first: even ones that divide `dim`."""
    numbers = (max((m for m in range(2, dim // each + 1, 2) if dim % m == 0), default=0) for each in (2, 4, 8))
    return [m for m in dict.fromkeys(numbers) if m]


def _refuse_large(spec: str, n: int, dim: int, memory: int | None) -> None:
    if memory is not None and estimated_bytes(spec, n, dim) > memory:
        raise _too_large(spec, n, dim, memory)


def _too_large(spec: str, n: int, dim: int, memory: int) -> TooLarge:
    size = estimated_bytes(spec, n, dim)
    least, smallest = min((estimated_bytes(other, n, dim), other) for other in automatic(n, dim))
    ways = ["auto"] if least <= memory else [f"{smallest} with --memory {shown(least)}"] if least < size else []
    return TooLarge(
        f"spec {spec!r} takes up to {shown(size)} for {n} rows, more than --memory {shown(memory, math.floor)}: "
        f"use {', or '.join([*ways, f'--memory {shown(size)}'])}"
    )


def estimated_bytes(spec: str, n: int, dim: int) -> int:
    """The most bytes that an index of `n` rows by `spec` takes, as a file and in memory.

    Counts codes, ids, links and centroids. Raises LookalikeError for a spec without a known size.
    """
    try:
        return math.ceil(most_bytes(empty_index(spec, dim), n))
    except RuntimeError as error:
        raise LookalikeError(
            f"spec {spec!r} has no known size ({short(error)}): use auto, Flat or IVF256,Flat"
        ) from None
