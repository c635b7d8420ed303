"""Clusters of a collection's images, whatever their labels, and how well they agree with the labels there are.

k-means where their number is given; HDBSCAN (Campello, Moulavi and Sander, "Density-based clustering based on
hierarchical density estimates", 2013; scikit-learn's) where it is not: it finds the number, and leaves as noise what
belongs to no cluster; density.py adds the answers that it cannot give, one group of all images, and none. Clusters are
numbered from the largest on, equal ones by their first row.
"""

from dataclasses import dataclass

import numpy as np

from ...store.errors import LookalikeError
from ...store.progress import Progress, silent
from ...store.version.store import Store
from .clusters import Clusters
from .density import dense_groups

METHODS = ("kmeans", "hdbscan")
SMALLEST = 5  # images of a cluster, where nothing else is asked for
MATRIX_ROWS = 10_000  # up to here HDBSCAN holds all distances at once, some 17 bytes a pair: 1.7 GB
MOST_WORK = 1e11  # images^2 * dimensions, beyond these: some six minutes on a core of 2024


@dataclass(frozen=True)
class Manner:
    """How to cluster: `method` None is k-means where `k` is given, else HDBSCAN with clusters of `min_size` at least.

    LookalikeError for what does not fit together.
    """

    k: int | None = None
    method: str | None = None
    min_size: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in (None, *METHODS):
            raise LookalikeError(f"method is {self.method!r}: it is one of {', '.join(METHODS)}")
        if self.by == "kmeans" and self.k is None:
            raise LookalikeError("k-means needs the number of clusters: give k, or leave the method to hdbscan")
        if self.by == "hdbscan" and self.k is not None:
            raise LookalikeError(
                f"hdbscan finds the number of clusters, and k is {self.k}: leave k, or the method, out"
            )
        if self.by == "kmeans" and self.min_size is not None:
            raise LookalikeError(f"k-means knows no smallest cluster, and min_size is {self.min_size}: leave it out")
        if self.min_size is not None and (isinstance(self.min_size, bool) or self.min_size < 2):
            raise LookalikeError(f"min_size is {self.min_size!r}: it must be at least 2")

    @property
    def by(self) -> str:
        """The method that is used."""
        return self.method or ("hdbscan" if self.k is None else "kmeans")


def cluster(store: Store, manner: Manner, progress: Progress = silent) -> Clusters:
    """The clusters of all images of `store`.

    LookalikeError: an empty collection, more clusters than images, more images than HDBSCAN can take, or fewer than
    its smallest cluster.
    """
    rows = store.live_rows()
    if not len(rows):
        raise LookalikeError(f"{store.path} has no images: there is nothing to cluster")
    if manner.k is not None:
        from ...indexer.clusters import kmeans

        codes, _ = kmeans(store, rows, manner.k, manner.seed, progress)
    else:
        codes = _dense(store, rows, manner.min_size, progress)
    return Clusters.of(store, rows, codes, manner.by)


def most_rows(dim: int) -> int:
    """How many rows of `dim` dimensions HDBSCAN takes: its time grows with their square."""
    return max(MATRIX_ROWS, int((MOST_WORK / dim) ** 0.5))


def _dense(store: Store, rows: np.ndarray, min_size: int | None, progress: Progress) -> np.ndarray:
    """The groups by density, (n,) int64, -1 for noise; of fewer than five images all of them, or none, are a group."""
    if len(rows) > (most := most_rows(store.dim or 1)):
        raise LookalikeError(
            f"{store.path} has {len(rows)} images, and hdbscan, which compares all pairs, takes {most} of {store.dim} "
            "dimensions at most: give k, the number of clusters, for k-means, which takes any number of images"
        )
    if min_size is not None and len(rows) < min_size:
        raise LookalikeError(
            f"{store.path} has {len(rows)} images, fewer than hdbscan's smallest cluster, {min_size}: "
            f"give a min_size from 2 to {max(2, len(rows))}"
        )
    if len(rows) == 1:
        return np.array([-1])
    progress(0, len(rows), "hdbscan")
    way = "brute" if len(rows) <= MATRIX_ROWS else "auto"
    return dense_groups(store.gather(rows), min_size or min(SMALLEST, len(rows)), way)
