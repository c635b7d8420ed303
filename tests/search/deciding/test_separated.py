"""The separation check sees classes as who decides sees them, and blames nobody for a class of one image."""

import warnings

import numpy as np
import pytest

from lookalike import Collection
from lookalike.search.deciding.separated import to_classes
from lookalike.store.errors import LookalikeWarning

from ..conftest import clusters, unit
from ..evaluating.test_evaluate import add_with_contents
from ..stub import content, give_source


def islands(seed, n):
    """Six far islands; every second one belongs to the same class, so that both classes' means lie between them."""
    rng = np.random.default_rng(seed)
    island = rng.integers(0, 6, n)
    angle = island * np.pi / 3 + rng.normal(0, 0.05, n)
    return unit(np.stack([np.cos(angle), np.sin(angle)], axis=1)), ["even" if i % 2 == 0 else "odd" for i in island]


def test_votes_are_warned_of_only_where_neighbours_are_mixed(tmp_path):
    with Collection.create(tmp_path / "shop") as shop:
        vectors, labels = islands(0, 120)
        shop.add(vectors, [str(i) for i in range(120)], labels)
        give_source(shop, *islands(1, 200))
        with pytest.warns(LookalikeWarning, match="classes overlap so much"):
            shop.evaluate("any", by="prototype")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert shop.evaluate("any", by="knn")["accuracy"] == 1.0
            shop.calibrate("any", by="knn", conformal=0.1)


@pytest.mark.parametrize("by", ["prototype", "knn"])
def test_a_class_that_is_one_image_is_neither_mistaken_nor_overlapping(tmp_path, by):
    with Collection.create(tmp_path / "solo") as solo:
        vectors = np.eye(8, dtype=np.float32)
        labels = [f"c{i}" for i in range(7)] + ["c6"]
        add_with_contents(solo, vectors, labels, range(8))
        queries = np.concatenate([vectors, vectors[:1]])
        give_source(solo, queries, [*labels, "strange"], [content(i) for i in range(8)] + [content(99)])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            measured = solo.evaluate("any", by=by, full=True)
        assert measured["details"]["open_set"]["known"] == 2 and measured["unknown"]["queries"] == 1
        assert measured["details"]["classification"]["macro"] is not None
        assert sum(cell["images"] for cell in measured["details"]["classification"]["confusion"]) == 2


@pytest.mark.parametrize("by", ["prototype", "knn"])
def test_distances_to_classes_against_loops(shop, by):
    vectors, labels = shop.raw
    queries, asked = clusters(5, 30)
    rng = np.random.default_rng(0)
    own = [rng.choice(60, rng.integers(0, 5), replace=False) for _ in queries]
    distances, codes, names = to_classes(shop._view, queries, np.array(asked, dtype=object), own, by)
    assert [names[code] for code in codes] == asked
    for i, query in enumerate(queries):
        for code, name in enumerate(names):
            rows = [row for row in range(60) if labels[row] == name and row not in own[i]]
            mean = vectors[rows].astype(np.float64).sum(axis=0)
            score = (vectors[rows] @ query).max() if by == "knn" else query @ (mean / np.linalg.norm(mean))
            assert distances[i, code] == pytest.approx(np.sqrt(max(0, 2 - 2 * score)), abs=2e-4)


@pytest.mark.parametrize("by", ["prototype", "knn"])
def test_a_class_whose_rows_cancel_out_has_no_prototype_and_shifts_no_other(tmp_path, by):
    with Collection.create(tmp_path / "shop") as shop:
        vectors = np.array([[1, 0], [-1, 0], [0, 1], [0.6, 0.8], [0, -1], [0.6, -0.8]], np.float32)
        labels = ["a", "a", "b", "b", "c", "c"]
        shop.add(vectors, list("123456"), labels)
        nobody = [np.empty(0, np.int64)] * 6
        distances, codes, names = to_classes(shop._view, vectors, np.array(labels, dtype=object), nobody, by)
        asked = labels if by == "knn" else labels[2:]
        assert [names[code] for code in codes] == asked and distances.shape == (len(asked), len(names))
        assert (distances.argmin(axis=1) == codes).all()
