"""The linear estimator against scikit-learn's LogisticRegression on the same unit rows."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from lookalike import LinearClassifier

from ..conftest import clusters


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_orders_the_classes_as_logistic_regression_does(classes):
    vectors, labels = clusters(0, 150, classes=classes, spread=1.5)
    queries, _ = clusters(1, 100, classes=classes, spread=1.5)
    fitted = LinearClassifier(C=3.0, tol=1e-8, max_iter=2000, whiten=False).fit(vectors, labels)
    peer = LogisticRegression(C=3.0, tol=1e-8, max_iter=2000).fit(vectors.astype(np.float64), labels)
    np.testing.assert_allclose(fitted.predict_proba(queries), peer.predict_proba(queries), atol=1e-4)
    np.testing.assert_allclose(fitted.decision_function(queries), peer.decision_function(queries), atol=2e-3)
    assert fitted.predict(queries).tolist() == peer.predict(queries).tolist()
    assert fitted.coef_.shape == (classes, 8)


def test_the_distance_is_to_the_answer_s_prototype_and_the_margin_to_the_next_class_s():
    vectors, labels = clusters(2, 120, spread=1.5)
    queries, _ = clusters(3, 80, spread=1.5)
    fitted = LinearClassifier().fit(vectors, labels)
    made, shares = fitted.decide(queries), fitted.predict_proba(queries)
    order = np.argsort(-shares, axis=1)
    for i, query in enumerate(queries):
        means = [vectors[np.array(labels) == name].astype(np.float64).sum(axis=0) for name in fitted.classes_[order[i]]]
        far = [np.linalg.norm(query - mean / np.linalg.norm(mean)) for mean in means]
        assert made.code[i] == order[i, 0]
        np.testing.assert_allclose([made.distance[i], made.margin[i]], [far[0], far[1] - far[0]], atol=1e-4)
    assert (made.margin < 0).any(), "the head's first class is not always the nearest"


def test_one_class_alone_is_always_the_answer():
    fitted = LinearClassifier().fit([[1.0, 0], [0, 1.0]], ["only", "only"])
    assert fitted.predict([[-1.0, 0.0]]).tolist() == ["only"]
    assert fitted.predict_proba([[-1.0, 0.0]]).tolist() == [[1.0]]
    assert np.isnan(fitted.decide([[-1.0, 0.0]]).margin).all()


def test_too_few_iterations_are_said():
    vectors, labels = clusters(2, 120, spread=1.5)
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        LinearClassifier(max_iter=1).fit(vectors, labels)


def test_whiten_must_be_a_choice():
    with pytest.raises(ValueError, match="whiten is 'yes'"):
        LinearClassifier(whiten="yes").fit([[1.0], [2.0]], [0, 1])
