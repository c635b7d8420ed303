"""One group, several, or noise: generated groups whose truth is known, in few and many dimensions."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from lookalike import Collection, LookalikeError
from lookalike.measures.evenness import even_distance
from lookalike.search.clustering import density
from lookalike.search.clustering.density import dense_groups

from ..conftest import unit

DIMS = [8, 32, 64, 512]


def group(rng, n, d, spread):
    """n rows about one direction, `spread` away from it on average."""
    return unit(unit(rng.normal(size=(1, d))) + spread * rng.normal(size=(n, d)) / np.sqrt(d))


def noise(rng, n, d):
    return unit(rng.normal(size=(n, d)))


def groups_of(rows, min_size=5):
    codes = dense_groups(rows.astype(np.float32), min_size, "brute")
    assert codes.shape == (len(rows),) and codes.dtype == np.int64
    sizes = np.bincount(codes[codes >= 0])
    assert (sizes[sizes > 0] >= min_size).all()
    return codes, sizes[sizes > 0]


@pytest.mark.parametrize("d", DIMS)
@pytest.mark.parametrize("n", [10, 50, 300])
@pytest.mark.parametrize("spread", [0.02, 0.3, 0.6])
def test_one_group_is_one_cluster(d, n, spread):
    for seed in range(3):
        _, sizes = groups_of(group(np.random.default_rng(seed), n, d, spread))
        assert len(sizes) == 1 and sizes[0] >= 0.75 * n


@pytest.mark.parametrize("d", DIMS)
@pytest.mark.parametrize("n", [5, 20, 100, 400])
def test_noise_is_noise(d, n):
    for seed in range(3):
        _, sizes = groups_of(noise(np.random.default_rng(seed), n, d))
        assert sizes.sum() <= 0.1 * n


@pytest.mark.parametrize("d", DIMS)
@pytest.mark.parametrize("n", [60, 300])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_one_group_among_noise_is_one_cluster(d, n, share):
    rng = np.random.default_rng(d + n)
    odd = int(n * share)
    codes, sizes = groups_of(np.concatenate([group(rng, n - odd, d, 0.3), noise(rng, odd, d)]))
    assert len(sizes) == 1 and (codes[: n - odd] >= 0).mean() > 0.9 and (codes[n - odd :] >= 0).mean() < 0.2


@pytest.mark.parametrize("d", DIMS)
@pytest.mark.parametrize("count", [2, 3, 8])
def test_several_groups_are_several_clusters(d, count):
    rng = np.random.default_rng(d + count)
    rows = np.concatenate([group(rng, 30 + 10 * i, d, 0.2) for i in range(count)])
    truth = np.repeat(np.arange(count), [30 + 10 * i for i in range(count)])
    codes, sizes = groups_of(np.concatenate([rows, noise(rng, 20, d)]))
    assert len(sizes) == count
    assert adjusted_rand_score(truth, codes[: len(truth)]) > 0.9
    assert (codes[len(truth) :] >= 0).mean() < 0.3


def test_overlapping_classes_stay_what_hdbscan_says():
    from sklearn.cluster import HDBSCAN
    from sklearn.datasets import load_digits

    rows = unit(load_digits(return_X_y=True)[0][:900])
    theirs = HDBSCAN(min_cluster_size=15, copy=True).fit_predict(rows)
    assert np.array_equal(groups_of(rows, 15)[0], theirs) and theirs.max() > 2


def collection(tmp_path, rows):
    shop = Collection.create(tmp_path / "shop")
    shop.add(rows.astype(np.float32), [str(i) for i in range(len(rows))], normalise=True)
    return shop


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 40])
def test_copies_of_one_image_are_one_cluster(tmp_path, n):
    with collection(tmp_path, np.repeat(unit(np.ones((1, 16))), n, axis=0)) as shop:
        assert [(each.number, each.size) for each in shop.cluster()] == [(0, n)]
        assert [each.size for each in shop.cluster(min_size=2)] == [n]


def test_one_image_is_no_cluster_and_two_are_one_where_they_look_alike(tmp_path):
    rng = np.random.default_rng(0)
    for name, rows, sizes in [
        ("one", noise(rng, 1, 32), [(-1, 1)]),
        ("alike", group(rng, 2, 32, 0.1), [(0, 2)]),
        ("apart", np.eye(2, 32), [(-1, 2)]),
    ]:
        with collection(tmp_path / name, rows) as shop:
            assert [(each.number, each.size) for each in shop.cluster()] == sizes
            with pytest.raises(
                LookalikeError, match=rf"{len(rows)} images, fewer than .* 9: give a min_size from 2 to"
            ):
                shop.cluster(min_size=9)
            with pytest.raises(LookalikeError, match="k is 3"):
                shop.cluster(3)
            assert sum(each.size for each in shop.cluster(1)) == len(rows)


def test_groups_of_a_tree_without_all_distances_are_the_same():
    rng = np.random.default_rng(1)
    for rows in (
        group(rng, 120, 16, 0.3),
        np.concatenate([group(rng, 60, 16, 0.3) for _ in range(2)]),
        noise(rng, 90, 16),
    ):
        plain, other = (dense_groups(rows.astype(np.float32), 5, way) for way in ("brute", "auto"))
        assert adjusted_rand_score(plain, other) > 0.95


@pytest.mark.parametrize(("n", "d", "k"), [(200, 3, 5), (500, 8, 5), (300, 64, 10)])
def test_the_distance_of_even_rows_is_what_they_have(n, d, k):
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        rows = noise(rng, n, d)
        found.append(np.sort(np.linalg.norm(rows - rows[0], axis=1))[k - 1])
    assert even_distance(n, d, k) == pytest.approx(np.mean(found), rel=0.08)
    assert even_distance(2, d, 2) == pytest.approx(np.sqrt(2)) and even_distance(9, 1, 3) == np.sqrt(2)


def test_the_birth_of_a_cluster_is_where_it_joins_others():
    rows = np.array([[0.0], [0.1], [0.2], [1.0], [1.1], [1.2], [5.0]])
    from sklearn.cluster import HDBSCAN

    found = HDBSCAN(min_cluster_size=3, min_samples=1, copy=True).fit(rows)
    assert found.labels_.tolist()[:6] in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])
    assert density._births(found._single_linkage_tree_, found.labels_, 3) == pytest.approx([0.8, 0.8])
    assert density._first_joins(found._single_linkage_tree_, 7) == pytest.approx([0.1] * 6 + [3.8])
