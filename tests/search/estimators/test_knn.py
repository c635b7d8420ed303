"""k-NN against scikit-learn's KNeighborsClassifier and a plain loop, with ties."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from lookalike import KNNClassifier

from ..conftest import clusters, unit
from ..deciding.test_rank import naive_vote


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("k", [1, 3, 10])
def test_votes_as_scikit_learn_does_where_no_votes_are_tied(k, weights):
    vectors, labels = clusters(0, 200, spread=1.2)
    queries, _ = clusters(1, 150, spread=1.2)
    peer = KNeighborsClassifier(k, weights=weights).fit(vectors, labels)
    shares = np.sort(peer.predict_proba(queries), axis=1)
    clear = shares[:, -1] - shares[:, -2] > 1e-6
    assert clear.sum() > 70
    said = KNNClassifier(k, weights=weights).fit(vectors, labels).predict(queries)
    assert said[clear].tolist() == peer.predict(queries)[clear].tolist()


@pytest.mark.parametrize("seed", range(3))
def test_ties_and_distances_as_a_loop_has_them(seed):
    rng = np.random.default_rng(seed)
    corners = unit(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 1, 1]], float))
    vectors = corners[rng.integers(0, 5, 40)]
    labels = [f"c{code}" for code in rng.integers(0, 3, 40)]
    queries = corners[rng.integers(0, 5, 20)]
    fitted = KNNClassifier(7).fit(vectors, labels)
    made = fitted.decide(queries)
    for i, query in enumerate(queries):
        winner, score = naive_vote(vectors, labels, query, 7)
        assert fitted.classes_[made.code[i]] == winner
        assert made.distance[i] == pytest.approx(np.sqrt(max(0, 2 - 2 * score)), abs=1e-3)


def test_fewer_rows_than_neighbours_all_vote():
    fitted = KNNClassifier(10).fit([[1.0, 0], [0, 1.0], [0.1, 1.0]], ["a", "b", "b"])
    assert fitted.predict([[1.0, 0.0]]).tolist() == ["b"]


def test_many_queries_are_asked_in_pieces(monkeypatch):
    vectors, labels = clusters(0, 60)
    queries, _ = clusters(1, 50)
    whole = KNNClassifier().fit(vectors, labels).predict(queries)
    monkeypatch.setattr("lookalike.search.estimators.knn._QUERIES", 7)
    assert KNNClassifier().fit(vectors, labels).predict(queries).tolist() == whole.tolist()


@pytest.mark.parametrize("options", [{"n_neighbors": 0}, {"n_neighbors": 2.5}, {"weights": "x"}])
def test_settings_that_cannot_be_are_named(options):
    with pytest.raises(ValueError, match="|".join(map(str, options))):
        KNNClassifier(**options).fit([[1.0], [2.0]], [0, 1])


@pytest.mark.parametrize("k", [1, 4, None])
def test_neighbours_as_scikit_learn_gives_them(k):
    vectors, labels = clusters(0, 80)
    queries, _ = clusters(1, 30)
    peer, ours = KNeighborsClassifier(5).fit(vectors, labels), KNNClassifier(5).fit(3 * vectors, labels)
    for asked in (queries, None):
        expected, places = peer.kneighbors(asked, k)
        distances, indices = ours.kneighbors(asked if asked is None else 7 * asked, k)
        assert indices.tolist() == places.tolist() and distances.dtype == np.float64
        np.testing.assert_allclose(distances, expected, atol=1e-3)
        assert ours.kneighbors(asked, k, return_distance=False).tolist() == places.tolist()


def test_a_row_is_none_of_its_own_neighbours_however_many_copies_there_are():
    fitted = KNNClassifier(3).fit([[1.0, 0]] * 6 + [[0, 1.0]], list("aaaabbb"))
    for row, hits in enumerate(fitted.kneighbors(n_neighbors=3, return_distance=False).tolist()):
        assert row not in hits and len(set(hits)) == 3
    assert fitted.kneighbors(n_neighbors=6)[1].shape == (7, 6)
    with pytest.raises(ValueError, match="n_neighbors is 7: it must be at most 6"):
        fitted.kneighbors(n_neighbors=7)
    with pytest.raises(ValueError, match="n_neighbors is 0"):
        fitted.kneighbors([[1.0, 0]], 0)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_shares_of_the_votes_as_scikit_learn_has_them(weights):
    vectors, labels = clusters(0, 80)
    queries, _ = clusters(1, 30)
    queries = np.concatenate([queries, vectors[:5]])  # some at distance 0
    peer = KNeighborsClassifier(7, weights=weights).fit(vectors, labels)
    ours = KNNClassifier(7, weights=weights, threshold=0.01).fit(vectors, labels)
    shares = ours.predict_proba(queries)
    atol = 1e-6 if weights == "uniform" else 1e-3
    np.testing.assert_allclose(shares[:30], peer.predict_proba(queries)[:30], atol=atol)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert KNNClassifier(9).fit([[1.0, 0], [0, 1.0]], ["a", "b"]).predict_proba([[1.0, 0]]).tolist() == [[0.5, 0.5]]
