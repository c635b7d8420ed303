"""The tree by which HDBSCAN joins rows at increasing distances, for releases of scikit-learn that do not give it.

It is the single linkage of mutual reachability distances: for two rows the largest of their distance and the distances
to their k-th neighbours, where a row counts itself (Campello, Moulavi and Sander, 2013). Prim's algorithm with one row
of distances at a time is slower than that of scikit-learn, and gives the same tree up to the order of equal distances.
"""

from typing import Any

import numpy as np

FIELDS = ("left_node", "right_node", "value", "cluster_size")
_KIND = [("left_node", np.int64), ("right_node", np.int64), ("value", np.float64), ("cluster_size", np.int64)]


def tree_of(hdbscan: Any, rows: np.ndarray, k: int) -> np.ndarray:
    """The tree of a fitted `sklearn.cluster.HDBSCAN` with min_cluster_size `k` over rows (n, d): n - 1 joins.

    Fields: left_node and right_node (below n a row, else n plus the place of an earlier join), value (the distance),
    cluster_size.
    """
    tree = getattr(hdbscan, "_single_linkage_tree_", None)  # private: another release of scikit-learn may lack it
    names = getattr(getattr(tree, "dtype", None), "names", None) or ()
    if isinstance(tree, np.ndarray) and set(FIELDS) <= set(names) and len(tree) == len(rows) - 1:
        return tree
    return single_linkage(rows, k)


def single_linkage(rows: np.ndarray, k: int) -> np.ndarray:
    """The same tree, computed from rows (n, d), n > 1."""
    rows = rows.astype(np.float64)
    core = np.array([np.partition(_distances(rows, i), k - 1)[k - 1] for i in range(len(rows))])
    ends, heights = _spanning_tree(rows, core)
    return _joined(ends, heights)


def _distances(rows: np.ndarray, i: int) -> np.ndarray:
    distances: np.ndarray = np.linalg.norm(rows - rows[i], axis=1)
    return distances


def _spanning_tree(rows: np.ndarray, core: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The n - 1 edges of a minimum spanning tree, (n - 1, 2), and their lengths, ascending."""
    n = len(rows)
    near, nearest = np.full(n, np.inf), np.zeros(n, dtype=np.int64)
    outside = np.ones(n, dtype=bool)
    ends, heights = np.empty((n - 1, 2), dtype=np.int64), np.empty(n - 1)
    at = 0
    for step in range(n - 1):
        outside[at] = False
        reach = np.maximum(np.maximum(_distances(rows, at), core), core[at])
        closer = outside & (reach < near)
        near[closer], nearest[closer] = reach[closer], at
        at = int(np.where(outside, near, np.inf).argmin())
        ends[step], heights[step] = (nearest[at], at), near[at]
    order = np.argsort(heights, kind="stable")
    return ends[order], heights[order]


def _joined(ends: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Edges in ascending order as joins of nodes."""
    n = len(ends) + 1
    tree = np.empty(n - 1, dtype=_KIND)
    above, sizes = np.arange(2 * n - 1), np.ones(2 * n - 1, dtype=np.int64)
    for place, (one, other) in enumerate(ends.tolist()):
        left, right = _root(above, one), _root(above, other)
        above[left] = above[right] = n + place
        sizes[n + place] = sizes[left] + sizes[right]
        tree[place] = left, right, heights[place], sizes[n + place]
    return tree


def _root(above: np.ndarray, node: int) -> int:
    """The node that a node was joined into last; the path to it is shortened."""
    root = node
    while above[root] != root:
        root = int(above[root])
    while above[node] != root:
        above[node], node = root, int(above[node])
    return root
