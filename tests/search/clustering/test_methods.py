"""Clusters: what k-means and HDBSCAN find, described by a plain loop."""

from collections import Counter

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN
from sklearn.metrics import normalized_mutual_info_score

from lookalike import Collection, LookalikeError
from lookalike.search.clustering import methods as module
from lookalike.search.clustering.clusters import NOISE, by_size

from ..conftest import clusters as made_clusters
from ..conftest import unit


@pytest.fixture
def blobs(tmp_path):
    """200 rows in five tight groups, every seventh unlabelled, some rows removed; (collection, live labels)."""
    vectors, labels = made_clusters(3, 200, d=6, classes=5, spread=0.1)
    labels = [None if i % 7 == 0 else label for i, label in enumerate(labels)]
    with Collection.create(tmp_path / "blobs") as shop:
        shop.add(vectors, [f"k{i}" for i in range(200)], labels)
        shop.remove([f"k{i}" for i in range(0, 200, 11)])
        live = [i for i in range(200) if i % 11]
        shop.raw = (vectors[live], [labels[i] for i in live], [f"k{i}" for i in live])
        yield shop


def check(shop, found):
    """Every number of the answer, by hand."""
    vectors, labels, keys = shop.raw
    assert found.keys() == keys and len(found.codes) == len(keys)
    sizes = [each.size for each in found if each.number != NOISE]
    assert sizes == sorted(sizes, reverse=True) and len(found) == len(sizes)
    assert sum(each.size for each in found) == len(keys)
    kept = []
    for each in found:
        mine = [i for i, code in enumerate(found.codes) if code == each.number]
        assert each.size == len(mine)
        named = [labels[i] for i in mine if labels[i] is not None]
        if named:
            assert each.label == max(sorted(set(named)), key=named.count)
            assert each.purity == pytest.approx(named.count(each.label) / len(named))
        else:
            assert (each.label, each.purity) == (None, None)
        if each.number == NOISE:
            assert (each.spread, each.medoids) == (None, ())
            continue
        kept += [(labels[i], each.number) for i in mine if labels[i] is not None]
        mean = vectors[mine].astype(np.float64).mean(axis=0)
        mean /= np.linalg.norm(mean)
        far = np.linalg.norm(vectors[mine] - mean, axis=1)
        assert each.spread**2 == pytest.approx(np.mean(far**2), abs=2e-7)
        places = [keys.index(key) for key in each.medoids]
        assert len(places) == len(set(places)) == min(3, len(mine)) and set(places) <= set(mine)
        own = np.linalg.norm(vectors[places] - mean, axis=1)
        assert own == pytest.approx(np.sort(far)[:3], abs=1e-6)
        total = ((vectors[mine][:, None].astype(np.float64) - vectors[mine][None]) ** 2).sum(axis=(1, 2))
        assert total[mine.index(places[0])] == pytest.approx(total.min(), abs=1e-5)
    assert found.noise == sum(each.size for each in found if each.number == NOISE)
    truth, given = zip(*kept, strict=True)
    assert found.nmi == pytest.approx(normalized_mutual_info_score(truth, given), abs=1e-9)
    best = sum(Counter(label for label, other in kept if other == code).most_common(1)[0][1] for code in set(given))
    assert found.purity == pytest.approx(best / len(kept))


def test_hdbscan_is_the_default_and_is_scikit_learn_s(blobs):
    found = blobs.cluster()
    check(blobs, found)
    assert found.method == "hdbscan" and len(found) == 5
    theirs = HDBSCAN(min_cluster_size=5, copy=True).fit_predict(blobs.raw[0])
    assert np.array_equal(found.codes, by_size(theirs))


def test_k_means_finds_the_groups(blobs):
    found = blobs.cluster(5)
    check(blobs, found)
    assert found.method == "kmeans" and len(found) == 5 and found.noise == 0
    assert found.purity == pytest.approx(1.0)
    assert np.array_equal(found.codes, blobs.cluster(5, seed=0).codes)


@pytest.mark.parametrize("k", [1, 2, 7, 40])
def test_any_number_of_clusters_is_described(blobs, k):
    found = blobs.cluster(k)
    check(blobs, found)
    assert len(found) <= k


