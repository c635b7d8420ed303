import numpy as np
import pytest

from lookalike.measures.held_out import held_out_classes
from lookalike.measures.open_set import auroc, oscr


def naive(distances, codes, out, cuts):
    """Take the column of the class away, then measure its images against the others."""
    left = [code for code in range(distances.shape[1]) if code != out]
    nearest, answers = [], []
    for row in distances:
        best = min(left, key=lambda code: row[code])
        nearest.append(row[best])
        answers.append(best)
    nearest, answers = np.array(nearest), np.array(answers)
    known, mine = (codes >= 0) & (codes != out), codes == out
    accepted = np.isfinite(nearest) & (np.isnan(cuts[answers]) | (nearest <= cuts[answers]))
    return {
        "auroc": auroc(nearest[known], nearest[mine]),
        "oscr": oscr(nearest[known], (answers == codes)[known], nearest[mine]),
        "false_accepts": accepted[mine].mean(),
        "false_rejects": (~accepted[known]).mean() if known.any() else None,
    }


@pytest.mark.parametrize("decimals", [1, 8])
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_equals_taking_each_class_away(classes, decimals):
    rng = np.random.default_rng(classes)
    codes = rng.integers(-1, classes, 60)
    distances = rng.uniform(0.2, 1.5, (60, classes)).round(decimals)
    distances[codes >= 0, codes[codes >= 0]] *= 0.6
    distances[rng.random(distances.shape) < 0.05] = np.inf
    cuts = rng.uniform(0.3, 1.0, classes)
    cuts[0] = np.nan
    got = dict(held_out_classes(distances, codes, cuts))
    assert sorted(got) == sorted({int(code) for code in codes if code >= 0})
    for out, measures in got.items():
        assert measures == pytest.approx(naive(distances, codes, out, cuts))


def test_without_cuts_the_errors_are_undefined():
    (_, one), (_, two) = held_out_classes(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([0, 1]))
    assert (one["auroc"], one["oscr"], two["auroc"], two["oscr"]) == (1.0, 1.0, 1.0, 1.0)
    assert one["false_accepts"] is None and one["false_rejects"] is None


@pytest.mark.parametrize(("classes", "codes"), [(1, [0, 0]), (3, []), (3, [-1, -1]), (0, [])])
def test_nothing_to_hold_out(classes, codes):
    assert list(held_out_classes(np.ones((len(codes), classes)), np.array(codes, int))) == []


def test_one_class_asked_has_no_known_images():
    ((out, measures),) = held_out_classes(np.array([[0.1, 0.9]]), np.array([0]), np.array([0.5, 0.5]))
    assert out == 0
    assert measures == {"auroc": None, "oscr": None, "false_accepts": 0.0, "false_rejects": None}
