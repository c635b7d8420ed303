"""Anchors: nearest ones against exact rational arithmetic, k-means against what it must leave behind."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from lookalike.indexer.prototypes.anchors import anchors_of, nearest_of_own, whole


def unit(rng, n, d):
    x = rng.standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def blobs(rng, n, d, k, spread=0.15):
    centres = unit(rng, k, d)
    x = centres[rng.integers(0, k, n)] + spread * rng.standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def naive_nearest(row, anchors):
    """The first place of the largest inner product, in whole numbers of any size."""
    asked = [int(value) for value in whole(row)]
    scores = [sum(a * int(b) for a, b in zip(asked, whole(anchor), strict=True)) for anchor in anchors]
    return scores.index(max(scores))


def test_nearest_of_own_against_whole_numbers(rng):
    rows, anchors = unit(rng, 60, 5), unit(rng, 12, 5)
    anchors[7] = anchors[5]  # a tie: the first counts
    starts = np.array([0, 4, 4 + 5, 12])  # three owners, with 4, 5 and 3 anchors
    codes = rng.integers(0, 3, 60)
    found = nearest_of_own(rows, anchors, starts[codes], starts[codes + 1])
    for row, code, place in zip(rows, codes, found, strict=True):
        own = anchors[starts[code] : starts[code + 1]]
        assert place == starts[code] + naive_nearest(row, own)


def test_what_a_row_is_asked_with_changes_nothing(rng):
    """Near ties, where a float32 product would round one way alone and another way among others."""
    d = 64
    base = unit(rng, 1, d)[0]
    rows = np.tile(base, (300, 1))
    rows += (rng.standard_normal(rows.shape) * 1e-7).astype(np.float32)
    anchors = np.stack([base, np.roll(base, 1), base])
    anchors[2, 0] += np.float32(1e-8)
    first, stop = np.zeros(300, dtype=np.int64), np.full(300, 3)
    together = nearest_of_own(rows, anchors, first, stop)
    alone = [nearest_of_own(rows[i : i + 1], anchors, first[:1], stop[:1])[0] for i in range(300)]
    backwards = nearest_of_own(rows[::-1], anchors, first, stop)[::-1]
    assert together.tolist() == alone == backwards.tolist()


@pytest.mark.parametrize(("n", "d", "k"), [(200, 8, 3), (500, 16, 5), (50, 3, 7)])
def test_anchors_settle_where_each_is_the_mean_of_its_rows(rng, n, d, k):
    rows = blobs(rng, n, d, k)
    anchors = anchors_of(rows, k)
    assert anchors.shape == (k, d) and anchors.dtype == np.float32
    assert np.allclose(np.linalg.norm(anchors, axis=1), 1, atol=1e-6)
    sides = (rows.astype(np.float64) @ anchors.T).argmax(axis=1)
    for side in range(k):
        mean = rows[sides == side].astype(np.float64).mean(axis=0)
        assert np.allclose(anchors[side], mean / np.linalg.norm(mean), atol=1e-5)


def test_anchors_are_as_close_as_scikit_learn_s(rng):
    rows = blobs(rng, 400, 6, 5)
    ours = (rows @ anchors_of(rows, 5).T).max(axis=1).mean()
    centres = KMeans(5, n_init=10, random_state=0).fit(rows).cluster_centers_
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    assert ours >= (rows @ centres.T).max(axis=1).mean() - 1e-3


def test_the_same_rows_give_the_same_bits(rng):
    rows = blobs(rng, 300, 12, 4)
    assert anchors_of(rows, 4).tobytes() == anchors_of(rows.copy(), 4).tobytes()


def test_fewer_different_rows_give_fewer_anchors(rng):
    row = unit(rng, 1, 4)
    assert np.allclose(anchors_of(np.repeat(row, 9, axis=0), 3), row, atol=1e-7)
    two = np.concatenate([np.repeat(row, 5, axis=0), -np.repeat(row, 2, axis=0)])
    assert len(anchors_of(two, 5)) == 2
    assert len(anchors_of(row, 4)) == 1


def test_rows_that_cancel_out_leave_no_anchor_without_direction():
    axis = np.array([[1, 0], [-1, 0]], dtype=np.float32)
    assert anchors_of(axis, 1).shape == (0, 2)
    assert len(anchors_of(axis, 2)) == 2
