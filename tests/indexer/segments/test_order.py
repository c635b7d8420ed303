"""Hits without the query's own row, against a loop over lists."""

import numpy as np
import pytest

from lookalike.indexer.segments.order import without_own


@pytest.mark.parametrize("k", [1, 4])
def test_own_ids_are_left_out_and_k_remain(rng, k):
    ids = np.stack([rng.permutation(9)[: k + 1] for _ in range(60)])
    ids[::7, -1] = -1  # a missing hit
    scores = -np.sort(-rng.random((60, k + 1)).astype(np.float32), axis=1)
    own = rng.integers(-1, 9, 60)
    found = without_own(scores, ids, own)
    expected = [
        [(s, i) for s, i in zip(*line, strict=True) if i != me or me < 0][:k]
        for *line, me in zip(scores.tolist(), ids.tolist(), own.tolist(), strict=True)
    ]
    assert [[*zip(*line, strict=True)] for line in zip(*(part.tolist() for part in found), strict=True)] == expected
    assert (found[0].dtype, found[1].dtype) == (np.float32, np.int64)


def test_no_queries_have_no_hits():
    scores, ids = without_own(np.empty((0, 4), np.float32), np.empty((0, 4), np.int64), np.empty(0, np.int64))
    assert scores.shape == ids.shape == (0, 3)
