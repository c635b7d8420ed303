"""A contact sheet of clusters: for each its most typical picture, its next typical ones, and some drawn at random."""

from collections.abc import Iterator

import numpy as np

from ..pictures.sheet import MOST, Cell, Strip, tile_side
from ..pictures.thumbnails import Picture, of_rows
from .clusters import NOISE, Cluster, Clusters

SHOWN = 11
"""Pictures of a cluster at most, its most typical one included."""
NO_PICTURE = "in no cluster"
"""What stands for the noise, which no picture is typical of."""


def cluster_strips(clusters: Clusters, seed: int = 0) -> tuple[list[Strip], int]:
    """A strip for each cluster, the largest first and the noise last, and how many clusters find no room on the sheet.

    The most typical pictures come first (see Cluster.medoids); the others are drawn by `seed`, in the order of rows.
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
    """The first picture stands for the cluster; noise has none that could."""
    images = f"{cluster.size} image{'s' * (cluster.size != 1)}"
    if cluster.number == NOISE:
        return Strip(Cell(NO_PICTURE, "noise", images), cells[: SHOWN - 1])
    return Strip(Cell(cells[0].picture, f"cluster {cluster.number}", images), cells[1:])
