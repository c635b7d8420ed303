import numpy as np
import pytest

from lookalike.measures.verification import allowed_accepts, auc_between, roc

from .oracles import auc, eer, tpr_at_fpr

RATES = (0.0, 1e-3, 0.01, 0.1, 0.29, 0.5, 1.0)


def cases():
    """Random and adversarial pairs: none, many and only ties, perfect, reversed, single, unbalanced."""
    rng = np.random.default_rng(7)
    for size in (2, 3, 10, 100, 1000):
        for decimals in (0, 1, 8):
            same = rng.random(size) < 0.3
            same[:2] = True, False
            yield (rng.normal(size=size) + same).round(decimals), same
    yield np.zeros(9), np.arange(9) < 4
    yield np.arange(9.0), np.arange(9) > 4
    yield np.arange(9.0), np.arange(9) < 4
    yield np.array([0.5, 0.5, -0.0, 0.0]), np.array([True, False, True, False])
    yield np.arange(2000.0)[::-1] % 700, np.arange(2000) == 17


CASES = list(cases())


def naive_tpr(scores, same, fpr):
    points = [(np.mean(scores[~same] >= cut), np.mean(scores[same] >= cut)) for cut in [*np.unique(scores), np.inf]]
    return max(tpr for false, tpr in points if false <= fpr)


@pytest.mark.parametrize(("scores", "same"), CASES)
def test_equals_scikit_learn(scores, same):
    from sklearn.metrics import roc_auc_score, roc_curve

    fpr, tpr, thresholds = roc(scores, same)
    for got, expected in zip((fpr, tpr, thresholds), roc_curve(same, scores, drop_intermediate=False), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-14)
    assert auc(scores, same) == pytest.approx(roc_auc_score(same, scores), abs=1e-12)


@pytest.mark.parametrize(("scores", "same"), CASES)
def test_auc_equals_counting_all_pairs(scores, same):
    wins = [(a > b) + 0.5 * (a == b) for a in scores[same] for b in scores[~same]]
    assert auc(scores, same) == pytest.approx(np.mean(wins), abs=1e-12)
    assert auc(scores.astype(np.float32), ~same) == pytest.approx(1 - auc(scores.astype(np.float32), same), abs=1e-12)


@pytest.mark.parametrize("fpr", RATES)
@pytest.mark.parametrize(("scores", "same"), CASES)
def test_tpr_at_fpr_equals_trying_every_threshold(scores, same, fpr):
    assert tpr_at_fpr(scores, same, fpr) == naive_tpr(scores, same, fpr)


@pytest.mark.parametrize(("scores", "same"), CASES)
def test_eer_lies_on_the_line_of_the_roc(scores, same):
    from scipy.interpolate import interp1d
    from scipy.optimize import brentq
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(same, scores, drop_intermediate=False)
    got = eer(scores, same)
    steep = np.r_[True, np.diff(fpr) > 0]  # where the curve is upright any TPR between is on it
    upright = [(f, t0, t1) for f, t0, t1 in zip(fpr[1:], tpr[:-1], tpr[1:], strict=True) if t0 <= 1 - f <= t1]
    exact = [f for f, t0, t1 in upright if any(f == other for other in fpr[~steep])]
    if exact:
        assert got == pytest.approx(exact[0], abs=1e-12)
    else:
        line = interp1d(fpr, tpr)
        assert got == pytest.approx(brentq(lambda x: 1 - x - line(x), 0, 1), abs=1e-9)


def test_known_equal_error_rates():
    assert eer(np.array([1.0, 2, 3, 4]), np.array([False, False, True, True])) == 0.0
    assert eer(np.array([1.0, 2, 3, 4]), np.array([True, True, False, False])) == 1.0
    assert eer(np.zeros(4), np.array([True, False, True, False])) == 0.5
    assert eer(np.array([1.0, 2, 3, 4]), np.array([False, True, False, True])) == 0.5


@pytest.mark.parametrize("kind", [True, False])
@pytest.mark.parametrize("size", [0, 1, 5])
def test_one_kind_is_undefined(size, kind):
    scores, same = np.arange(float(size)), np.full(size, kind)
    assert auc(scores, same) is None
    assert eer(scores, same) is None
    assert tpr_at_fpr(scores, same, 0.1) is None
    fpr, tpr, thresholds = roc(scores, same)
    assert len(fpr) == len(tpr) == len(thresholds) == size + 1
    assert np.isnan(fpr).all() == (kind or size == 0)
    assert np.isnan(tpr).all() == (not kind or size == 0)


def test_missing_hits_are_the_lowest_scores():
    scores, same = np.array([-np.inf, -np.inf, 0.1, 0.2]), np.array([False, True, False, True])
    assert auc(scores, same) == (0.5 + 0 + 1 + 1) / 4
    assert tpr_at_fpr(scores, same, 0.5) == 0.5


def test_many_pairs_are_looked_up_in_steps(monkeypatch):
    rng = np.random.default_rng(3)
    high, low = rng.integers(0, 50, 400), rng.integers(0, 50, 300)
    expected = auc_between(high, low)
    monkeypatch.setattr("lookalike.measures.verification._STEP", 7)
    assert (
        auc_between(high, low) == expected == pytest.approx(np.mean((high[:, None] > low) + (high[:, None] == low) / 2))
    )


@pytest.mark.parametrize("different", [0, 1, 7, 100, 999, 1000, 45_000_000])
def test_allowed_accepts_keep_the_rate_and_one_more_would_not(different):
    for fpr in (*RATES, 0.07, 1 / 3):
        allowed = allowed_accepts(different, fpr)
        assert allowed <= different
        assert allowed == 0 or allowed / different <= fpr
        assert allowed == different or (allowed + 1) / different > fpr


@pytest.mark.parametrize("measure", [auc, roc, eer])
def test_refuses_nan_and_shapes_that_do_not_fit(measure):
    with pytest.raises(ValueError, match="value 1 is NaN"):
        measure(np.array([0.0, np.nan]), np.array([True, False]))
    with pytest.raises(ValueError, match="one bool for each score"):
        measure(np.zeros(3), np.array([True, False]))
    with pytest.raises(ValueError, match="one bool for each score"):
        measure(np.zeros(2), np.array([1, 0]))
    with pytest.raises(ValueError, match="one-dimensional array"):
        measure(np.zeros((2, 2)), np.ones((2, 2), dtype=bool))


@pytest.mark.parametrize("fpr", [-0.1, 1.1, np.nan])
def test_refuses_an_impossible_fpr(fpr):
    with pytest.raises(ValueError, match="fpr"):
        tpr_at_fpr(np.array([1.0, 0.0]), np.array([True, False]), fpr)
