"""Equal vectors have score 1 and distance 0, and no score leaves [-1, 1], whoever computes it."""

import numpy as np
import pytest

from lookalike import Collection
from lookalike.indexer.segments import instances as instances_module
from lookalike.search.estimators.class_means import scores_of
from lookalike.search.estimators.knn import KNNClassifier
from lookalike.search.estimators.prototype import PrototypeClassifier
from lookalike.search.neighbours.nearest import nearest_of_each

from .conftest import unit

D = 48


def rows_and_copies(seed=0, n=500):
    rng = np.random.default_rng(seed)
    rows = unit(rng.normal(size=(n, D)))
    near = rows + 10.0 ** rng.uniform(-8, -3, (n, 1)) * rng.normal(size=(n, D))  # and near copies, and opposites
    return unit(np.concatenate([rows, rows, near, -rows[:50]]))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    vectors = rows_and_copies()
    with Collection.create(tmp_path_factory.mktemp("equal") / "shop") as made:
        made.add(vectors, [str(i) for i in range(len(vectors))], [f"c{i % 500 // 10}" for i in range(len(vectors))])
        made.raw = vectors
        yield made


def check(shop, hits, queries, complete=True):
    """Bounds, the true distances, score 1 for copies alone, and the order by (-score, row)."""
    rows, scores, distances = hits.rows, hits.scores, hits.distances
    there = rows >= 0
    assert scores[there].max() <= 1 and scores[there].min() >= -1
    true = np.linalg.norm(shop.raw[rows].astype(np.float64) - queries[:, None], axis=2)
    far = 1.9  # beyond, a distance of float32 scores is exact, and the unit rows are not
    assert np.abs(distances - true)[there & (true < far)].max() <= 2.5e-4
    equal = (shop.raw[rows] == queries[:, None]).all(axis=2) & there
    assert (scores[equal] == 1).all() and (distances[equal] == 0).all()
    for mine, given in zip(rows, scores, strict=True):
        found = [(-s, r) for s, r in zip(given, mine, strict=True) if r >= 0]
        assert found == sorted(found)
    if complete:
        assert (equal.sum(axis=1) == [(shop.raw == query).all(axis=1).sum() for query in queries]).all()


SPECS = [None, "Flat", "IVF8,Flat", "HNSW16", "SQ8", "IVF8,SQ8", "PQ8x4fs", "IVF8,PQ8", "SQ8,RFlat", "RaBitQ"]


@pytest.mark.parametrize("spec", SPECS)
def test_every_path_of_a_search_gives_equal_rows_distance_0(shop, spec):
    if spec is not None:
        shop.index(spec=spec, recall=1.0)
    for exact in (False, True):
        for count in (1, 3, 40):  # one query alone, a loop, and a matrix product
            queries = shop.raw[:count]
            for k in (1, 5, 30):
                check(shop, shop.search(queries, k, exact=exact), queries, complete=k > 4 and spec in (None, "Flat"))


def test_all_rows_of_a_search_stay_within_bounds(shop):
    hits = shop.search(shop.raw[:20], len(shop))
    check(shop, hits, shop.raw[:20])
    assert np.allclose(hits.scores.min(axis=1), -1, atol=1e-6)  # the opposite rows


def test_one_query_of_a_clean_segment_stays_within_bounds(tmp_path):
    rows = unit(np.random.default_rng(1).normal(size=(300, D)))
    with Collection.create(tmp_path / "lean") as shop:
        shop.add(rows, [str(i) for i in range(300)])
        shop.index(spec="Flat")
        shop.raw = rows
        shop.search(rows[:1], 1)
        assert shop._view.instances._lean is not None
        for row in range(300):
            check(shop, shop.search(rows[row], 5), rows[row : row + 1])
            check(shop, shop.search(-rows[row], 299), -rows[row : row + 1])


def test_a_tail_that_memory_does_not_hold_gives_equal_rows_distance_0(shop, monkeypatch):
    monkeypatch.setattr(instances_module, "TAIL_BYTES", 1000)
    with Collection.open(shop.path, 2) as scanned:
        scanned.raw = shop.raw
        check(scanned, scanned.search(shop.raw[:9], 6), shop.raw[:9])


def test_a_key_s_copies_are_at_distance_0(shop):
    hits = shop.search(["3", "7"], 1)
    assert hits.rows[:, 0].tolist() == [503, 507] and (hits.distances == 0).all() and (hits.scores == 1).all()


@pytest.mark.parametrize("by", ["prototype", "knn", "linear"])
def test_decisions_about_a_class_of_one_image_are_at_distance_0(tmp_path, by):
    rows = unit(np.random.default_rng(2).normal(size=(60, D)))
    with Collection.create(tmp_path / by) as shop:
        shop.add(rows, [str(i) for i in range(60)], [f"c{i:02}" for i in range(60)])
        for indexed in (False, True):
            if indexed:
                shop.index()
            made = shop.classify(rows, by, k=1)
            assert made.labels == [f"c{i:02}" for i in range(60)]
            assert made.distances.max() <= (0 if by == "knn" else 2.5e-4)
            scores = shop._view.prototypes.scores(rows)
            assert scores.max() == 1 and scores.min() >= -1
        every = nearest_of_each(shop._view.store, rows, [np.empty(0, np.int64)] * 60)
        assert (np.diagonal(every) == 1).all() and every.min() >= -1


def test_estimators_give_a_row_they_have_learned_distance_0():
    rows = unit(np.random.default_rng(3).normal(size=(40, D)))
    for made in (KNNClassifier(1), PrototypeClassifier()):
        assert made.fit(rows, np.arange(40)).decide(rows).distance.max() <= 2.5e-4
    assert scores_of(rows, rows, np.arange(40)).max() <= 1