def test_each_row_belongs_to_the_nearest_centre(blobs):
    from lookalike.indexer.clusters import kmeans

    rows = blobs._view.store.live_rows()
    codes, centres = kmeans(blobs._view.store, rows, 6)
    assert np.allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-5)
    scores = blobs.raw[0] @ centres.T
    assert np.allclose(np.take_along_axis(scores, codes[:, None], 1)[:, 0], scores.max(axis=1), atol=1e-6)
    for code in set(codes.tolist()):  # settled: each centre is the direction of its rows
        mean = blobs.raw[0][codes == code].mean(axis=0)
        assert np.allclose(centres[code], mean / np.linalg.norm(mean), atol=1e-3)


def test_noise_is_counted_apart(tmp_path):
    rng = np.random.default_rng(0)
    tight = unit(np.repeat(np.eye(3, 8), 12, axis=0) + 0.03 * rng.normal(size=(36, 8)))
    spread = unit(rng.normal(size=(9, 8)))
    with Collection.create(tmp_path / "noisy") as shop:
        keys = [f"k{i}" for i in range(45)]
        labels = [f"c{i // 12}" for i in range(36)] + [None] * 9
        shop.add(np.concatenate([tight, spread]), keys, labels)
        shop.raw = (np.concatenate([tight, spread]), labels, keys)
        found = shop.cluster(min_size=6)
        check(shop, found)
        assert found.noise > 0 and found.clusters[-1].number == NOISE and found.clusters[-1].label is None
        assert f"{found.noise} of them noise" in str(found)


def test_without_labels_nothing_is_said_of_purity(tmp_path):
    vectors, _ = made_clusters(1, 40)
    with Collection.create(tmp_path / "bare") as shop:
        shop.add(vectors, [str(i) for i in range(40)])
        found = shop.cluster(3)
        assert (found.purity, found.nmi) == (None, None) and {each.label for each in found} == {None}
        assert "no labels" in str(found)


def test_copies_are_one_cluster(tmp_path):
    with Collection.create(tmp_path / "copies") as shop:
        shop.add(np.repeat(unit(np.eye(2, 4)), 6, axis=0), [str(i) for i in range(12)], ["a"] * 6 + ["b"] * 6)
        assert [each.size for each in shop.cluster(4)] == [6, 6]
        assert [each.size for each in shop.cluster()] == [6, 6]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"k": 0}, "k is 0"),
        ({"k": 1000}, "k is 1000: it must be a whole number from 1 to 181"),
        ({"method": "magic"}, "'magic'"),
        ({"method": "kmeans"}, "needs the number of clusters"),
        ({"k": 3, "method": "hdbscan"}, "k is 3"),
        ({"k": 3, "min_size": 4}, "min_size is 4"),
        ({"min_size": 1}, "min_size is 1"),
        ({"min_size": 500}, "fewer than the smallest cluster of 500"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(blobs, options, named):
    with pytest.raises(LookalikeError, match=named):
        blobs.cluster(**options)


def test_too_many_images_for_hdbscan_are_pointed_to_k(blobs, monkeypatch):
    monkeypatch.setattr(module, "MATRIX_ROWS", 100)
    monkeypatch.setattr(module, "MOST_WORK", 6 * 150.0**2)
    assert module.most_rows(6) == 150
    with pytest.raises(LookalikeError, match=r"181 images.*150 images of 6 dimensions: give k"):
        blobs.cluster()
    monkeypatch.setattr(module, "MOST_WORK", 6 * 200.0**2)  # pair by pair, without the matrix
    check(blobs, blobs.cluster())


def test_an_empty_collection_has_nothing_to_cluster(tmp_path):
    with Collection.create(tmp_path / "empty") as shop, pytest.raises(LookalikeError, match="no images"):
        shop.cluster(2)


def test_numbers_go_by_size_then_by_first_row():
    assert by_size(np.array([7, 7, -1, 3, 3, 9, 9, 9])).tolist() == [1, 1, -1, 2, 2, 0, 0, 0]
    assert by_size(np.array([-1, -1])).tolist() == [-1, -1]
