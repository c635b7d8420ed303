"""Nearest prototype against scikit-learn's NearestCentroid, the collection, and a plain loop."""

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from lookalike import Collection, PrototypeClassifier

from ..conftest import clusters, unit
from ..deciding.test_rank import naive_prototypes


@pytest.mark.parametrize("seed", range(3))
def test_one_prototype_a_class_as_a_loop_has_it(seed):
    vectors, labels = clusters(seed, 70, spread=1.0)
    queries, _ = clusters(seed + 10, 40)
    fitted = PrototypeClassifier().fit(vectors, labels)
    made = fitted.decide(queries)
    for i, query in enumerate(queries):
        (first, score), (_, second) = naive_prototypes(vectors, labels, query)[:2]
        assert fitted.classes_[made.code[i]] == first
        far = np.sqrt(2 - 2 * np.array([score, second]))
        np.testing.assert_allclose([made.distance[i], made.margin[i]], [far[0], far[1] - far[0]], atol=1e-4)


@pytest.mark.filterwarnings("ignore:invalid value")  # one row a class has no variance
def test_as_scikit_learn_s_nearest_centroid_over_the_same_prototypes():
    vectors, labels = clusters(3, 80, classes=6)
    queries, _ = clusters(4, 100, classes=6)
    fitted = PrototypeClassifier().fit(vectors, labels)
    peer = NearestCentroid().fit(fitted.prototypes_, fitted.classes_)
    assert fitted.predict(queries).tolist() == peer.predict(queries).tolist()


@pytest.mark.parametrize("seed", range(2))
def test_the_collection_answers_the_same_bit_for_bit(tmp_path, seed):
    vectors, labels = clusters(seed, 90)
    queries, _ = clusters(seed + 5, 60)
    fitted = PrototypeClassifier().fit(vectors, labels)
    with Collection.create(tmp_path / "c") as collection:
        collection.add(vectors, [str(i) for i in range(90)], labels)
        assert collection.classify(queries).labels == fitted.predict(queries).tolist()
        np.testing.assert_array_equal(collection._view.prototypes.matrix, fitted.prototypes_)


def test_a_class_with_two_sides_needs_two_prototypes():
    rng = np.random.default_rng(0)
    sides = np.array([[1, 0, 0, 0], [-1, 0, 0, 0.2], [0, 1, 0, 0]], float)
    codes = rng.integers(0, 3, 150)
    vectors = unit(sides[codes] + 0.1 * rng.normal(size=(150, 4)))
    labels = np.where(codes == 2, "one", "two sides")
    assert PrototypeClassifier(2).fit(vectors, labels).score(vectors, labels) == 1.0
    fitted = PrototypeClassifier(2).fit(vectors, labels)
    assert np.bincount(fitted.owners_).tolist() == [2, 2]
    for code, name in enumerate(fitted.classes_):
        rows = vectors[labels == name]
        own = fitted.prototypes_[fitted.owners_ == code]
        nearest = (rows @ own.T).argmax(axis=1)
        for side in range(2):  # each is the mean direction of the rows nearest to it
            mean = rows[nearest == side].astype(np.float64).sum(axis=0)
            np.testing.assert_allclose(own[side], mean / np.linalg.norm(mean), atol=1e-6)


def test_never_more_prototypes_than_different_rows():
    X = [[1.0, 0], [1.0, 0], [1.0, 0], [0, 1.0], [-1.0, 0.5]]
    fitted = PrototypeClassifier(4).fit(X, ["a", "a", "a", "b", "b"])
    assert fitted.owners_.tolist() == [0, 1, 1]


def test_zeros_and_classes_of_zeros_do_no_harm():
    fitted = PrototypeClassifier(2).fit([[0.0, 0], [0, 0], [1, 0], [0, 0]], ["none", "none", "some", "some"])
    assert fitted.predict([[1.0, 0.0], [0.0, 1.0]]).tolist() == ["some", "some"]


def test_per_class_below_one_is_named():
    with pytest.raises(ValueError, match="per_class is 0"):
        PrototypeClassifier(0).fit([[1.0], [2.0]], [0, 1])
