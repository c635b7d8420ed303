"""Windows: against sorting every class's rows."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.indexer.prototypes import windows
from lookalike.indexer.prototypes.windows import newest


def unit(rng, n, d=3):
    x = rng.standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def naive(made, size):
    """Sort each class's live rows and keep the last."""
    rows = []
    for name in set(made.labels) - {None}:
        mine = [row for row, label in enumerate(made.labels) if label == name and made.alive[row]]
        rows += sorted(mine)[-size:]
    return sorted(rows)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_history_gives_the_newest_rows_of_each_class(new_shop, data):
    made = new_shop(3)
    rng = np.random.default_rng(0)
    size = data.draw(st.integers(1, 4))
    before, since = windows.NONE, 0
    for _ in range(data.draw(st.integers(1, 6))):
        step = data.draw(st.sampled_from(["add", "remove", "remember"]))
        if step == "add":
            n = data.draw(st.integers(1, 9))
            made.add(unit(rng, n), [data.draw(st.sampled_from(["a", "b", "c", None])) for _ in range(n)])
        elif step == "remove" and made.alive.any():
            live = np.flatnonzero(made.alive)
            made.remove(rng.permutation(live)[: data.draw(st.integers(1, len(live)))])
        with made.open() as store:
            assert newest(store, size).tolist() == naive(made, size)
            now = newest(store, size, before, since)
            assert now.tolist() == naive(made, size)
            if step == "remember":
                before, since = now, store.next_row


def test_a_window_looks_no_further_back_than_it_must(shop, rng, monkeypatch):
    made = shop(unit(rng, 40), ["old"] * 40)
    for _ in range(3):
        made.add(unit(rng, 20), ["a", "b"] * 10)
    made.remove(np.arange(40))
    read = []
    backwards = windows._backwards
    monkeypatch.setattr(windows, "_backwards", lambda *asked: (read.append(rows) or rows for rows in backwards(*asked)))
    with made.open() as store:
        assert newest(store, 5).tolist() == list(range(90, 100))
    assert [rows.min() for rows in read] == [80] or read[1].min() == 60


@pytest.mark.parametrize("size", [1, 3, 100])
def test_rows_without_a_class_and_empty_collections_have_no_window(shop, new_shop, rng, size):
    with new_shop(3).open() as store:
        assert newest(store, size).tolist() == []
    with shop(unit(rng, 5)).open() as store:
        assert newest(store, size).tolist() == []
