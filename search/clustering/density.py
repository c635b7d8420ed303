"""Clusters by density, whatever their number: several, a single one of all images, or none.

HDBSCAN (see methods.py) never answers that all images are one group, and its option to do so calls nearly all of that
group noise. If there is one group, or only noise, it finds random clusters or none. So its answer is checked by two
measures of its own tree, which joins images and groups at increasing distances:

- A cluster is *apart* if it joins other images only at APART times the distance at which half of its own images have
  joined. On single groups and on uniform noise of 8 to 512 dimensions random clusters reach 1.17, and groups that do
  not overlap 2.2 or more; of handwritten digits, which do overlap, the best reach 1.5.
- An image is *dense* if it joins at less than a given share of the distance that images spread evenly over all
  directions would have. In uniform noise almost no image is, because the share is smaller in few dimensions.

If a cluster is apart, HDBSCAN's answer is used without the clusters that are neither apart nor dense, and without
single images as isolated as uniform noise, which HDBSCAN assigns to the nearest cluster. If none is, the groups are the
dense images that are joined: one group if all images look alike, and none if all are noise.
"""

from typing import Any

import numpy as np

from ...measures.evenness import even_distance
from .linkage import tree_of

APART = 1.2
LONELY = 0.85  # of the distance of evenly spread rows
_Tree = np.ndarray  # n - 1 joins in ascending order: left_node, right_node, value (the distance), cluster_size


def dense_groups(rows: np.ndarray, min_size: int, algorithm: str) -> np.ndarray:
    """The group of each of n unit rows (n, d), (n,) int64, -1 for noise; a group has at least `min_size` rows; n >= 2.

    algorithm: that of scikit-learn's HDBSCAN, "brute" (all distances at once) or "auto".
    """
    from sklearn.cluster import HDBSCAN

    hdbscan = HDBSCAN(min_cluster_size=min_size, algorithm=algorithm, copy=False)
    codes = np.asarray(hdbscan.fit_predict(rows.astype(np.float64)), dtype=np.int64)
    tree = tree_of(hdbscan, rows, min_size)
    heights = _first_joins(tree, len(rows))
    half = np.array([np.median(heights[codes == code]) for code in range(codes.max(initial=-1) + 1)])
    apart = _births(tree, codes, min_size) > APART * half
    n, d = rows.shape
    dense = _dense_below(n, d, min_size)
    if not apart.any():
        return _joined_below(tree, len(rows), dense, min_size)
    accepted = np.append(apart | (half < dense), False)  # the last entry: noise stays noise
    lonely = LONELY * even_distance(n, d, min_size)
    strays = (heights >= lonely) & np.append(half < lonely, False)[codes]
    return np.where(accepted[codes] & ~strays, codes, -1)


def _dense_below(n: int, d: int, k: int) -> float:
    """The distance of joining below which images are dense.

    The distance to the k-th neighbour varies by about 1 / (sqrt(k) (d - 1)) of itself among evenly spread rows.
    """
    return even_distance(n, d, k) * max(0.1, min(LONELY, 1 - 2 / (d - 0.99)))


def _first_joins(tree: _Tree, n: int) -> np.ndarray:
    """The distance at which each row first joins another one, (n,)."""
    heights = np.empty(n)
    for side in ("left_node", "right_node"):
        leaf = tree[side] < n
        heights[tree[side][leaf]] = tree["value"][leaf]
    return heights


def _births(tree: _Tree, codes: np.ndarray, min_size: int) -> np.ndarray:
    """The distance at which each complete cluster joins at least `min_size` others, (c,); inf if it never does."""
    n, births = len(codes), np.full(codes.max(initial=-1) + 1, np.inf)
    sizes = np.bincount(codes[codes >= 0], minlength=len(births))
    rows = np.append(np.ones(n, dtype=np.int64), tree["cluster_size"])
    within: list[dict[int, int]] = [
        {code: 1} if code >= 0 else {} for code in codes.tolist()
    ]  # by node, for clusters that are not complete yet
    for left, right, height in zip(
        *(tree[name].tolist() for name in ("left_node", "right_node", "value")), strict=True
    ):
        many = min(rows[left], rows[right]) >= min_size
        joined: dict[int, int] = {}
        for code, count in [*within[left].items(), *within[right].items()]:
            if many and count == sizes[code]:
                births[code] = height
            else:
                joined[code] = joined.get(code, 0) + count
        within[left] = within[right] = {}
        within.append(joined)
    return births


def _joined_below(tree: _Tree, n: int, height: float, min_size: int) -> np.ndarray:
    """Groups of at least `min_size` rows that are joined below `height`, (n,) int64, -1 for the other rows."""
    parent = np.arange(2 * n - 1)
    low = np.flatnonzero(tree["value"] < height)  # all joins within a node are below its own
    for side in ("left_node", "right_node"):
        parent[tree[side][low]] = n + low
    while (above := parent[parent]).tolist() != parent.tolist():
        parent = above
    roots, codes, counts = np.unique(parent[:n], return_inverse=True, return_counts=True)
    number: Any = np.where(counts >= min_size, np.arange(len(roots)), -1)
    return np.asarray(number[codes], dtype=np.int64)
