"""Cuts between distances."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.measures.distances import distance_of
from lookalike.search.calibrating.thresholds.cut import (
    EVERYTHING,
    NOTHING,
    above,
    below,
    gaps,
    rate,
)
from lookalike.search.calibrating.thresholds.sample import Sample
from lookalike.search.deciding.rule import accepts
from lookalike.store.errors import LookalikeError

lists = st.lists(st.one_of(st.floats(0, 2, width=32), st.sampled_from([0.5, 0.50000006, 1.0, math.inf])), max_size=40)


@given(lists)
def test_gaps_are_all_the_ways_to_cut(values):
    values = np.sort(np.array(values, np.float32))
    accepted, cuts = gaps(values)
    for count, cut in zip(accepted, cuts, strict=True):
        assert accepts(values, cut).sum() == count
    naive = [
        k
        for k in range(1, len(values) + 1)
        if np.isfinite(values[k - 1]) and (k == len(values) or float(values[k]) ** 2 - float(values[k - 1]) ** 2 > 4e-6)
    ]
    assert accepted.tolist() == naive
    assert (np.diff(cuts) > 0).all()


@given(st.floats(0, 2, width=32), st.floats(-1e-6, 1e-6))
def test_a_distance_stays_on_its_side_of_a_cut_when_rounding_moves_it(distance, moved):
    again = np.float32(math.sqrt(max(0.0, distance**2 + moved)))
    assert not accepts(np.array([again]), below(distance))[0]
    assert accepts(np.array([again]), above(distance))[0]


def test_the_ends():
    assert below(0.001) == NOTHING and below(math.inf) == 2.0 and below(2.5) < 2
    assert accepts(distance_of(np.float32([-1.0000004, 1])), EVERYTHING).all()
    assert not accepts(np.float32([0, math.inf]), NOTHING).any() and not accepts(np.float32([math.inf]), EVERYTHING)
    assert [part.tolist() for part in gaps(np.full(3, np.inf, np.float32))] == [[], []]
    assert rate("x", np.zeros(0, bool)) is None


def test_a_sample_refuses_nan_and_tables():
    with pytest.raises(LookalikeError, match="distance 7 is NaN"):
        Sample(np.where(np.arange(400) == 7, np.nan, 1.0), np.zeros(400), np.zeros(400))
    with pytest.raises(ValueError, match="one of each per query"):
        Sample(np.ones((4, 1)), np.zeros((4, 1)), np.zeros((4, 1)))
    with pytest.raises(ValueError, match="one of each per query"):
        Sample(np.ones(4), np.zeros(3), np.zeros(4))


def test_a_sample_knows_which_answers_are_right():
    sample = Sample([0.1, 0.2, 0.3, np.inf], [0, 1, 1, -1], [0, 0, -1, 0])
    assert sample.known.tolist() == [True, True, False, True]
    assert sample.right.tolist() == [True, False, False, False]
    assert sample.of("known").tolist() == sample.known.tolist() == (~sample.of("unknown")).tolist()
    assert sample.of("both").all()
    assert sample.near(np.array([False, True])).tolist() == [False, True, True, False]
    assert sample.near(None).all() and len(sample.take(np.array([2, 0]))) == 2
    assert sample.take(np.array([2, 0])).truth.tolist() == [-1, 0]
