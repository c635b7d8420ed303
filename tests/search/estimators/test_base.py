"""What the three estimators share: scikit-learn's own checks, labels of y's dtype, rejection by distance."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import check_estimator

from lookalike import KNNClassifier, LinearClassifier, PrototypeClassifier
from lookalike.search.estimators.base import unit_or_zero, unknown_of

from ..conftest import clusters

ALL = [KNNClassifier, LinearClassifier, PrototypeClassifier]
# Two prototypes a class, not more: of the checks' two-dimensional blobs unit rows keep the angle alone. No threshold:
# their labels include -1, which cannot stand for unknown then.
VARIANTS = [
    KNNClassifier(),
    KNNClassifier(3, weights="distance"),
    LinearClassifier(),
    PrototypeClassifier(),
    PrototypeClassifier(2),
]


@pytest.mark.parametrize("estimator", VARIANTS, ids=repr)
def test_scikit_learn_s_own_checks_pass(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, on_skip=None, on_fail="raise")
    passed = [result for result in results if result["status"] == "passed"]
    skipped = {result["check_name"]: str(result["exception"]) for result in results if result["status"] == "skipped"}
    assert len(passed) > 40 and len(passed) + len(skipped) == len(results)
    # What is skipped needs another library (pandas, polars, an array API); nothing of ours asks for it.
    assert all("is not installed" in why or "array_api" in name.lower() for name, why in skipped.items()), skipped


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("names", "unknown"),
    [
        (np.array([3, 5, 9, 12], np.int16), -1),
        (np.array([1.0, 2.0, 3.0, 4.0]), np.nan),
        (np.array(["a", "b", "c", "d"]), "unknown"),
        (np.array(["a", "b", "c", "d"], object), "unknown"),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_rejected_rows_get_a_label_of_y_s_own_dtype(kind, names, unknown):
    vectors, labels = clusters(0, 60)
    y = names[[int(label[1:]) for label in labels]]
    queries, _ = clusters(1, 40)
    plain = kind().fit(vectors, y)
    made = plain.decide(queries)
    cut = float(np.median(made.distance))
    said = kind(threshold=cut).fit(vectors, y).predict(queries)
    refused = made.distance > np.float32(cut)
    assert 0 < refused.sum() < 40
    assert said.dtype.kind == y.dtype.kind and (said.dtype == y.dtype or y.dtype.kind == "U")
    np.testing.assert_array_equal(said[~refused], plain.predict(queries)[~refused])
    np.testing.assert_array_equal(said[refused], np.array([unknown] * int(refused.sum()), dtype=said.dtype))


@pytest.mark.parametrize("kind", ALL)
def test_thresholds_a_class_and_a_label_that_was_given(kind):
    vectors, labels = clusters(2, 60)
    cuts = np.array([-1.0, np.nan, 2.0, 0.0], np.float32)  # never, always, always, only upon it
    said = kind(threshold=cuts, unknown_label="?").fit(vectors, labels).predict(vectors)
    plain = kind().fit(vectors, labels)
    made, answers = plain.decide(vectors), plain.predict(vectors)
    for answer, name, distance in zip(said, answers, made.distance, strict=True):
        refused = name == "c0" or (name == "c3" and distance > 0)
        assert answer == ("?" if refused else name)
    assert "?" in said and {"c1", "c2"} <= set(said)


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ([True, False], {}, "bool, for which there is no default"),
        (np.array([1, 2], np.uint8), {}, "uint8, for which there is no default"),
        ([-1, 1], {}, "unknown_label -1 is a class"),
        (["a", "unknown"], {}, "'unknown' is a class"),
        ([1, 2], {"unknown_label": "x"}, "'x': it must be a value of y's dtype, int64"),
        ([1, 2], {"unknown_label": 1.5}, "1.5: it must be a value"),
        (np.array([1, 2], np.int8), {"unknown_label": 300}, "300: it must be a value"),
        (["a", "b"], {"unknown_label": 3}, "3: it must be a value"),
    ],
)
@pytest.mark.parametrize("kind", ALL)
def test_a_label_for_unknown_that_cannot_be_is_named(kind, y, options, message):
    X = [[1.0, 0.0], [0.0, 1.0]]
    kind(**options).fit(X, y).predict(X)  # without a threshold nothing is refused
    with pytest.raises(ValueError, match=message):
        kind(threshold=0.5, **options).fit(X, y)


def test_an_unsigned_y_takes_an_unsigned_label():
    classes = np.array([1, 2], np.uint8)
    assert unknown_of(classes, 255).tolist() == [255] and unknown_of(classes, 255).dtype == np.uint8


@pytest.mark.parametrize("kind", ALL)
def test_length_does_not_matter(kind):
    vectors, labels = clusters(3, 50)
    queries, _ = clusters(4, 30)
    plain = kind().fit(vectors, labels)
    scaled = kind().fit(vectors * np.logspace(-30, 30, 50)[:, None], labels)
    assert plain.predict(queries).tolist() == scaled.predict(queries * 1e9).tolist()
    np.testing.assert_allclose(plain.decide(queries).distance, scaled.decide(queries * 1e9).distance, atol=1e-5)


@pytest.mark.parametrize("kind", ALL)
def test_a_row_of_zeros_lies_at_the_root_of_two_from_everything(kind):
    vectors, labels = clusters(5, 40)
    made = kind().fit(vectors, labels).decide(np.zeros((2, 8)))
    np.testing.assert_allclose(made.distance, np.sqrt(2), rtol=1e-6)
    assert (made.code >= 0).all()


@pytest.mark.parametrize("kind", ALL)
def test_classes_that_all_cancel_out_are_still_answered(kind):
    X, y = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], [0, 0, 1, 1]
    fitted = kind().fit(X, y)
    assert set(fitted.predict(X)) <= {0, 1}
    if kind is not KNNClassifier:
        np.testing.assert_allclose(fitted.decide(X).distance, 2)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3), min_size=1))
def test_any_finite_row_becomes_a_unit_row_or_zeros(rows):
    lengths = np.linalg.norm(unit_or_zero(np.array(rows)), axis=1)
    zero = ~np.array(rows).any(axis=1)
    np.testing.assert_allclose(lengths, np.where(zero, 0.0, 1.0), atol=1e-6)


def test_skips_are_reported_by_scikit_learn_as_warnings():
    """What the first test relies on: a skipped check is not silently counted as passed."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        results = check_estimator(PrototypeClassifier(), on_fail="raise")
    skipped = sum(result["status"] == "skipped" for result in results)
    assert sum(issubclass(warning.category, SkipTestWarning) for warning in seen) >= skipped
