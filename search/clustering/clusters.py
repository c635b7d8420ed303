"""The result of `cluster`: the cluster of each image, and a description of each cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...indexer.prototypes.fixed import squared_spreads
from ...indexer.prototypes.sums import Sums, unit_means
from ...measures.clusters import commonest, nmi, purity, shared
from ...store.version.store import Store
from ..neighbours.paths import paths_of_rows

NOISE = -1
MEDOIDS = 3


@dataclass(frozen=True)
class Cluster:
    """One cluster; number -1 is the noise.

    size: number of images. label, purity: the commonest label, and the share of the labelled images that have it; None
    without labels. spread: root mean square distance of the images to the direction of their mean, None for noise.
    medoids: keys of the three images nearest to that direction, nearest first, which have the smallest squared distance
    to all others; empty for noise.
    """

    number: int
    size: int
    label: str | None
    purity: float | None
    spread: float | None
    medoids: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The fields of `cluster --json`."""
        return {
            "cluster": self.number,
            "size": self.size,
            "label": self.label,
            "purity": self.purity,
            "spread": self.spread,
            "medoids": list(self.medoids),
        }


@dataclass(frozen=True)
class Clusters:
    """The clusters of all images of one version.

    rows: (n,) int64, ascending. codes: (n,) int64, the cluster of each, -1 for noise. clusters: the largest first, and
    the noise last if there is any. method: "kmeans" or "hdbscan". purity, nmi: agreement with the labels, over the
    labelled images that are not noise (see measures.clusters); None without such images.
    """

    store: Store
    rows: np.ndarray
    codes: np.ndarray
    clusters: tuple[Cluster, ...]
    method: str
    purity: float | None
    nmi: float | None

    @classmethod
    def of(cls, store: Store, rows: np.ndarray, codes: np.ndarray, method: str) -> "Clusters":
        """Describe the clusters of all live `rows` (n,), given by arbitrary codes (n,), -1 for noise."""
        codes, classes = by_size(codes), store.codes(rows)
        return cls(
            store,
            rows,
            codes,
            tuple(_described(store, rows, codes, classes)),
            method,
            purity(codes, classes),
            nmi(codes, classes),
        )

    def __len__(self) -> int:
        """The number of clusters without the noise."""
        return int(self.codes.max(initial=-1)) + 1

    def __iter__(self) -> Iterator[Cluster]:
        return iter(self.clusters)

    @property
    def noise(self) -> int:
        """The number of images in no cluster."""
        return int((self.codes == NOISE).sum())

    def keys(self) -> list[str]:
        """The keys of the rows."""
        return self.store.keys(self.rows)

    def paths(self) -> list[str | None]:
        """The absolute path of each row's image file; None if its source keeps it in no file of its own."""
        return paths_of_rows(self.store, self.rows)

    def to_json(self) -> dict[str, Any]:
        """The last object of `cluster --json`, which is about all clusters together."""
        return {
            "clusters": len(self),
            "images": len(self.rows),
            "noise": self.noise,
            "method": self.method,
            "purity": self.purity,
            "nmi": self.nmi,
        }

    def __str__(self) -> str:
        """One line: how many clusters, noise, purity and NMI."""
        agree = "no labels to compare with" if self.purity is None else f"purity {self.purity:.4f}, NMI {self.nmi:.4f}"
        noise = f", {self.noise} of them noise ({self.noise / len(self.rows):.1%})" if self.noise else ""
        return f"{len(self)} clusters of {len(self.rows)} images{noise} by {self.method}; {agree}"


def by_size(codes: np.ndarray) -> np.ndarray:
    """The same clusters, (n,) int64, numbered 0, 1, ... by falling size, and by their first row if equal in size."""
    numbers, first, counts = np.unique(codes, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    order = order[numbers[order] >= 0]
    number = np.full(len(numbers), NOISE, dtype=np.int64)
    number[order] = np.arange(len(order))
    return number[np.searchsorted(numbers, codes)]


def _described(store: Store, rows: np.ndarray, codes: np.ndarray, classes: np.ndarray) -> Iterator[Cluster]:
    count = int(codes.max(initial=-1)) + 1
    sums = Sums.zero(list(map(str, range(count))), store.dim or 0)
    for vectors, block in _blocks(store, codes):
        sums.add(block, vectors)
    spreads = np.sqrt(squared_spreads(sums.sums, sums.counts)).tolist()
    medoids = _medoids(store, rows, codes, unit_means(sums))
    pairs = shared(np.where(codes < 0, count, codes), classes)  # the noise as one more cluster
    labelled = np.bincount(pairs.clusters, pairs.counts, count + 1)
    most = {int(number): (int(code), int(n)) for number, code, n in zip(*commonest(pairs), strict=True)}
    sizes = np.bincount(np.where(codes < 0, count, codes), minlength=count + 1).tolist()
    for place in range(count + bool(sizes[count])):
        code, n = most.get(place, (-1, 0))
        yield Cluster(
            place if place < count else NOISE,
            sizes[place],
            store.classes[code] if code >= 0 else None,
            n / float(labelled[place]) if n else None,
            spreads[place] if place < count else None,
            tuple(store.keys(medoids[place])) if place < count else (),
        )


def _blocks(store: Store, codes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All live vectors with their clusters, in blocks."""
    done = 0
    for rows, vectors in store.blocks():
        yield vectors, codes[done : done + len(rows)]
        done += len(rows)


def _medoids(store: Store, rows: np.ndarray, codes: np.ndarray, centres: np.ndarray) -> list[np.ndarray]:
    """The rows of each cluster that are nearest to its centre (k, d), at most three, nearest first."""
    kept = np.zeros(0, dtype=np.int64)  # places in rows
    near = np.zeros(0, dtype=np.float64)
    done = 0
    for vectors, block in _blocks(store, codes):
        places = done + np.flatnonzero(block >= 0)
        centre = centres[codes[places]].astype(np.float64)
        near = np.concatenate([near, np.vecdot(vectors[places - done].astype(np.float64), centre)])
        kept = np.concatenate([kept, places])
        order = np.lexsort((kept, -near, codes[kept]))
        ordered = codes[kept][order]
        order = order[np.arange(len(order)) - np.searchsorted(ordered, ordered) < MEDOIDS]
        kept, near, done = kept[order], near[order], done + len(block)
    cuts = np.searchsorted(codes[kept], np.arange(1, len(centres)))
    return np.split(rows[kept], cuts) if len(centres) else []
