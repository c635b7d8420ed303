"""What `lookalike prototypes` lists, by a plain loop."""

import numpy as np
import pytest

from lookalike import Collection

from ..conftest import clusters, unit


def naive(vectors, labels, keys, window=None):
    """By class: (count, newest key, spread, nearest class, distance), with one prototype each."""
    means, found = {}, {}
    for name in sorted(set(labels) - {None}):
        mine = [i for i, label in enumerate(labels) if label == name][-(window or len(labels)) :]
        mean = vectors[mine].astype(np.float64).mean(axis=0)
        means[name] = mean / np.linalg.norm(mean)
        spread = np.sqrt(np.mean(np.sum((vectors[mine] - means[name]) ** 2, axis=1)))
        found[name] = [len(mine), keys[mine[-1]], spread]
    for name, mean in means.items():
        far = {other: np.linalg.norm(mean - means[other]) for other in means if other != name}
        nearest = min(sorted(far), key=far.__getitem__)
        found[name] += [nearest, far[nearest]]
    return found


@pytest.mark.parametrize("window", [None, 1, 7])
def test_one_prototype_each_against_a_loop(shop, window):
    vectors, labels = shop.raw
    shop.add(unit(np.ones((2, 8))), ["x", "y"])  # without a label
    shop.keep_prototypes(window)
    keys = [f"k{i}" for i in range(60)]
    expected = naive(vectors, labels, keys, window)
    rows = shop.list_prototypes()
    assert [row.name for row in rows] == list(expected)
    for row in rows:
        count, key, spread, nearest, distance = expected[row.name]
        assert (row.count, row.newest_key, row.nearest_class, row.prototypes) == (count, key, nearest, 1)
        assert keys[row.newest_row] == key
        assert row.spread == pytest.approx(spread, abs=1e-5)
        assert row.nearest_distance == pytest.approx(distance, abs=1e-5)
        assert list(row.to_json()) == [
            "class", "prototypes", "count", "newest_row", "newest_key", "spread", "nearest_class", "nearest_distance",
        ]  # fmt: skip


def test_several_prototypes_a_class(shop):
    shop.keep_prototypes(per_class=3)
    found = shop._view.prototypes
    for code, row in enumerate(shop.list_prototypes()):
        own = found.owners == code
        assert row.prototypes == own.sum() > 1 and row.count == shop.raw[1].count(row.name)
        far = np.linalg.norm(found.matrix[own][:, None] - found.matrix[~own][None], axis=2)
        assert row.nearest_distance == pytest.approx(far.min(), abs=1e-5)
        assert row.nearest_class == found.classes[found.owners[~own][far.min(axis=0).argmin()]]
        # Three means lie closer to their rows than one does.
        assert row.spread < naive(*shop.raw, [f"k{i}" for i in range(60)])[row.name][2]


def test_classes_alone_torn_or_equal(tmp_path):
    axis = np.eye(3, dtype=np.float32)
    with Collection.create(tmp_path / "odd") as shop:
        assert shop.list_prototypes() == []
        shop.add(axis[:1], ["one"], ["alone"])
        (row,) = shop.list_prototypes()
        assert (row.nearest_class, row.nearest_distance, row.spread, row.newest_key) == (None, None, 0.0, "one")
        shop.add(np.stack([axis[1], -axis[1], axis[0]]), ["up", "down", "copy"], ["torn", "torn", "same"])
        rows = {row.name: row for row in shop.list_prototypes()}
        assert (rows["torn"].prototypes, rows["torn"].count, rows["torn"].spread) == (0, 2, None)
        assert rows["torn"].nearest_class is None and rows["torn"].newest_key == "down"
        assert rows["alone"].nearest_class == "same" and rows["same"].nearest_class == "alone"
        assert rows["alone"].nearest_distance == pytest.approx(0, abs=1e-3)


def test_settings_are_kept_and_decide(tmp_path):
    vectors, labels = clusters(5, 40, classes=2)
    old = unit(np.repeat(vectors[:1] * -1, 10, axis=0))
    with Collection.create(tmp_path / "moving") as shop:
        shop.add(old, [f"old{i}" for i in range(10)], [labels[0]] * 10)
        shop.add(vectors, [f"k{i}" for i in range(40)], labels)
        shop.index()
        before = shop.classify("k0").distances[0]
        shop.keep_prototypes(window=10)
        after = shop.classify("k0").distances[0]
        assert after < before
    with Collection.open(tmp_path / "moving") as shop:  # kept with the collection
        assert shop.classify("k0").distances[0] == after
        shop.index()
        assert shop.classify("k0").distances[0] == after
        shop.keep_prototypes(window=0)
        assert shop.classify("k0").distances[0] == before
