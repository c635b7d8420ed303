"""Several prototypes a class, and windows, in every way to decide: as if the collection held only what they hold."""

import numpy as np
import pytest

from lookalike import Collection
from lookalike.search.deciding.rank import DecisionRule, rank, rank_without_class
from lookalike.search.evaluating.evaluate import interclass_distance

from ..conftest import clusters
from ..stub import content, give_source


@pytest.fixture
def several(shop):
    """The 60 rows with up to three prototypes a class, of their newest 12."""
    shop.keep_prototypes(12, 3)
    assert len(shop._view.prototypes.matrix) > len(shop._view.prototypes.classes)
    return shop


def by_class(shop, queries):
    """The best score of each class, (nq, c)."""
    found = shop._view.prototypes
    scores = queries @ found.matrix.T
    return np.stack([scores[:, found.owners == code].max(axis=1) for code in range(len(found.classes))], axis=1)


def test_the_best_prototype_of_each_class_ranks_it(several):
    queries = clusters(9, 20)[0]
    scores = by_class(several, queries)
    ranked = rank(several._view, queries, None, DecisionRule())
    assert np.array_equal(ranked.codes, np.argsort(-scores, axis=1)[:, :2])
    np.testing.assert_allclose(ranked.scores, -np.sort(-scores, axis=1)[:, :2], atol=1e-6)


@pytest.mark.parametrize("row", [59, 31, 2])
def test_a_stored_image_does_not_speak_for_itself(several, row):
    asked = several.classify(f"k{row}")
    several.remove([f"k{row}"])
    expected = several.classify(several.raw[0][row : row + 1])
    assert asked.nearest == expected.nearest
    np.testing.assert_allclose(asked.distances, expected.distances, atol=1e-6)
    np.testing.assert_allclose(asked.margins, expected.margins, atol=1e-6)


def test_leaving_the_own_class_out(several):
    vectors, labels = several.raw
    ranked = rank_without_class(several._view, vectors[:30], labels[:30], DecisionRule())
    scores = by_class(several, vectors[:30])
    for i, label in enumerate(labels[:30]):
        scores[i, several._view.prototypes.classes.index(label)] = -np.inf
    assert np.array_equal(ranked.codes, np.argsort(-scores, axis=1)[:, :2])
    np.testing.assert_allclose(ranked.scores[:, 0], scores.max(axis=1), atol=1e-6)


def test_calibrate_and_evaluate_take_the_nearest_prototype(several):
    queries, labels = clusters(4, 60)
    give_source(several, queries, [*labels[:40], *["strange"] * 20])
    calibration = several.calibrate("source", fpr=0.2)
    distances = np.sqrt(2 - 2 * by_class(several, queries).max(axis=1).astype(np.float64))
    assert calibration.threshold in distances[40:].astype(np.float32) or calibration.threshold <= distances[40:].min()
    measured = several.evaluate("another source")
    nearest = np.array(several._view.prototypes.classes)[by_class(several, queries).argmax(axis=1)]
    assert measured["accuracy"] == pytest.approx((nearest[:40] == np.array(labels[:40])).mean())
    found = several._view.prototypes
    pairs = [
        np.linalg.norm(found.matrix[i].astype(float) - found.matrix[j])
        for i in range(len(found.matrix))
        for j in range(i)
        if found.owners[i] != found.owners[j]
    ]
    assert measured["interclass_distance"] == pytest.approx(np.mean(pairs), abs=1e-6)
    assert interclass_distance(found.matrix, found.owners) == measured["interclass_distance"]


def test_a_query_with_stored_content_is_evaluated_without_it(tmp_path):
    """One row of class b is the query itself; without it b has only its far row."""
    rows = np.array([[1, 0, 0], [0.8, 0.6, 0], [0, 0, 1], [0.6, 0.8, 0]], dtype=np.float32)
    with Collection.create(tmp_path / "four") as shop:
        shop.add(rows, ["a0", "a1", "b0", "b1"], ["a", "a", "b", "b"])
        shop.keep_prototypes(per_class=2)
        give_source(shop, rows[3:], ["b"], [content(1)])
        assert shop.evaluate("source")["accuracy"] == 1.0
        ranked = rank(shop._view, rows[3:], [np.array([3])], DecisionRule())
        assert [ranked.classes[code] for code in ranked.codes[0]] == ["a", "b"]
        np.testing.assert_allclose(ranked.scores[0], [0.96, 0.0], atol=1e-6)
