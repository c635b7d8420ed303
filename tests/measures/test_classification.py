import numpy as np
import pytest

from lookalike.measures.classification import class_scores

NAMES = ("precision", "recall", "f1")


def cases():
    """Random answers, classes never asked or answered, all right, all wrong, all unknown, one class, nothing."""
    rng = np.random.default_rng(0)
    yield rng.integers(-1, 6, 300), rng.integers(-1, 6, 300), 6
    yield rng.integers(0, 3, 50), rng.integers(2, 5, 50), 7
    yield np.arange(5), np.arange(5), 5
    yield np.arange(5), (np.arange(5) + 1) % 5, 5
    yield np.arange(5), np.full(5, -1), 5
    yield np.full(5, -1), np.full(5, -1), 2
    yield np.zeros(4, int), np.zeros(4, int), 1
    yield np.zeros(0, int), np.zeros(0, int), 3


@pytest.mark.parametrize(("truth", "answers", "classes"), list(cases()))
def test_equals_scikit_learn(truth, answers, classes):
    from sklearn.metrics import precision_recall_fscore_support

    got = class_scores(truth, answers, classes)
    order = [*range(classes), -1]
    if len(truth):
        peer = precision_recall_fscore_support(truth, answers, labels=order[:-1], zero_division=np.nan)
        for values, name in zip(peer, (*NAMES, "support"), strict=True):
            np.testing.assert_allclose(getattr(got, name), values, err_msg=name)
        macro = precision_recall_fscore_support(
            truth, answers, labels=order[:-1], zero_division=np.nan, average="macro"
        )
        for name, value in zip(NAMES, macro, strict=False):
            assert got.macro()[name] == (None if np.isnan(value) else pytest.approx(value))
    else:
        assert got.macro() == {"precision": None, "recall": None, "f1": None}


@pytest.mark.parametrize(("truth", "answers", "classes"), list(cases()))
def test_equals_a_loop(truth, answers, classes):
    got = class_scores(truth, answers, classes)
    for code in range(classes):
        right = sum(t == a == code for t, a in zip(truth, answers, strict=True))
        belong, answered = sum(truth == code), sum(answers == code)
        for name, part, whole in (
            ("precision", right, answered),
            ("recall", right, belong),
            ("f1", 2 * right, answered + belong),
        ):
            expected = part / whole if whole else np.nan
            assert getattr(got, name)[code] == pytest.approx(expected, nan_ok=True)


def test_unknown_images_and_answers_count_where_they_hurt():
    got = class_scores(np.array([0, 0, -1, -1]), np.array([0, -1, 0, -1]), 1)
    assert (got.precision[0], got.recall[0], got.f1[0]) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("truth", "answers", "said"),
    [
        (np.array([0, 2]), np.array([0, 1]), "truth int64 from 0 to 2"),
        (np.array([0, 1]), np.array([0, -2]), "answers int64 from -2 to 0"),
        (np.array([0.0, 1.0]), np.array([0, 1]), "truth float64"),
        (np.array([0]), np.array([0, 1]), "one length"),
    ],
)
def test_refuses_other_codes(truth, answers, said):
    with pytest.raises(ValueError, match=said):
        class_scores(truth, answers, 2)
