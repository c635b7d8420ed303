"""The numbers by which FAISS navigates an index: sizes, types, and the rows that its lists or graphs name.

`structure` collects sizes and types; a new index made from the same factory string has the same ones. `misplaced`
checks ids and neighbours, and compares array sizes. Both trust nothing in the file, and run where a crash does no harm:
in the child process of trial.py.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .kinds import own_class
from .library import faiss

_INNER = ("quantizer", "base_index", "refine_index", "index", "storage")
_PARTS = ("pq", "sq", "aq", "rq", "lsq", "prq", "plsq", "hnsw", "nsg", "rabitq", "pano")
# What training, filling and tuning change, and what only training looks at. nprobe, efSearch and k_factor are set by
# whoever searches.
_CHANGING = """
ntotal ntotal2 is_trained verbose nprobe max_codes efSearch efConstruction entry_point max_level enterpoint is_built
search_L use_precomputed_table do_polysemous_training quantizer_trains_alone own_fields own_invlists own_refine_index
train_type niter niter_pq niter_pq_0 max_train_points max_points_per_d have_bias is_orthonormal random_seed
max_beam_size train_iters encode_ils_iters nperts thisown use_visited_hashset
"""
_FREE = frozenset(_CHANGING.split())
_MOST = 1 << 16  # candidates of a search
_VECTORS = ("nbits", "codebook_offsets", "cum_nneighbor_per_level")
_AS_READ = {"IndexFlatIP": "IndexFlat", "OPQMatrix": "LinearTransform"}


def structure(index: Any, name: str = "") -> dict[str, Any]:
    """The numbers that describe the layout of an index, by names such as "quantizer.hnsw.M"; nested ones too."""
    view = own_class(index)
    numbers = {f"{name}type": _kind(view), **_numbers(view, name)}
    for part in _PARTS:
        if (inner := getattr(view, part, None)) is not None and not isinstance(inner, int | float):
            numbers |= _numbers(inner, f"{name}{part}.")
    for place, transform in enumerate(_transforms(view)):
        own = faiss.LinearTransform if isinstance(transform, faiss.LinearTransform) else type(transform)
        numbers |= {f"{name}chain.{place}": _kind(transform), **_numbers(transform, f"{name}chain.{place}.", own)}
    for inner_name in _INNER:
        if isinstance(inner := getattr(view, inner_name, None), faiss.Index):
            numbers |= structure(inner, f"{name}{inner_name}.")
    return numbers


def _kind(thing: Any) -> str:
    return _AS_READ.get(type(thing).__name__, type(thing).__name__)


def _transforms(view: Any) -> list[Any]:
    chain = view.chain if isinstance(view, faiss.IndexPreTransform) else None
    return [faiss.downcast_VectorTransform(chain.at(i)) for i in range(chain.size())] if chain is not None else []


def _numbers(thing: Any, name: str, own: type | None = None) -> dict[str, Any]:
    """The whole numbers, and lists of them, among the attributes that FAISS's class `own` gives an object."""
    mro = (own or type(thing)).__mro__
    names = {attribute for kind in mro for attribute, what in vars(kind).items() if isinstance(what, property)}
    values = {attribute: getattr(thing, attribute) for attribute in names - _FREE}
    numbers: dict[str, Any] = {f"{name}{a}": int(value) for a, value in values.items() if isinstance(value, int)}
    for attribute in _VECTORS:
        if hasattr(values.get(attribute), "size"):
            numbers[f"{name}{attribute}"] = faiss.vector_to_array(values[attribute]).tolist()
    return numbers


def misplaced(index: Any) -> Iterator[str]:
    """Problems in the arrays of an index whose numbers are right: sizes, and the rows that ids and graphs name."""
    for view in _nested(index):
        yield from _wrong_knobs(view)
        yield from _wrong_sizes(view)
        if isinstance(view, faiss.IndexIVF):
            yield from _wrong_lists(view)
        if isinstance(view, faiss.IndexHNSW):
            yield from _wrong_graph(view.hnsw, int(view.ntotal))
        if isinstance(view, faiss.IndexNSG):
            yield from _wrong_nsg(view.nsg, int(view.ntotal))


