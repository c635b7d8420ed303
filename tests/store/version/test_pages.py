"""How long files stay mapped or in memory, and that few descriptors are enough."""

import contextlib
import gc
import os
import resource
import weakref

import numpy as np
import pytest

from lookalike.store.changing.writer import writing
from lookalike.store.version import pages
from lookalike.store.version.store import Store
from lookalike.store.version.tables import live_table


@contextlib.contextmanager
def few_descriptors(most: int):
    """So many files may be open in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def many(tmp_path, grow):
    """Two collections of 150 parts of two rows."""
    paths = [tmp_path / "one", tmp_path / "two"]
    for path in paths:
        with Store.create(path) as empty, writing(empty) as writer:
            for part in range(150):
                grow(writer, [f"{part}-{i}" for i in range(2)])
            writer.commit()
    return paths


def test_many_parts_are_read_with_few_descriptors(many):
    with Store.open(many[0]) as one, Store.open(many[1]) as two:
        wanted = [np.concatenate([vectors for _, vectors in store.blocks()]) for store in (one, two)]
        rows = np.random.default_rng(0).permutation(300)
    left_open = max(int(number) for number in os.listdir("/dev/fd"))  # by other tests; the limit is on the numbers
    with few_descriptors(left_open + 120), Store.open(many[0]) as one, Store.open(many[1]) as two:
        for _ in range(2):
            for store, vectors in zip((one, two), wanted, strict=True):
                assert np.array_equal(store.gather(rows), vectors[rows])


def test_the_maps_of_all_collections_leave_descriptors_for_others(many):
    with few_descriptors(1000):
        assert pages.most_maps(1) == 500
        assert pages.most_maps(4) == 125
    with few_descriptors(256):
        assert pages.most_maps(1) == 128
        assert pages.most_maps(1000) >= 1
    assert pages.most_maps(1) <= pages.MOST_MAPS


def test_no_part_is_mapped_twice_where_descriptors_allow_it(many, monkeypatch):
    mapped = []
    real = pages.map_vectors
    monkeypatch.setattr(pages, "map_vectors", lambda path, *rest: mapped.append(path) or real(path, *rest))
    monkeypatch.setattr(pages, "most_maps", lambda shares: 150)
    with Store.open(many[0]) as store:
        for _ in range(3):
            store.gather(np.arange(300))
    assert len(mapped) == len(set(mapped)) == 150


def test_the_maps_used_last_are_the_ones_kept(many, monkeypatch):
    mapped = []
    real = pages.map_vectors
    monkeypatch.setattr(pages, "map_vectors", lambda path, *rest: mapped.append(path) or real(path, *rest))
    monkeypatch.setattr(pages, "most_maps", lambda shares: 3)
    with Store.open(many[0]) as store:
        for part in (0, 1, 2, 0, 3):  # 1 has to go
            store.gather(np.array([2 * part]))
        assert len(mapped) == 4
        for part in (0, 2, 3):
            store.gather(np.array([2 * part]))
        assert len(mapped) == 4
        store.gather(np.array([2]))
        assert len(mapped) == 5 and mapped[4] == mapped[1]


def test_bitmaps_of_versions_that_are_gone_are_not_kept(many):
    with Store.open(many[0]) as empty, writing(empty) as writer:
        held = []
        for row in range(5):
            writer.delete(np.array([row]))
            held.append(weakref.ref(writer.commit().deleted))
        gc.collect()
        assert [bitmap() is not None for bitmap in held] == [False] * 4 + [True]
        assert writer.base.deleted is writer.base.deleted


def test_a_footer_is_read_once(many, monkeypatch):
    read = []
    real = pages.read_footer
    monkeypatch.setattr(pages, "read_footer", lambda path, rows: read.append(path) or real(path, rows))
    with Store.open(many[0]) as store:
        for _ in range(2):
            live_table(store, ["key"])
    assert len(read) == len(set(read)) == 150


def test_descriptors_are_given_back(many):
    if not os.path.isdir("/proc/self/fd"):
        return
    before = len(os.listdir("/proc/self/fd"))
    with Store.open(many[0]) as store:
        store.gather(np.arange(300))
    del store
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before
