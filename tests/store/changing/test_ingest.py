"""Adding and removing rows, against a dict; what is refused leaves the collection as it was."""

import numpy as np
import pytest

from lookalike.store.changing import ingest
from lookalike.store.changing.ingest import add, remove
from lookalike.store.errors import LookalikeError
from lookalike.store.version.store import Store
from lookalike.store.version.tables import live_table


@pytest.fixture
def shop(tmp_path):
    """An empty collection."""
    Store.create(tmp_path / "shop").close()
    return tmp_path / "shop"


def held(path) -> dict:
    """All live rows as {key: (label, vector)}."""
    with Store.open(path) as store:
        rows = store.live_rows()
        labels, vectors = store.labels(rows), store.gather(rows) if len(rows) else []
        named = dict(zip(store.keys(rows), zip(labels, map(tuple, vectors), strict=True), strict=True))
        assert len(named) == len(rows) == store.rows
        return named


def test_rows_come_back_under_their_keys(shop, units):
    assert add(shop, units(3), ["a", "b\udcff", "c\n"], ["x", None, "y"]) == 3
    assert add(shop, units(2, seed=1), ["d", "e"]) == 2
    labelled = zip(["x", None, "y", None, None], map(tuple, [*units(3), *units(2, seed=1)]), strict=True)
    assert held(shop) == dict(zip(["a", "b\udcff", "c\n", "d", "e"], labelled, strict=True))
    with Store.open(shop) as store:
        assert store.facts(store.live_rows()).source == ["add"] * 5
        assert store.model is None


def test_more_rows_than_a_part_holds_are_one_commit(shop, units, monkeypatch):
    monkeypatch.setattr(ingest, "BLOCK", 4)
    add(shop, units(10), [str(i) for i in range(10)], ["x"] * 10)
    with Store.open(shop) as store:
        assert (store.version, [part.rows for part in store.content.parts]) == (2, [4, 4, 2])
        np.testing.assert_array_equal(store.gather(store.find([str(i) for i in range(10)])), units(10))


def test_a_key_doubled_between_parts_is_refused_before_any_is_written(shop, units, monkeypatch):
    monkeypatch.setattr(ingest, "BLOCK", 4)
    with pytest.raises(LookalikeError, match="key '1' appears twice, in rows 1 and 9"):
        add(shop, units(10), [*map(str, range(9)), "1"])
    assert not (shop / "vectors").exists()


def test_nothing_is_added_without_rows(shop):
    assert add(shop, np.zeros((0, 4)), []) == 0
    with Store.open(shop) as store:
        assert (store.version, store.rows) == (1, 0)


def test_removing_and_adding_again(shop, units):
    add(shop, units(3), ["a", "b", "c"])
    assert remove(shop, ["a", "c", "a"]) == 2
    assert list(held(shop)) == ["b"]
    add(shop, units(1, seed=7), ["a"])
    assert held(shop)["a"] == (None, tuple(units(1, seed=7)[0]))
    with Store.open(shop) as store:
        assert store.find(["a", "b", "c"]).tolist() == [3, 1, -1]


@pytest.mark.parametrize(
    ("matrix", "keys", "labels", "problem"),
    [
        (np.eye(8)[:2], ["n", "a"], None, "key 'a' is in .* already"),
        (np.eye(8)[:2], ["n", "n"], None, "key 'n' appears twice, in rows 0 and 1"),
        (np.eye(8)[:2], ["n", ""], None, "row 1 has an empty key"),
        (np.eye(8)[:2], ["n"], None, "1 keys for 2 vectors"),
        (np.eye(8)[:2], ["n", "m"], ["x"], "1 labels for 2 vectors"),
        (np.eye(8)[:2], ["n", 3], None, "key 3 of row 1 is int: it must be text"),
        (np.eye(8)[:2], ["n", None], None, "key None of row 1"),
        (np.eye(8)[:2], ["n", "m"], ["x", 2], "label 2 of row 1 is int: it must be text or None"),
        (np.eye(7)[:2], ["n", "m"], None, "7 dimensions, but those of .*shop have 8"),
        (np.eye(8)[:2] * 2, ["n", "m"], None, "row 0 has length 2"),
        (np.eye(8)[:2] * 0, ["n", "m"], None, "row 0 is all zeros"),
        (np.eye(8)[:2] * np.nan, ["n", "m"], None, "row 0 holds NaN"),
    ],
)
def test_what_is_refused_changes_nothing(shop, units, matrix, keys, labels, problem):
    add(shop, units(1), ["a"])
    before = held(shop), sorted((shop / "vectors").iterdir())
    with pytest.raises(LookalikeError, match=problem):
        add(shop, matrix, keys, labels)
    assert (held(shop), sorted((shop / "vectors").iterdir())) == before
    with Store.open(shop) as store:
        assert store.version == 2


def test_rows_are_normalised_where_asked(shop):
    add(shop, np.array([[3.0, 4.0]]), ["a"], normalise=True)
    np.testing.assert_allclose(held(shop)["a"][1], [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize(
    ("keys", "problem"), [(["a", "z"], "no key 'z': nothing"), (["y", "a", "z"], "'y', nor 1 more")]
)
def test_an_unknown_key_is_named_and_nothing_removed(shop, units, keys, problem):
    add(shop, units(1), ["a"])
    with pytest.raises(LookalikeError, match=problem):
        remove(shop, keys)
    assert list(held(shop)) == ["a"]


def test_removing_nothing_makes_no_version(shop):
    assert remove(shop, []) == 0
    with Store.open(shop) as store:
        assert store.version == 1


def test_a_collection_must_be_there(tmp_path, units):
    with pytest.raises(LookalikeError, match="none"):
        add(tmp_path / "none", units(1), ["a"])
    with pytest.raises(LookalikeError, match="none"):
        remove(tmp_path / "none", ["a"])


def test_an_empty_label_is_no_label(shop, units, tmp_path):
    add(shop, units(3), ["a", "b", "c"], ["", "x", None])
    assert {key: label for key, (label, _) in held(shop).items()} == {"a": None, "b": "x", "c": None}
    with Store.open(shop) as store:
        assert store.classes == ["x"]
        assert live_table(store, ["label"])["label"].to_pylist() == [None, "x", None]
