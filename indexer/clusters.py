"""K-means over a collection, by FAISS, on the sphere: a row belongs to the centre with the largest inner product."""

from collections.abc import Iterator

import numpy as np

from ..store.checks import whole_number
from ..store.errors import LookalikeError
from ..store.progress import Progress, silent
from ..store.version.store import Store
from .engine.library import faiss, short
from .segments.build import MOST_NUMBERS, training_places
from .segments.order import Floats, Ints

POINTS_PER_CENTRE = 256  # rows that k-means uses for each centre; more change little
LEAST_SAMPLE = 65_536
_ITERATIONS, _TRIES = 25, 3


def kmeans(store: Store, rows: Ints, k: int, seed: int = 0, progress: Progress = silent) -> tuple[Ints, Floats]:
    """The nearest of `k` centres for each of all live `rows` (n,), (n,) int64, and the centres (k, d) float32.

    Lloyd's algorithm from k-means++ draws, run three times on 65,536 evenly spread rows, or 256 per centre if that is
    more; the best run counts. The same seed gives the same clusters. Raises LookalikeError for k below 1 or above n.
    """
    k = whole_number("k", k, 1, len(rows))
    dim = store.dim or 0
    size = min(len(rows), max(LEAST_SAMPLE, POINTS_PER_CENTRE * k), max(k, MOST_NUMBERS // dim))
    progress(0, len(rows), f"k-means on {size} rows")
    index = faiss.IndexFlatIP(dim)
    centres = _trained(np.ascontiguousarray(store.gather(rows[training_places(len(rows), size)])), k, seed, index)
    codes, done = np.empty(len(rows), dtype=np.int64), 0
    for vectors in _blocks(store):
        codes[done : done + len(vectors)] = index.search(vectors, 1)[1][:, 0]
        done += len(vectors)
        progress(done, len(rows), "rows")
    return codes, centres


def _trained(sample: Floats, k: int, seed: int, index: object) -> Floats:
    """The centres, which are also left in `index`."""
    settings = faiss.ClusteringParameters()
    settings.niter, settings.nredo, settings.seed = _ITERATIONS, _TRIES, seed
    settings.spherical = True
    settings.init_method = faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS
    settings.min_points_per_centroid, settings.max_points_per_centroid = 1, len(sample)
    clustering = faiss.Clustering(sample.shape[1], k, settings)
    try:
        clustering.train(sample, index)
    except RuntimeError as error:
        raise LookalikeError(f"k-means with k {k} failed ({short(error)})") from None
    centres: Floats = faiss.vector_float_to_array(clustering.centroids).reshape(k, -1).copy()
    return centres


def _blocks(store: Store) -> Iterator[Floats]:
    for _, vectors in store.blocks():
        yield np.ascontiguousarray(vectors)
