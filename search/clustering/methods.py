"""Clusters of the images of a collection, whatever their labels, and how well they agree with the labels.

k-means is used if the number of clusters is given, else scikit-learn's HDBSCAN (Campello, Moulavi and Sander,
"Density-based clustering based on hierarchical density estimates", 2013). HDBSCAN finds the number, and leaves images
that belong to no cluster as noise; density.py adds the results that it cannot give: a single group of all images, and
no group. Clusters are numbered by falling size, and by their first row if equal in size.
"""

from dataclasses import dataclass

import numpy as np

from ...store.checks import choice, whole_number
from ...store.errors import LookalikeError
from ...store.progress import Progress, silent
from ...store.version.store import Store
from .clusters import Clusters
from .density import dense_groups

METHODS = ("kmeans", "hdbscan")
SMALLEST = 5  # images of a cluster, unless min_size says otherwise
MATRIX_ROWS = 10_000  # up to here HDBSCAN has all distances in memory, about 17 bytes per pair: 1.7 GB
MOST_WORK = 1e11  # images^2 * dimensions beyond that: about six minutes on a core of 2024


@dataclass(frozen=True)
class Manner:
    """How to cluster: `method` None is k-means where `k` is given, else HDBSCAN with clusters of `min_size` at least.

    Raises LookalikeError for options that contradict each other.
    """

    k: int | None = None
    method: str | None = None
    min_size: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method is not None:
            choice("method", self.method, METHODS)
        if self.by == "kmeans" and self.k is None:
            raise LookalikeError("k-means needs the number of clusters: give k, or use hdbscan")
        if self.by == "hdbscan" and self.k is not None:
            raise LookalikeError(
                f"hdbscan finds the number of clusters itself, but k is {self.k}: leave out k or the method"
            )
        if self.by == "kmeans" and self.min_size is not None:
            raise LookalikeError(
                f"min_size is {self.min_size}, but k-means has no smallest size: leave it out, or use hdbscan"
            )
        if self.min_size is not None:
            whole_number("min_size", self.min_size, 2)

    @property
    def by(self) -> str:
        """The method that is used."""
        return self.method or ("hdbscan" if self.k is None else "kmeans")


def cluster(store: Store, manner: Manner, progress: Progress = silent) -> Clusters:
    """The clusters of all images of `store`.

    Raises LookalikeError for an empty collection, more clusters than images, more images than HDBSCAN can take, or
    fewer than its smallest cluster.
    """
    rows = store.live_rows()
    if not len(rows):
        raise LookalikeError(f"{store.path} has no images to cluster")
    if manner.k is not None:
        from ...indexer.clusters import kmeans

        codes, _ = kmeans(store, rows, manner.k, manner.seed, progress)
    else:
        codes = _dense(store, rows, manner.min_size, progress)
    return Clusters.of(store, rows, codes, manner.by)


def most_rows(dim: int) -> int:
    """The largest number of rows of `dim` dimensions for HDBSCAN, whose time grows with the square of it."""
    return max(MATRIX_ROWS, int((MOST_WORK / dim) ** 0.5))


def _dense(store: Store, rows: np.ndarray, min_size: int | None, progress: Progress) -> np.ndarray:
    """The groups by density, (n,) int64, -1 for noise; fewer than five images are one group or none."""
    if len(rows) > (most := most_rows(store.dim or 1)):
        raise LookalikeError(
            f"{store.path} has {len(rows)} images, but hdbscan compares all pairs and takes at most {most} images of "
            f"{store.dim} dimensions: give k, the number of clusters, to use k-means, which takes any number of images"
        )
    if min_size is not None and len(rows) < min_size:
        raise LookalikeError(
            f"{store.path} has {len(rows)} images, fewer than the smallest cluster of {min_size}: "
            f"give a min_size from 2 to {max(2, len(rows))}"
        )
    if len(rows) == 1:
        return np.array([-1])
    progress(0, len(rows), "hdbscan")
    algorithm = "brute" if len(rows) <= MATRIX_ROWS else "auto"
    return dense_groups(store.gather(rows), min_size or min(SMALLEST, len(rows)), algorithm)
