"""Curves summed up range by range, against the measures of all scores at once."""

import numpy as np
import pytest

from lookalike.measures.curve import Counted, Sorted, summed
from lookalike.measures.verification import roc

from .oracles import auc, curve_of, eer, tpr_at_fpr
from .test_verification import CASES

RATES = (0.0, 1e-3, 0.1, 0.29, 1.0)


def check(curve, scores, same):
    assert (curve.same, curve.different) == (same.sum(), (~same).sum())
    assert curve.auc == pytest.approx(auc(scores, same), abs=1e-12)
    assert curve.eer == pytest.approx(eer(scores, same), abs=1e-12)
    assert curve.tprs == tuple(tpr_at_fpr(scores, same, fpr) for fpr in RATES)
    whole = {threshold: (fpr, tpr) for fpr, tpr, threshold in zip(*roc(scores, same), strict=True)}
    drawn = list(zip(curve.fpr, curve.tpr, curve.thresholds, strict=True))
    assert drawn[0] == (0, 0, np.inf) and drawn[-1][:2] == (1, 1)
    for fpr, tpr, threshold in drawn:
        assert (fpr, tpr) == pytest.approx(whole[threshold], abs=1e-14)
    return whole, drawn


@pytest.mark.parametrize(("scores", "same"), CASES)
def test_equals_the_measures_of_all_scores(scores, same):
    whole, drawn = check(curve_of(scores, same, RATES, points=10**6), scores, same)
    assert len(drawn) == len(whole)


@pytest.mark.parametrize("points", [3, 30, 300])
@pytest.mark.parametrize(("scores", "same"), CASES)
def test_few_points_are_points_of_the_whole_curve(scores, same, points):
    _, drawn = check(curve_of(scores, same, RATES, points), scores, same)
    assert len(drawn) <= points + 3


@pytest.mark.parametrize("size", [1, 3, 50])
@pytest.mark.parametrize(("scores", "same"), CASES)
def test_ranges_of_scores_and_of_counts_add_up(scores, same, size):
    values = np.unique(scores)

    def ranges():
        for turn, first in enumerate(range(0, len(values), size)):
            some = values[first : first + size]
            chosen = np.isin(scores, some)
            kinds = np.sort(scores[chosen & same]), np.sort(scores[chosen & ~same])
            counts = [np.array([(kind == value).sum() for value in some]) for kind in kinds]
            yield Sorted(*kinds) if turn % 2 else Counted(some, *counts)

    check(summed(ranges(), int(same.sum()), int((~same).sum()), RATES, 300), scores, same)


def test_points_stand_where_small_rates_are_read():
    rng = np.random.default_rng(0)
    same = np.arange(40_000) % 10 == 0
    curve = curve_of(rng.normal(size=40_000) + 2 * same, same)
    assert len(curve.fpr) <= 303
    assert np.diff(curve.fpr).max() < 0.02 and np.diff(curve.tpr).max() < 0.02
    assert ((curve.fpr > 0) & (curve.fpr < 1e-2)).sum() > 30


@pytest.mark.parametrize("kind", [True, False])
@pytest.mark.parametrize("size", [0, 1, 5])
def test_one_kind_is_undefined(size, kind):
    curve = curve_of(np.arange(float(size)), np.full(size, kind), RATES)
    assert (curve.auc, curve.eer, curve.tprs) == (None, None, (None,) * len(RATES))
    assert len(curve.fpr) == len(curve.tpr) == len(curve.thresholds) == 0


def test_float32_scores_are_not_copied_to_float64():
    import tracemalloc

    scores = np.random.default_rng(0).random(1_000_000, dtype=np.float32)
    kinds = np.sort(scores[:200_000]), np.sort(scores[200_000:])
    tracemalloc.start()
    summed([Sorted(*kinds)], 200_000, 800_000, (1e-3,), 300)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000  # the look-ups of 200,000 positions; a copy would take 6.4 MB


@pytest.mark.parametrize("fpr", [-0.1, 1.1, np.nan])
def test_refuses_an_impossible_fpr(fpr):
    with pytest.raises(ValueError, match="fpr"):
        curve_of(np.array([1.0, 0.0]), np.array([True, False]), (fpr,))
