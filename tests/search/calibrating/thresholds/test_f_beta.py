"""F-beta: the best cut of all, found by trying them; scikit-learn's measure."""

import math

import numpy as np
import pytest
from sklearn.metrics import fbeta_score

from lookalike.search.calibrating.thresholds.f_beta import FBeta, f_beta
from lookalike.search.calibrating.thresholds.sample import Sample
from lookalike.search.deciding.rule import accepts
from lookalike.store.errors import LookalikeError

from .samples import joined, known, unknown


def draw(seed: int, size: int = 80, classes: int = 3) -> Sample:
    rng = np.random.default_rng(seed)
    distances = (2 * rng.random(size)).round(int(rng.integers(1, 4))).astype(np.float32)
    truth = rng.integers(-1, classes, size)
    nearest = np.where(rng.random(size) < 0.8, np.maximum(truth, 0), rng.integers(0, classes, size))
    return Sample(np.where(rng.random(size) < 0.05, np.inf, distances), nearest, truth)


def naive(sample: Sample, cut: float, beta: float, only=None) -> float:
    """scikit-learn's micro average over the known classes: an unknown image or answer is no class."""
    answers = np.where(accepts(sample.distances, cut), sample.nearest, -1)
    labels = sorted(set(sample.truth[sample.known]) | set(sample.nearest)) if only is None else [only]
    return fbeta_score(sample.truth, answers, beta=beta, labels=labels, average="micro", zero_division=0)


@pytest.mark.parametrize("beta", [0.5, 1, 2])
@pytest.mark.parametrize("seed", range(10))
def test_no_cut_is_better(seed, beta):
    sample = draw(seed)
    cut = FBeta(beta).choose(sample)
    best = max(naive(sample, tried, beta) for tried in np.unique(sample.distances))
    assert cut.chosen_on["rate"] == pytest.approx(best)
    assert naive(sample, cut.threshold, beta) == pytest.approx(best)
    accepted = accepts(sample.distances, cut.threshold)
    assert (cut.chosen_on["accepted"], cut.chosen_on["known"]) == (accepted.sum(), sample.known.sum())
    measured = FBeta(beta).measure(sample, accepted)
    assert measured["rate"] == pytest.approx(best) and measured["low"] < best < measured["high"]


@pytest.mark.parametrize("seed", range(5))
def test_a_threshold_a_class_is_the_best_of_that_class(seed):
    sample, group = draw(seed, 200), np.array([False, True, False])
    cut = FBeta(1.0).choose(sample, group)
    best = max(naive(sample, tried, 1.0, only=1) for tried in np.unique(sample.distances))
    assert cut.chosen_on["rate"] == pytest.approx(best)
    accepted = accepts(sample.distances, cut.threshold)
    assert FBeta(1.0).measure(sample, accepted, group)["rate"] == pytest.approx(best)


def test_the_formula_is_the_weighted_harmonic_mean():
    for beta in (0.5, 1.0, 3.0):
        precision, recall = 30 / 40, 30 / 50
        wanted = (1 + beta**2) * precision * recall / (beta**2 * precision + recall)
        assert f_beta(np.array(30), np.array(40), 50, beta) == pytest.approx(wanted)
    assert f_beta(np.array(0), np.array(0), 0, 1.0) == 0


def test_equal_distances_and_equals_in_f():
    one = FBeta(1.0).choose(known(np.full(9, 0.4)))
    assert 0.4 < one.threshold < 0.41 and one.chosen_on["rate"] == 1
    separated = FBeta(1.0).choose(joined(known([0.1, 0.2]), unknown([1.0, 1.2])))
    assert separated.threshold == pytest.approx(0.6)  # in the middle between right and wrong


def test_where_nothing_is_right_it_says_so():
    for sample in (unknown([0.1, 0.2]), known([0.1], [False]), known([np.inf])):
        cut = FBeta(1.0).choose(sample)
        assert cut.threshold < 0 and "every F-beta is 0" in cut.failed


def test_nothing_known_is_no_measure():
    assert FBeta(1.0).measure(unknown([0.1]), np.ones(1, bool)) is None


@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan])
def test_refuses_an_impossible_beta(value):
    with pytest.raises(LookalikeError, match=r"f-beta .* above 0"):
        FBeta(value)


def test_needs_two_images():
    with pytest.raises(LookalikeError, match=r"needs 2 labelled images.* there are 1"):
        FBeta(1.0).part(1)
    assert FBeta(1.0).part(2) == 1
