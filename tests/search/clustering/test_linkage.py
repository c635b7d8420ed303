"""The tree of HDBSCAN: scikit-learn's own where it gives one, and the same where it does not."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN

from lookalike.search.clustering import density
from lookalike.search.clustering.linkage import single_linkage, tree_of

from ..conftest import clusters


def groups_below(tree, n, height):
    """The sets of rows that joins up to a height make, by a plain loop."""
    sets = {row: {row} for row in range(n)}
    for place, (left, right, value, size) in enumerate(tree.tolist()):
        sets[n + place] = sets[left] | sets[right]
        assert len(sets[n + place]) == size
        if value <= height:
            del sets[left], sets[right]
        else:
            del sets[n + place]
            break
    return sorted(map(sorted, sets.values()))


@pytest.mark.parametrize(("n", "k", "way"), [(2, 2, "brute"), (40, 3, "brute"), (120, 5, "auto"), (120, 10, "brute")])
def test_it_is_the_tree_of_scikit_learn(n, k, way):
    rows, _ = clusters(5, n)
    found = HDBSCAN(min_cluster_size=k, algorithm=way, copy=True).fit(rows.astype(np.float64))
    own, theirs = single_linkage(rows, k), tree_of(found, rows, k)
    assert theirs is found._single_linkage_tree_
    assert np.allclose(own["value"], theirs["value"], atol=1e-7)
    for height in np.unique(own["value"])[:: max(1, n // 10)] + 1e-6:
        assert groups_below(own, n, height) == groups_below(theirs, n, height)


def test_equal_rows_join_at_distance_0():
    rows, _ = clusters(6, 4)
    tree = single_linkage(np.repeat(rows, 5, axis=0), 3)
    assert (tree["value"][:16] == 0).all() and tree["cluster_size"][-1] == 20


@pytest.mark.parametrize("held", [None, [1, 2], np.zeros(3), np.zeros(2, [("value", float)])])
def test_another_release_of_scikit_learn_changes_no_group(monkeypatch, held):
    rows, _ = clusters(7, 90, spread=0.2)
    before = density.dense_groups(rows, 5, "brute")
    monkeypatch.setattr(
        density, "tree_of", lambda found, rows, k: tree_of(SimpleNamespace(_single_linkage_tree_=held), rows, k)
    )
    after = density.dense_groups(rows, 5, "brute")
    assert np.array_equal(before, after) and before.max() >= 1
