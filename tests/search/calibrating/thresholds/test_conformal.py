"""Conformal: each of n + 1 images in turn is the new one, so the promise is checked exactly, without drawing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.search.calibrating.thresholds.conformal import Conformal
from lookalike.search.deciding.rule import accepts
from lookalike.store.errors import LookalikeError

from .samples import joined, known, unknown

lists = st.lists(
    st.one_of(st.floats(0, 2, width=32), st.sampled_from([0.0, 1e-4, 0.5, 0.50000006, 1.0, 2.0])),
    min_size=20,
    max_size=45,
)


@settings(max_examples=60)
@given(lists, st.sampled_from([0.05, 0.1, 0.29, 0.5]))
def test_at_most_a_of_known_images_are_refused(values, share):
    values = np.array(values, np.float32)
    refused = 0
    for new in range(len(values)):
        cut = Conformal(share).choose(known(np.delete(values, new)))
        refused += not accepts(values[new : new + 1], cut.threshold)[0]
        assert cut.chosen_on["bound"] <= share
    assert refused <= share * len(values) + 1e-9


@settings(max_examples=60)
@given(lists, st.sampled_from([0.05, 0.1, 0.29, 0.5]))
def test_at_most_a_of_unknown_images_are_accepted(values, share):
    values = np.array([*values, math.inf], np.float32)
    accepted = 0
    for new in range(len(values)):
        cut = Conformal(share, "unknown").choose(unknown(np.delete(values, new)))
        accepted += accepts(values[new : new + 1], cut.threshold)[0]
    assert accepted <= share * len(values) + 1e-9


@pytest.mark.parametrize(("count", "share"), [(19, 0.05), (100, 0.05), (99, 0.29), (500, 0.01), (9, 0.1)])
def test_and_not_many_fewer_where_distances_differ(count, share):
    values = np.random.default_rng(count).permutation(np.linspace(0.1, 1.9, count + 1)).astype(np.float32)
    whole = math.floor((count + 1) * share + 1e-9)
    for of, make in (("known", known), ("unknown", unknown)):
        cuts = [Conformal(share, of).choose(make(np.delete(values, new))) for new in range(count + 1)]
        taken = [accepts(values[new : new + 1], cut.threshold)[0] for new, cut in enumerate(cuts)]
        assert (len(taken) - sum(taken) if of == "known" else sum(taken)) == whole
        assert cuts[0].chosen_on["bound"] == pytest.approx(whole / (count + 1))


@pytest.mark.parametrize(("share", "needed"), [(0.05, 19), (0.1, 9), (0.01, 99), (0.3, 3), (0.5, 1), (0.9, 1)])
def test_too_few_are_refused_and_the_missing_ones_counted(share, needed):
    for of in ("known", "unknown"):
        criterion = Conformal(share, of)
        assert criterion.needed() == needed >= 1 / share - 1 - 1e-9
        with pytest.raises(
            LookalikeError, match=rf"needs {needed} images of {of} classes, but there are only 0: add {needed} more"
        ):
            criterion.part(0)
        assert criterion.part(needed) == needed and criterion.part(10 * needed) == 5 * needed


def test_equal_distances_are_accepted_or_refused_together():
    kept = Conformal(0.1).choose(known(np.full(50, 0.7)))
    assert kept.chosen_on["false_rejects"] == 0 and 0.7 < kept.threshold < 0.71
    barred = Conformal(0.1, "unknown").choose(unknown(np.full(50, 0.7)))
    assert barred.chosen_on["false_accepts"] == 0 and 0.69 < barred.threshold < 0.7
    assert Conformal(0.1, "unknown").choose(unknown(np.zeros(50))).threshold < 0


def test_known_images_that_find_nothing_cannot_be_accepted():
    cut = Conformal(0.1).choose(known([0.5] * 10 + [math.inf] * 10))
    assert "10 of 20 images are near a class" in cut.failed
    assert not Conformal(0.5).choose(known([0.5] * 19 + [math.inf])).failed


def test_only_what_it_is_about_is_counted():
    sample = joined(known([0.1, 0.5, 0.9]), unknown([0.2, 0.8]))
    accepted = accepts(sample.distances, 0.4)
    refused = Conformal(0.4).measure(sample, accepted)
    assert (refused["false_rejects"], refused["images"]) == (2, 3)
    taken = Conformal(0.4, "unknown").measure(sample, accepted)
    assert (taken["false_accepts"], taken["images"]) == (1, 2)
    assert Conformal(0.4).measure(unknown([0.1]), np.ones(1, bool)) is None


def test_refuses_what_it_does_not_know():
    with pytest.raises(LookalikeError, match="unknown of 'all': use known or unknown"):
        Conformal(0.1, "all")
    with pytest.raises(LookalikeError, match=r"conformal is 1.0: .* between 0 and 1"):
        Conformal(1.0)
