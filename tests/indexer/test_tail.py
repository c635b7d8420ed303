"""Exact search over rows that no segment covers, in memory and from the disk, against every pair in float64."""

import numpy as np
import pytest

from lookalike.indexer.segments import instances
from lookalike.indexer.segments.instances import Instances
from lookalike.store.errors import LookalikeError


def unit(rng, n, d):
    x = rng.standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(params=["memory", "disk"])
def where(request, monkeypatch):
    if request.param == "disk":
        monkeypatch.setattr(instances, "TAIL_BYTES", 0)


@pytest.mark.parametrize("nq", [0, 1, 5, 70])
@pytest.mark.parametrize("k", [1, 10, 400])
def test_tail_is_exact(shop, rng, where, nq, k):
    made = shop(unit(rng, 300, 12)).add(unit(rng, 40, 12)).remove([3, 4, 310])
    queries = unit(rng, nq, 12)
    made.check(queries, k, Instances(made.open(), "cpu").search(queries, k))


@pytest.mark.parametrize("nq", [1, 40])
@pytest.mark.parametrize("k", [1, 7, 60])
def test_ties_go_to_the_smaller_row(shop, rng, where, nq, k):
    rows = rng.choice([-0.25, 0.25], size=(6, 16))[rng.integers(0, 6, 250)].astype(np.float32)
    made = shop(rows).remove([0, 5])
    scores, found = Instances(made.open(), "cpu").search(made.matrix[:nq], k)
    expected = made.oracle(made.matrix[:nq], k)
    assert np.array_equal(scores, expected[0].astype(np.float32))
    assert np.array_equal(found, expected[1])


def test_allowed_rows_only(shop, rng, where):
    made = shop(unit(rng, 6000, 8)).remove(np.arange(0, 6000, 5))
    queries = unit(rng, 9, 8)
    for share in (0.0, 0.001, 0.05, 0.95):
        allowed = rng.random(6000) < share
        for some in (queries[:1], queries):
            made.check(some, 10, Instances(made.open(), "cpu").search(some, 10, allowed=allowed), allowed)


def test_a_tail_is_kept_in_memory_by_its_bytes(shop, rng, monkeypatch):
    made = shop(unit(rng, 100, 8)).add(unit(rng, 100, 8)).remove([5])
    for allowed, kept in ((199 * 8 * 4, True), (199 * 8 * 4 - 1, False)):
        monkeypatch.setattr(instances, "TAIL_BYTES", allowed)
        found = Instances(made.open(), "cpu")
        assert bool(found.segments()) == kept
        made.check(made.matrix[:3], 4, found.search(made.matrix[:3], 4))


def test_an_empty_collection_has_no_hits(shop):
    made = shop(np.zeros((0, 4), dtype=np.float32))
    scores, rows = Instances(made.open(), "cpu").search(np.eye(4, dtype=np.float32), 3)
    assert (rows == -1).all() and (scores == -np.inf).all() and rows.shape == (4, 3)
    gone = shop(np.eye(4, dtype=np.float32), name="gone").remove([0, 1, 2, 3])
    assert (Instances(gone.open(), "cpu").search(np.eye(4, dtype=np.float32), 3)[1] == -1).all()


@pytest.mark.parametrize(
    ("queries", "k", "words"),
    [
        (np.eye(4, dtype=np.float32), 0, "k is 0"),
        (np.eye(4, dtype=np.float32), -1, "k is -1"),
        (np.eye(4, dtype=np.float32), 2.5, "k is 2.5"),
        (np.eye(3, dtype=np.float32), 1, "3 dimensions"),
        (np.eye(4), 1, "float64"),
        (np.eye(4, dtype=np.float32)[0], 1, "float32(4,)"),
        (np.asfortranarray(np.eye(4, dtype=np.float32)[:2]), 1, "contiguous"),
    ],
)
def test_wrong_questions_are_refused(shop, queries, k, words):
    made = shop(np.eye(4, dtype=np.float32))
    with pytest.raises(LookalikeError) as caught:
        Instances(made.open(), "cpu").search(queries, k)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_mask_of_another_length_is_refused(shop):
    made = shop(np.eye(4, dtype=np.float32))
    with pytest.raises(LookalikeError, match=r"allowed is bool\(3,\)"):
        Instances(made.open(), "cpu").search(made.matrix, 1, allowed=np.ones(3, dtype=bool))
