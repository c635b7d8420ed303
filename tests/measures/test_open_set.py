import itertools

import numpy as np
import pytest

from lookalike.measures.open_set import auroc, oscr, over_splits


@pytest.mark.parametrize("seed", range(10))
def test_equals_scikit_learn_with_ties_and_nothing_found(seed):
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    known = rng.normal(0.5, 0.2, 50).round(seed % 3).astype(np.float32)
    unknown = rng.normal(0.8, 0.2, 30).round(seed % 3).astype(np.float32)
    expected = roc_auc_score([0] * 50 + [1] * 31, np.concatenate([known, unknown, [1e9]]))
    assert auroc(known, np.append(unknown, np.float32(np.inf))) == pytest.approx(expected, abs=1e-12)


def test_known_values():
    assert auroc(np.array([0.1, 0.2]), np.array([0.3])) == 1.0
    assert auroc(np.array([0.3]), np.array([0.1, 0.2])) == 0.0
    assert auroc(np.array([0.3]), np.array([0.3])) == 0.5
    assert auroc(np.array([0.3]), np.array([])) is None
    assert auroc(np.array([]), np.array([0.3])) is None


def test_refuses_nan():
    with pytest.raises(ValueError, match="value 1 is NaN"):
        auroc(np.array([0.1, np.nan]), np.array([0.3]))


def naive_points(known, right, unknown):
    """The curve by its definition: for every cut the share of unknown accepted, of known accepted and right."""
    cuts = sorted({-np.inf, np.inf, *known.tolist(), *unknown.tolist()})
    return [
        (
            sum(d <= cut for d in unknown) / len(unknown),
            sum(d <= cut and r and np.isfinite(d) for d, r in zip(known, right, strict=True)) / len(known),
        )
        for cut in cuts
    ]


def open_sets():
    """Random, with ties, nothing found, nothing right, all right, one of each."""
    rng = np.random.default_rng(3)
    for decimals in (0, 1, 8):
        yield rng.normal(1, 0.4, 40).round(decimals), rng.random(40) < 0.8, rng.normal(1.5, 0.4, 30).round(decimals)
    yield np.array([0.1, 0.5, np.inf]), np.array([True, False, True]), np.array([0.2, np.inf, np.inf])
    yield np.array([0.1, 0.2]), np.array([False, False]), np.array([0.3])
    yield np.array([0.3]), np.array([True]), np.array([0.3])


@pytest.mark.parametrize(("known", "right", "unknown"), list(open_sets()))
def test_oscr_is_the_area_under_the_naive_curve(known, right, unknown):
    points = naive_points(known, right, unknown)
    area = sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in itertools.pairwise(points))
    assert oscr(known, right, unknown) == pytest.approx(area, abs=1e-12)


def test_oscr_is_bounded_by_accuracy_and_auroc():
    for known, right, unknown in open_sets():
        value = oscr(known, right, unknown)
        assert value <= right.mean() + 1e-12 and value <= auroc(known, unknown) + 1e-12
    assert oscr(np.array([0.1, 0.2]), np.array([True, False]), np.array([0.3])) == 0.5


def test_oscr_without_a_kind_is_undefined():
    none = np.array([])
    assert oscr(none, none.astype(bool), np.array([0.3])) is None
    assert oscr(np.array([0.3]), np.array([True]), none) is None


def test_oscr_refuses_nan_and_other_shapes():
    with pytest.raises(ValueError, match="NaN"):
        oscr(np.array([np.nan]), np.array([True]), np.array([0.3]))
    with pytest.raises(ValueError, match="one bool for each"):
        oscr(np.array([0.1, 0.2]), np.array([True]), np.array([0.3]))
    with pytest.raises(ValueError, match="one bool for each"):
        oscr(np.array([0.1]), np.array([1]), np.array([0.3]))


def test_splits_count_the_same_and_undefined_ones_not_at_all():
    got = over_splits([{"auroc": 0.5, "oscr": None}, {"auroc": 0.75, "oscr": 0.25}, {"auroc": 1.0, "oscr": None}])
    assert got == {
        "auroc": {"mean": 0.75, "std": 0.25, "splits": 3},
        "oscr": {"mean": 0.25, "std": None, "splits": 1},
    }
    assert over_splits([{"auroc": None}]) == {"auroc": {"mean": None, "std": None, "splits": 0}}
    assert over_splits([]) == {}
