"""Builds one index: trains on a bounded sample and adds in blocks; memory is the index and one block.

Ids are 0..n-1 in the order of the rows.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...store.errors import LookalikeError
from ...store.progress import Progress, silent
from ..engine.device import Device
from ..engine.kinds import nested, own_class
from ..engine.library import faiss, short
from ..engine.parameters import core
from ..engine.specs import empty_index
from .exact import Blocks
from .order import Floats, Ints

POINTS_PER_LIST = 64  # training rows for each inverted list; k-means needs 39 and uses at most 256
LEAST_SAMPLE = 65_536
MOST_NUMBERS = 1 << 28  # floats of a training sample: 1 GiB
_BUILD_EFFORT = 100  # efConstruction of graphs; FAISS's 40 costs recall at every efSearch


def sample_size(spec: str, n: int, dim: int) -> int:
    """How many of `n` rows to train on; 0 for an index without training."""
    index = empty_index(spec, dim)
    if index.is_trained:
        return 0
    inner = core(index)
    lists = int(inner.nlist) if isinstance(inner, faiss.IndexIVF) else 0
    return min(n, max(LEAST_SAMPLE, POINTS_PER_LIST * lists), max(1, MOST_NUMBERS // dim))


def build(
    spec: str, dim: int, sample: Floats, blocks: Blocks, device: Device, n: int, progress: Progress = silent
) -> Any:
    """An index by `spec` of the `n` rows in `blocks`, trained on `sample` (m, dim).

    Raises LookalikeError where the spec cannot be used, or needs more rows to train on.
    """
    index = empty_index(spec, dim)
    _prepare(index, device)
    try:
        progress(0, n, f"training {spec}")
        _train(index, sample)
        for _, vectors in blocks:
            index.add(np.ascontiguousarray(vectors))
            progress(int(index.ntotal), n, f"adding to {spec}")
    except RuntimeError as error:
        raise LookalikeError(
            f"spec {spec!r} cannot be built over {n} rows ({short(error)}): use auto, or Flat"
        ) from None
    if index.ntotal != n:
        raise LookalikeError(f"spec {spec!r} took {index.ntotal} of {n} rows: use auto, or Flat")
    return index


def _prepare(index: Any, device: Device) -> None:
    """Settings that a factory string cannot express."""
    for part in nested(index):
        if isinstance(part, faiss.IndexIVF):
            part.cp.min_points_per_centroid = 1  # no warning about few rows: their recall is measured
            device.help_training(part)
            inner = own_class(part.quantizer)
            if isinstance(inner, faiss.IndexHNSW):
                inner.hnsw.efSearch = 64  # the default of 16 misses near lists
        if isinstance(part, faiss.IndexHNSW):
            part.hnsw.efConstruction = max(_BUILD_EFFORT, part.hnsw.efConstruction)
        if isinstance(part, faiss.IndexPQ | faiss.IndexIVFPQ):
            part.do_polysemous_training = False  # 15 s instead of 2 s, for a search that is not used
        for codes in _product_quantisers(part):
            codes.cp.min_points_per_centroid = 1


def _product_quantisers(index: Any) -> Iterable[Any]:
    codes = getattr(index, "pq", None)
    return [codes] if isinstance(codes, faiss.ProductQuantizer) else []


def _train(index: Any, sample: Floats) -> None:
    """Train the index, transforms first: a projection that subtracts the mean would reorder inner products."""
    if index.is_trained:
        return
    if isinstance(index, faiss.IndexPreTransform):
        vectors = sample
        for i in range(index.chain.size()):
            vectors = _transformed(faiss.downcast_VectorTransform(index.chain.at(i)), vectors)
    index.train(sample)


def _transformed(transform: Any, vectors: Floats) -> Floats:
    """Train one transform and apply it."""
    if isinstance(transform, faiss.OPQMatrix):
        codes = faiss.ProductQuantizer(transform.d_out, transform.M, 8)
        codes.cp.min_points_per_centroid = 1
        transform.pq = codes
    if not transform.is_trained:
        transform.train(vectors)
    if isinstance(transform, faiss.OPQMatrix):
        transform.pq = None
    if isinstance(transform, faiss.LinearTransform):
        transform.have_bias = False
    return transform.apply(vectors)


def training_places(n: int, size: int) -> Ints:
    """`size` of the places 0..n-1 (size <= n), evenly spread, ascending (size,) int64."""
    return (2 * np.arange(size, dtype=np.int64) + 1) * n // (2 * max(1, size))
