"""Growing: which tails become segments, under which budget, and what is read to find out."""

import numpy as np
import pytest

from lookalike.indexer import index as indexing
from lookalike.indexer import plan
from lookalike.indexer.index import grow, index
from lookalike.indexer.segments.instances import Instances
from lookalike.store.errors import LookalikeError
from lookalike.store.version.layout import Layout

D = 16


def unit(rng, n):
    x = rng.standard_normal((n, D))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A tail of more than 100 rows is long."""
    monkeypatch.setattr(plan, "SMALL", 100)


def test_auto_indexes_all_anew_where_what_is_kept_leaves_the_tail_too_little_memory(shop, rng):
    made = shop(unit(rng, 2000))
    assert [c.spec for c in index(made.path, memory=135_000).segments] == ["Flat"]
    assert made.open().content.index["memory"] == 135_000
    made.add(unit(rng, 400))
    with pytest.warns(UserWarning, match=r"IVF61,SQ8 is used, since Flat does not fit into 131\.8KB"):
        card = grow(made.path)
    assert card is not None and [(c.spec, c.rows) for c in card.segments] == [("IVF61,SQ8", 2400)]
    assert card.bytes <= 135_000 and grow(made.path) is None


def test_a_spec_that_outgrew_its_memory_is_refused_with_the_size_of_all_rows(shop, rng):
    made = shop(unit(rng, 2000))
    index(made.path, spec="IVF8,Flat", memory=150_000)
    version = made.add(unit(rng, 400)).open().version
    words = (
        "spec 'IVF8,Flat' takes up to 170.1KB for 2400 rows, more than --memory 146.4KB: use auto, or --memory 170.1KB"
    )
    for again in (lambda: grow(made.path), lambda: index(made.path, spec="IVF8,Flat", memory=150_000)):
        with pytest.raises(LookalikeError) as caught:
            again()
        assert str(caught.value) == words
    assert made.open().version == version
    assert index(made.path, spec="IVF61,SQ8", memory=150_000).rows == 2400


def test_a_collection_that_was_never_indexed_does_not_grow_and_one_indexed_empty_does(shop, rng):
    assert grow(shop(unit(rng, 150)).path) is None
    empty = shop(np.zeros((0, D)), name="empty")
    index(empty.path)
    empty.add(unit(rng, 150))
    card = grow(empty.path)
    assert card is not None and card.rows == 150


def test_a_short_tail_is_seen_from_the_manifest(shop, rng, monkeypatch):
    made = shop(unit(rng, 300)).remove([3])
    index(made.path)
    made.add(unit(rng, 90))
    for name in ("_stop", "_live_from", "index"):
        monkeypatch.setattr(indexing, name, lambda *a, **k: pytest.fail("read more than the manifest"))
    assert made.open().content.segments[0].row_map is not None and grow(made.path) is None


def test_rows_behind_the_segments_are_listed_without_those_before(shop, rng, monkeypatch):
    made = shop(unit(rng, 50)).add(unit(rng, 30)).add(unit(rng, 20)).remove([10, 60, 90])
    listed, rows_of = [], Layout.rows_of
    monkeypatch.setattr(Layout, "rows_of", lambda self, part: listed.append(part) or rows_of(self, part))
    for first, parts in ((0, {0, 1, 2}), (55, {1, 2}), (80, {2}), (100, {2})):
        listed.clear()
        found = indexing._live_from(made.open(), first)
        assert found.tolist() == [row for row in np.flatnonzero(made.alive) if row >= first]
        assert set(listed) <= parts


def test_index_merges_what_many_small_adds_left(shop, rng):
    made = shop(unit(rng, 5))
    for _ in range(49):
        made.add(unit(rng, 5))
    made.remove([7, 8, 200])
    queries = made.matrix[::9].copy()
    before = Instances(made.open(), "cpu").search(queries, 10)
    version = made.open().version
    card = index(made.path)
    after = made.open()
    assert card.version == after.version == version + 1
    assert len(after.content.parts) <= 8 and after.rows == 247
    hits = Instances(after, "cpu").search(queries, 10)
    assert np.array_equal(hits[1], before[1]) and np.allclose(hits[0], before[0], atol=1e-6)
    made.check(queries, 10, hits)
    assert index(made.path).version == card.version


def test_memory_may_be_said_in_words(shop, rng):
    made = shop(unit(rng, 300))
    assert index(made.path, memory="1M").rows == 300 and made.open().content.index["memory"] == 1 << 20
    for wrong in ("2 apples", "9" * 400 + "G", "0", 0, -1, 2.5, True):
        with pytest.raises(LookalikeError, match=r"memory is|size '(2 apples|9+G)' is not understood"):
            index(made.path, memory=wrong)
