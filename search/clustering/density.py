"""Clusters by density, as many as there are: several, one that all images are in, or none.

HDBSCAN (see cluster.py) never answers that all images are one group, and its option to do so calls nearly all of that
group noise; where there is one group, or nothing but noise, it finds clusters of chance, or none. So its answer is
looked at once more, by two measures taken from its own tree, which joins images and groups at rising distances:

- A cluster is *apart* where it joins other images only at APART times the distance at which half of its own images
  have joined. On single groups and even noise of 8 to 512 dimensions clusters of chance reach 1.17, groups that do not
  overlap 2.2 or more; of handwritten digits, which do overlap, the best reach 1.5.
- Images are *dense* that join at less than a share of the distance which images spread evenly over all directions
  would have. Of even noise nearly nothing is, by a share that leaves chance more room in few dimensions.

Where a cluster is apart, HDBSCAN's answer stands, less those clusters that are neither apart nor dense, and less single
images as lonely as even noise, which it gives to the nearest cluster. Where none is, the groups are the dense images
that are joined: one, where all images look alike, and none where all are noise.
"""

from typing import Any

import numpy as np

from ...measures.evenness import even_distance
from .linkage import tree_of

APART = 1.2
LONELY = 0.85  # of the distance of even rows
_Tree = np.ndarray  # n - 1 joins in rising order: left_node, right_node, value (the distance), cluster_size


def dense_groups(rows: np.ndarray, min_size: int, way: str) -> np.ndarray:
    """The group of each of n unit rows (n, d), (n,) int64, -1 for noise; a group has at least `min_size` rows, 2 <= n.

    way: scikit-learn's algorithm, "brute" (all distances at once) or "auto".
    """
    from sklearn.cluster import HDBSCAN

    found = HDBSCAN(min_cluster_size=min_size, algorithm=way, copy=False)
    codes = np.asarray(found.fit_predict(rows.astype(np.float64)), dtype=np.int64)
    tree = tree_of(found, rows, min_size)
    own = _own_heights(tree, len(rows))
    half = np.array([np.median(own[codes == code]) for code in range(codes.max(initial=-1) + 1)])
    apart = _births(tree, codes, min_size) > APART * half
    n, d = rows.shape
    dense = _dense_below(n, d, min_size)
    if not apart.any():
        return _joined_below(tree, len(rows), dense, min_size)
    kept = np.append(apart | (half < dense), False)  # the last: noise stays noise
    lonely = LONELY * even_distance(n, d, min_size)
    strays = (own >= lonely) & np.append(half < lonely, False)[codes]
    return np.where(kept[codes] & ~strays, codes, -1)


def _dense_below(n: int, d: int, k: int) -> float:
    """The distance of join below which images are dense.

    The distance to the k-th neighbour varies by about 1 / (sqrt(k) (d - 1)) of itself among even rows.
    """
    return even_distance(n, d, k) * max(0.1, min(LONELY, 1 - 2 / (d - 0.99)))


def _own_heights(tree: _Tree, n: int) -> np.ndarray:
    """The distance at which each row first joins another one, (n,)."""
    heights = np.empty(n)
    for side in ("left_node", "right_node"):
        leaf = tree[side] < n
        heights[tree[side][leaf]] = tree["value"][leaf]
    return heights


def _births(tree: _Tree, codes: np.ndarray, min_size: int) -> np.ndarray:
    """The distance at which each cluster, once it is whole, joins `min_size` others or more, (c,); inf for never."""
    n, births = len(codes), np.full(codes.max(initial=-1) + 1, np.inf)
    sizes = np.bincount(codes[codes >= 0], minlength=len(births))
    rows = np.append(np.ones(n, dtype=np.int64), tree["cluster_size"])
    within: list[dict[int, int]] = [{code: 1} if code >= 0 else {} for code in codes.tolist()]  # by node, not yet born
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
    """Groups of `min_size` rows or more that are joined by joins below `height`, (n,) int64, -1 for the others."""
    parent = np.arange(2 * n - 1)
    low = np.flatnonzero(tree["value"] < height)  # a node's joins are all below its own
    for side in ("left_node", "right_node"):
        parent[tree[side][low]] = n + low
    while (above := parent[parent]).tolist() != parent.tolist():
        parent = above
    roots, codes, counts = np.unique(parent[:n], return_inverse=True, return_counts=True)
    number: Any = np.where(counts >= min_size, np.arange(len(roots)), -1)
    return np.asarray(number[codes], dtype=np.int64)
