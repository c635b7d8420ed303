"""What can be set at search time, by index type: parameters for recall, and selectors that leave ids out.

nprobe: inverted lists visited. efSearch: candidates that an HNSW graph search keeps. k_factor: how many times k
candidates a code nominates, from which exact scores choose.
"""

import math
from typing import Any

from ...store.errors import LookalikeError
from .kinds import nested, own_class
from .library import faiss

# Their scores are inner products of the float32 rows themselves. A rotated or projected row is not the row.
_EXACT = """
IndexFlat IndexFlatIP IndexIVFFlat IndexIVFFlatDedup IndexIVFFlatPanorama IndexHNSWFlat IndexRefineFlat
"""
EXACT = frozenset(_EXACT.split())
# Probed one by one in FAISS 1.15.1: the others raise, so they are over-fetched and filtered.
_SELECTABLE = """
IndexFlat IndexFlatIP IndexScalarQuantizer IndexEDEN IndexRaBitQ IndexHNSWFlat IndexHNSWSQ IndexHNSWPQ IndexIVFFlat
IndexIVFFlatDedup IndexIVFFlatPanorama IndexIVFScalarQuantizer IndexIVFPQ IndexIVFPQFastScan IndexIVFEDEN
IndexIVFRaBitQ IndexIVFRaBitQFastScan
"""
SELECTABLE = frozenset(_SELECTABLE.split())
LEAST_K_FACTOR = 4


def core(index: Any) -> Any:
    """The index that does the search, inside refinements and transforms: an IVF, a graph or a flat code."""
    view = own_class(index)
    if isinstance(view, faiss.IndexRefine):
        return core(view.base_index)
    if isinstance(view, faiss.IndexPreTransform):
        return core(view.index)
    return view


def is_flat(index: Any) -> bool:
    """Whether it compares a query with every float32 row."""
    return type(index).__name__ in ("IndexFlat", "IndexFlatIP")


def is_exact(index: Any) -> bool:
    """Whether its scores are exact and need no re-scoring."""
    return type(index).__name__ in EXACT


def is_graph(index: Any) -> bool:
    """Whether its search walks a graph, which a strict filter would disconnect."""
    return isinstance(core(index), faiss.IndexHNSW)


def has_lists(index: Any) -> bool:
    """Whether its search only visits some inverted lists."""
    return isinstance(core(index), faiss.IndexIVF)


def can_select(index: Any) -> bool:
    """Whether it accepts an IDSelector."""
    return type(core(index)).__name__ in SELECTABLE


def knobs(index: Any) -> dict[str, int]:
    """Its run-time parameters for recall, each with its largest sensible value; empty for Flat."""
    inner = core(index)
    limits = {}
    if isinstance(inner, faiss.IndexIVF):
        limits["nprobe"] = int(inner.nlist)
    if isinstance(inner, faiss.IndexHNSW):
        limits["efSearch"] = min(4096, max(16, int(inner.ntotal)))
    if isinstance(index, faiss.IndexRefine) or not is_exact(index):
        limits["k_factor"] = 256
    return limits


def least(name: str) -> int:
    """The value at which tuning starts."""
    return {"nprobe": 1, "efSearch": 16, "k_factor": LEAST_K_FACTOR}[name]


def checked(index: Any, parameters: dict[str, Any], what: str) -> dict[str, int]:
    """The parameters that a manifest gives for an index; those that are missing get their least value.

    Raises LookalikeError, which names the file `what`, for a parameter that the index does not have and for a value out
    of range.
    """
    most = knobs(index)
    for name, value in parameters.items():
        if name not in most or isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most[name]:
            raise LookalikeError(
                f"{what} cannot be searched with {name!r:.40} {value!r:.40}: "
                "run `lookalike index --compact` to build it again"
            )
    return {name: parameters.get(name, min(least(name), limit)) for name, limit in most.items()}


def apply(index: Any, parameters: dict[str, Any]) -> None:
    """Set parameters on an index that is not searched yet."""
    inner = core(index)
    if "nprobe" in parameters:
        inner.nprobe = int(parameters["nprobe"])
    if "efSearch" in parameters:
        inner.hnsw.efSearch = int(parameters["efSearch"])
    if "k_factor" in parameters:
        for part in nested(index):
            if isinstance(part, faiss.IndexRefine):
                part.k_factor = float(parameters["k_factor"])


def selecting(index: Any, selector: Any, share: float) -> Any:
    """Search parameters that restrict a search to `selector`, which selects `share` of the ids.

    nprobe and efSearch grow by 1 / share, so that the search sees as many selected ids as without a selector.
    """
    view = own_class(index)
    if isinstance(view, faiss.IndexRefine):
        base = selecting(view.base_index, selector, share)
        return faiss.IndexRefineSearchParameters(k_factor=view.k_factor, base_index_params=base)
    if isinstance(view, faiss.IndexPreTransform):
        return faiss.SearchParametersPreTransform(index_params=selecting(view.index, selector, share))
    if isinstance(view, faiss.IndexIVF):
        return faiss.SearchParametersIVF(sel=selector, nprobe=min(view.nlist, math.ceil(view.nprobe / share)))
    if isinstance(view, faiss.IndexHNSW):
        # bounded_queue=False would ignore the selector (facebookresearch/faiss issue 5504)
        effort = math.ceil(view.hnsw.efSearch / share)
        return faiss.SearchParametersHNSW(sel=selector, efSearch=effort, bounded_queue=True)
    return faiss.SearchParameters(sel=selector)