def _wrong_knobs(view: Any) -> Iterator[str]:
    """Search settings that would read beyond the index."""
    values = {
        "nprobe": (getattr(view, "nprobe", 1), getattr(view, "nlist", 1)),
        "k_factor": (getattr(view, "k_factor", 1), _MOST),
        "efSearch": (view.hnsw.efSearch if isinstance(view, faiss.IndexHNSW) else 1, _MOST),
        "search_L": (view.nsg.search_L if isinstance(view, faiss.IndexNSG) else 1, _MOST),
    }
    for name, (value, most) in values.items():
        if not 1 <= value <= most:
            yield f"{name} is {value}, beyond {most}"


def _nested(index: Any) -> Iterator[Any]:
    view = own_class(index)
    yield view
    for name in _INNER:
        if isinstance(inner := getattr(view, name, None), faiss.Index):
            yield from _nested(inner)


def _wrong_sizes(view: Any) -> Iterator[str]:
    """Arrays whose length does not match the numbers, and nested indexes with another number of rows."""
    n, d = int(view.ntotal), int(view.d)
    for name in ("base_index", "refine_index", "index", "storage"):
        if isinstance(inner := getattr(view, name, None), faiss.Index) and inner.ntotal != n:
            yield f"{name} has {inner.ntotal} rows instead of {n}"
    if isinstance(view, faiss.IndexFlatCodes):
        yield from _unlike("codes", view.codes.size(), n * int(view.code_size))
    if isinstance(view, faiss.IndexFastScan):
        if not n <= view.ntotal2 < n + max(1, view.bbs):
            yield f"{view.ntotal2} rows of codes instead of {n}"
        yield from _short("codes", view.codes.size(), int(view.ntotal2) * max(int(view.M2) // 2, int(view.code_size)))
    if isinstance(pq := getattr(view, "pq", None), faiss.ProductQuantizer):
        yield from _unlike("centroids", pq.centroids.size(), int(pq.d) * int(pq.ksub))
    for name in ("rq", "lsq", "prq", "plsq"):
        if isinstance(books := getattr(view, name, None), faiss.AdditiveQuantizer):
            floats = int(books.d) * int(books.total_codebook_size) // int(getattr(books, "nsplits", 1))
            yield from _short("code books", books.codebooks.size(), floats)
    if isinstance(sq := getattr(view, "sq", None), faiss.ScalarQuantizer):
        fresh = {0: 2 * d, 1: 2 * d, 2: 2, 3: 2, 6: 2 * d}.get(int(sq.qtype), 0)
        yield from _short("ranges", sq.trained.size(), fresh)
    centre: Any = getattr(view, "center", None)
    if hasattr(centre, "size"):
        yield from _unlike("numbers of a centre", centre.size(), d)
    for transform in _transforms(view):
        yield from _wrong_transform(transform)


def _wrong_transform(transform: Any) -> Iterator[str]:
    d_in, d_out = int(transform.d_in), int(transform.d_out)
    if isinstance(transform, faiss.LinearTransform):
        yield from _unlike("matrix", transform.A.size(), d_in * d_out)
        if transform.have_bias or transform.b.size():
            yield from _unlike("bias", transform.b.size(), d_out)
    elif isinstance(transform, faiss.RemapDimensionsTransform):
        places = faiss.vector_to_array(transform.map)
        if len(places) != d_out or places.min(initial=0) < -1 or places.max(initial=-1) >= d_in:
            yield "a map of dimensions leads out of them"
    elif isinstance(transform, faiss.ITQTransform):
        yield from _unlike("mean", transform.mean.size(), d_in)
        if (int(transform.pca_then_itq.d_in), int(transform.pca_then_itq.d_out)) != (d_in, d_out):
            yield "a rotation has other dimensions"
        yield from _wrong_transform(transform.pca_then_itq)
    elif isinstance(transform, faiss.CenteringTransform):
        yield from _unlike("mean", transform.mean.size(), d_in)


def _wrong_lists(view: Any) -> Iterator[str]:
    """Inverted lists of another type, and ids that are not rows or appear twice."""
    lists, nlist, n = view.invlists, int(view.nlist), int(view.ntotal)
    lists = faiss.downcast_InvertedLists(lists)
    if not isinstance(lists, faiss.ArrayInvertedLists | faiss.BlockInvertedLists):
        yield f"lists of the kind {type(lists).__name__}"
        return
    quantiser = int(view.quantizer.ntotal)
    yield from _unlike("lists", int(lists.nlist), nlist)
    yield from _unlike("centroids", quantiser, nlist)
    yield from _unlike("dimensions of centroids", int(view.quantizer.d), int(view.d))
    if isinstance(lists, faiss.ArrayInvertedLists):
        yield from _unlike("bytes a row", int(lists.code_size), int(view.code_size))
    seen = np.zeros(n, dtype=bool)
    for number in range(min(nlist, int(lists.nlist))):
        size = int(lists.list_size(number))
        if size > n:
            yield f"list {number} has {size} rows of {n}"
            return
        ids = faiss.rev_swig_ptr(lists.get_ids(number), size) if size else np.zeros(0, np.int64)
        if ids.min(initial=0) < 0 or ids.max(initial=-1) >= n:
            yield f"list {number} names a row that is not there"
            return
        seen[ids] = True
    if not seen.all():
        yield f"{int((~seen).sum())} rows are in no list"


def _wrong_graph(graph: Any, n: int) -> Iterator[str]:
    """An HNSW graph whose levels, offsets or neighbours point outside of it."""
    levels, offsets, cumulated, neighbours = (
        faiss.vector_to_array(getattr(graph, name)).astype(np.int64)
        for name in ("levels", "offsets", "cum_nneighbor_per_level", "neighbors")
    )
    if len(levels) != n or len(offsets) != n + 1:
        yield f"a graph of {len(levels)} rows instead of {n}"
        return
    if n == 0:
        return
    if levels.min() < 1 or levels.max() >= len(cumulated) or graph.max_level != levels.max() - 1:
        yield "a graph's levels lead out of it"
        return
    if offsets[0] != 0 or (np.diff(offsets) != cumulated[levels]).any() or offsets[-1] != len(neighbours):
        yield "a graph's offsets lead out of it"
        return
    if neighbours.min(initial=-1) < -1 or neighbours.max(initial=-1) >= n:
        yield "a graph names a row that is not there"
    elif not 0 <= graph.entry_point < n or levels[graph.entry_point] != levels.max():
        yield "a graph begins at a row that is not there"
    else:
        yield from _wrong_levels(levels, offsets, cumulated, neighbours)


def _wrong_levels(levels: Any, offsets: Any, cumulated: Any, neighbours: Any) -> Iterator[str]:
    """A row that a higher level names but that has no place there."""
    for level in range(1, int(levels.max())):
        there = np.flatnonzero(levels > level)
        width = int(cumulated[level + 1] - cumulated[level])
        named = neighbours[(offsets[there] + cumulated[level])[:, None] + np.arange(width)]
        if (levels[named[named >= 0]] <= level).any():
            yield f"a graph's level {level} names a row that is not on it"
            return


def _wrong_nsg(graph: Any, n: int) -> Iterator[str]:
    if n == 0:
        return
    if not graph.is_built or graph.ntotal != n:
        yield f"a graph of {graph.ntotal} rows instead of {n}"
        return
    final = graph.get_final_graph() if hasattr(graph, "get_final_graph") else graph.final_graph
    if (n, graph.R) != (final.N, final.K):
        yield f"a graph of {final.N} rows and {final.K} neighbours"
        return
    neighbours = faiss.rev_swig_ptr(final.data, n * int(graph.R))
    if neighbours.min() < -1 or neighbours.max() >= n or not 0 <= graph.enterpoint < n:
        yield "a graph names a row that is not there"


def _unlike(what: str, count: int, expected: int) -> Iterator[str]:
    if count != expected:
        yield f"{count} {what} instead of {expected}"


def _short(what: str, count: int, expected: int) -> Iterator[str]:
    if count < expected:
        yield f"{count} {what} instead of {expected}"
