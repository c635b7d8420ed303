"""How well clusters agree with classes: purity and normalised mutual information.

All functions take clusters (n,) and classes (n,), integer codes; rows with -1 in either (noise, no label) are left out.
Measures are None if no row is left. Raises ValueError for shapes that differ and codes that are not integers.
"""

from typing import NamedTuple

import numpy as np


class Shared(NamedTuple):
    """How many rows (m,) a cluster (m,) shares with a class (m,), int64: each pair that occurs, in order."""

    clusters: np.ndarray
    classes: np.ndarray
    counts: np.ndarray


def shared(clusters: np.ndarray, classes: np.ndarray) -> Shared:
    """The pairs of cluster and class that occur among clusters (n,) and classes (n,), counted."""
    clusters, classes = np.asarray(clusters), np.asarray(classes)
    if clusters.ndim != 1 or clusters.shape != classes.shape:
        raise ValueError(f"clusters {clusters.shape} and classes {classes.shape}: give two arrays (n,)")
    if any(codes.size and codes.dtype.kind not in "iu" for codes in (clusters, classes)):
        raise ValueError(f"clusters {clusters.dtype} and classes {classes.dtype}: give integer codes, -1 for none")
    both = (clusters >= 0) & (classes >= 0)
    width = int(classes.max(initial=0)) + 1
    pairs, counts = np.unique(clusters[both].astype(np.int64) * width + classes[both], return_counts=True)
    return Shared(*np.divmod(pairs, width), counts)


def commonest(pairs: Shared) -> Shared:
    """For each cluster, the class with which it shares most rows; of equal ones, the smaller code."""
    order = np.lexsort((pairs.classes, -pairs.counts, pairs.clusters))
    first = order[np.unique(pairs.clusters[order], return_index=True)[1]]
    return Shared(pairs.clusters[first], pairs.classes[first], pairs.counts[first])


def purity(clusters: np.ndarray, classes: np.ndarray) -> float | None:
    """The share of rows that belong to the most common class of their cluster.

    Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, eq. 16.1. One cluster per row also
    gets 1, so compare it with the number of clusters, or use nmi.
    """
    pairs = shared(clusters, classes)
    return float(commonest(pairs).counts.sum() / pairs.counts.sum()) if len(pairs.counts) else None


def nmi(clusters: np.ndarray, classes: np.ndarray) -> float | None:
    """Mutual information of clusters and classes over the mean of their entropies, in [0, 1].

    Eq. 16.2 of the same book, and scikit-learn's normalized_mutual_info_score: 1 if clusters are classes, 0 if they are
    independent; 1 for one cluster and one class.
    """
    pairs = shared(clusters, classes)
    if not len(pairs.counts):
        return None
    entropies = _entropy(np.bincount(pairs.clusters, pairs.counts)) + _entropy(np.bincount(pairs.classes, pairs.counts))
    if entropies == 0:
        return 1.0
    return float(np.clip((entropies - _entropy(pairs.counts)) / (entropies / 2), 0.0, 1.0))


def _entropy(counts: np.ndarray) -> float:
    """The entropy of the distribution with these counts, in nats."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())
