"""Precision: its promise on populations whose precision is known, and a naive reading of the test it is based on."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from lookalike.search.calibrating.thresholds.precision import STEPS, Precision, proposed
from lookalike.search.calibrating.thresholds.sample import Sample
from lookalike.search.deciding.rule import accepts
from lookalike.store.errors import LookalikeError

from .samples import Population, joined, known, unknown

GRID = (np.arange(1, 200) / 100).astype(np.float32)
POPULATIONS = {
    "falling": Population(GRID, np.ones(199), np.clip(1.08 - 0.2 * GRID, 0, 1)),
    "dip": Population(GRID, np.ones(199), np.where((GRID > 0.3) & (GRID < 0.5), 0.6, np.where(GRID < 1.2, 1, 0.5))),
    "ties": Population([0.2, 0.6, 1.0, 1.4], [5, 3, 1, 1], [1, 0.92, 0.8, 0.3]),
    "just below": Population(GRID, np.ones(199), np.full(199, 0.949)),
    "one value": Population([0.7], [1], [0.94]),
}


@pytest.mark.parametrize("name", POPULATIONS)
@pytest.mark.parametrize("size", [120, 600])
def test_the_promise_is_kept_in_95_of_100_draws(name, size):
    population, rng = POPULATIONS[name], np.random.default_rng(size)
    cuts = [Precision(0.95).choose(population.draw(rng, size)) for _ in range(300)]
    broken = sum(population.precision(cut.threshold) < 0.95 for cut in cuts)
    assert broken <= binom.ppf(0.999, 300, 0.05)
    assert all((cut.failed is None) == (cut.threshold > 0) for cut in cuts)
    if name in ("falling", "ties") and size == 600:  # and it is not bought by accepting nothing
        assert np.median([population.precision(cut.threshold) for cut in cuts if not cut.failed]) < 0.985
        assert np.mean([cut.failed is None for cut in cuts]) > 0.6


values = st.tuples(
    st.one_of(st.floats(0, 2, width=32), st.sampled_from([0.0, 0.5, 0.50000006, 1.0, math.inf])),
    st.integers(0, 1),
    st.sampled_from([-1, 0, 0, 0, 0, 1]),
)


@settings(max_examples=60)
@given(st.lists(values, min_size=4, max_size=120), st.sampled_from([0.5, 0.7, 0.9]), st.sampled_from([1, 3]))
def test_what_is_returned_passed_and_so_did_all_before_it(rows, precision, groups):
    distances, nearest, truth = (np.array(column) for column in zip(*rows, strict=True))
    sample = Sample(distances, np.where(np.isinf(distances), -1, nearest), truth)
    cut = Precision(precision).choose(sample, None, groups)
    first, others = sample.take(slice(len(rows) // 3)), sample.take(slice(len(rows) // 3, None))
    passed = []
    for tried in proposed(first, precision):
        answers = [i for i in range(len(others)) if others.distances[i] <= tried and np.isfinite(others.distances[i])]
        wrong = sum(others.nearest[i] != others.truth[i] for i in answers)
        if binom.cdf(wrong, len(answers), 1 - precision) > 0.05 / groups + 1e-12:
            break
        passed.append((float(tried), len(answers), len(answers) - wrong))
    if not passed:
        assert cut.threshold < 0 and f"precision {precision:g} cannot be reached" in cut.failed
        return
    assert (cut.threshold, cut.chosen_on["accepted"], cut.chosen_on["right"]) == passed[-1]
    assert cut.chosen_on["bound"] >= precision - 1e-12 and cut.failed is None


def test_it_proposes_a_cut_below_the_surest_first_and_larger_ones_after_it():
    rng = np.random.default_rng(0)
    distances = np.sort(rng.random(1000)).astype(np.float32)
    right = rng.random(1000) < np.where(distances < 0.6, 0.99, 0.5)
    cuts = proposed(known(distances, right), 0.9)
    accepted = [(distances <= cut).sum() for cut in distances]
    chances = [binom.cdf((~right[:k]).sum(), k, 0.1) for k in accepted]
    surest = accepted[int(np.argmin(chances))]
    assert surest > 500 and (distances <= cuts[0]).sum() == np.ceil(0.7 * surest)
    few = known(distances[:40], np.ones(40))
    assert (distances <= proposed(few, 0.9)[0]).sum() == 28 and len(proposed(few, 0.99)) == 1
    assert len(cuts) == STEPS and (np.diff(cuts) > 0).all() and cuts[-1] > 2


@pytest.mark.parametrize(("precision", "needed"), [(0.95, 88), (0.99, 448), (0.5, 7)])
def test_too_few_are_refused_and_the_missing_ones_counted(precision, needed):
    criterion = Precision(precision)
    assert criterion.needed() == needed
    with pytest.raises(
        LookalikeError, match=f"needs {needed} labelled images.* there are only {needed - 1}: add 1 more"
    ):
        criterion.part(needed - 1)
    assert criterion.part(needed) == needed and criterion.part(4 * needed) == 3 * needed
    distances = np.random.default_rng(needed).permutation(np.linspace(0.1, 1, needed))
    assert not criterion.choose(known(distances)).failed
    assert criterion.choose(known(distances[1:])).failed


def test_all_right_accepts_all_and_all_equal_is_one_cut():
    rng = np.random.default_rng(1)
    sample = known(rng.random(200).astype(np.float32))
    cut = Precision(0.95).choose(sample)
    assert cut.chosen_on["accepted"] == cut.chosen_on["right"] == cut.chosen_on["images"] == 134
    equal = Precision(0.95).choose(known(np.full(100, 0.4, np.float32)))
    assert (equal.chosen_on["accepted"], equal.chosen_on["rate"]) == (67, 1.0)
    assert Precision(0.95).choose(known(np.full(100, 0.4), np.arange(100) % 4 > 0)).failed


def test_an_unreachable_precision_says_that_images_do_not_help():
    rng = np.random.default_rng(2)
    sample = known(rng.random(600), rng.random(600) < 0.8)
    failed = Precision(0.95).choose(sample).failed
    assert "more images will not change" in failed and "\n" not in failed


def test_a_reachable_one_says_how_many_images_it_takes():
    rng = np.random.default_rng(3)
    population = Population(GRID, np.ones(199), np.full(199, 0.97))
    order = rng.permutation(200)
    failed = Precision(0.95).choose(known(order / 100, np.arange(200) % 33 > 0)).failed
    count = int(re.search(r"give about (\d+) labelled images", failed)[1])
    enough = [not Precision(0.95).choose(population.draw(rng, count * 3 // 4)).failed for _ in range(100)]
    assert 0.3 < np.mean(enough) < 0.99


def test_images_that_find_nothing_are_said_to():
    assert "none of 90 images is near" in Precision(0.95).choose(unknown(np.full(90, np.inf))).failed


def test_measures_the_answers_alone():
    sample = joined(known([0.1, 0.2, 0.3], [True, False, True]), unknown([0.1, 0.9]))
    measured = Precision(0.9).measure(sample, accepts(sample.distances, 0.25))
    assert (measured["right"], measured["images"]) == (1, 3)
    assert Precision(0.9).measure(sample, np.zeros(5, bool)) is None
    assert Precision(0.9).measure(sample, np.ones(5, bool), np.array([False, True]))["images"] == 1


@pytest.mark.parametrize("value", [0, 1, 1.5, math.nan])
def test_refuses_an_impossible_precision(value):
    with pytest.raises(LookalikeError, match=r"precision .* between 0 and 1"):
        Precision(value)
