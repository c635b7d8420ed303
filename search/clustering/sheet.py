"""A contact sheet of clusters: for each one its most typical pictures, and others drawn at random."""

from collections.abc import Iterator

import numpy as np

from ..pictures.sheet import MOST, Cell, Strip, tile_side
from ..pictures.thumbnails import Picture, of_rows
from .clusters import NOISE, Cluster, Clusters

SHOWN = 11
"""The largest number of pictures of a cluster, including the most typical one."""
NO_PICTURE = "in no cluster"
"""What is shown for the noise, which has no typical picture."""


def cluster_strips(clusters: Clusters, seed: int = 0) -> tuple[list[Strip], int]:
    """One strip per cluster, the largest first and the noise last, and the number of clusters that do not fit.

    The most typical pictures come first (see Cluster.medoids); the others are drawn at random by `seed`, in the order
    of rows.
    """
    chosen, room = [], MOST
    for cluster in clusters:
        rows = _rows(clusters, cluster, seed)
        if len(rows) > room:
            break
        room -= len(rows)
        chosen.append((cluster, rows))
    side = tile_side(SHOWN - 1, len(chosen))
    every = np.concatenate([rows for _, rows in chosen]) if chosen else np.empty(0, np.int64)
    cells = _cells(clusters, every, side)
    strips = [_strip(cluster, [next(cells) for _ in rows]) for cluster, rows in chosen]
    return strips, len(clusters.clusters) - len(chosen)


def _rows(clusters: Clusters, cluster: Cluster, seed: int) -> np.ndarray:
    """Up to SHOWN rows of a cluster, (m,) int64: its medoids, then others."""
    rows = clusters.rows[clusters.codes == cluster.number]
    typical = clusters.store.find(list(cluster.medoids))
    others = np.setdiff1d(rows, typical)
    drawn = np.random.default_rng([seed, cluster.number + 1]).permutation(others)[: SHOWN - len(typical)]
    return np.concatenate([typical, np.sort(drawn)])


def _cells(clusters: Clusters, rows: np.ndarray, side: int) -> Iterator[Cell]:
    store = clusters.store
    pictures: list[Picture] = of_rows(store, rows, side)
    return map(Cell, pictures, store.keys(rows), store.labels(rows))


def _strip(cluster: Cluster, cells: list[Cell]) -> Strip:
    """The first picture represents the cluster; the noise has none."""
    images = f"{cluster.size} image{'s' * (cluster.size != 1)}"
    if cluster.number == NOISE:
        return Strip(Cell(NO_PICTURE, "noise", images), cells[: SHOWN - 1])
    return Strip(Cell(cells[0].picture, f"cluster {cluster.number}", images), cells[1:])
