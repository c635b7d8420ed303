"""Checks of single values: what is taken, and the one wording of each refusal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.store.checks import choice, did_you_mean, quoted, share, whole_number
from lookalike.store.errors import LookalikeError


@given(st.integers(-5, 50), st.integers(-3, 3), st.none() | st.integers(4, 20))
def test_whole_numbers_within_the_range_are_taken_and_all_others_refused(value, least, most):
    within = value >= least and (most is None or value <= most)
    for given_value in (value, np.int64(value)):
        if within:
            assert whole_number("k", given_value, least, most) == value
            assert type(whole_number("k", given_value, least, most)) is int
        else:
            with pytest.raises(LookalikeError, match=r"k is .*it must be a whole number"):
                whole_number("k", given_value, least, most)


@pytest.mark.parametrize("value", [True, 1.0, "3", None, np.bool_(True), float("nan"), [1]])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(LookalikeError, match=r"k is .*: it must be a whole number of at least 1$"):
        whole_number("k", value)


def test_the_range_is_named_and_the_error_can_be_another():
    with pytest.raises(ValueError, match=r"k is 9: it must be a whole number from 1 to 5$"):
        whole_number("k", 9, most=5, error=ValueError)


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.25), np.int64(1)])
def test_shares(value):
    assert share("fpr", value) == float(value)
    if value in (0, 1):
        with pytest.raises(LookalikeError, match=r"fpr is .*: it must be a number between 0 and 1$"):
            share("fpr", value, open_=True)


def test_zero_can_be_refused_alone():
    assert share("recall", 1, zero=False) == 1.0
    with pytest.raises(LookalikeError, match=r"recall is 0: it must be a number above 0 and at most 1$"):
        share("recall", 0, zero=False)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf"), "0.5", None, True])
def test_what_is_no_share_is_refused(value):
    with pytest.raises(LookalikeError, match=r"fpr is .*: it must be a number from 0 to 1$"):
        share("fpr", value)


def test_a_choice_is_one_of_those_named():
    assert choice("device", "cpu", ("auto", "cpu", "gpu")) == "cpu"
    with pytest.raises(LookalikeError, match=r"^unknown device 'tpu': use auto, cpu or gpu$"):
        choice("device", "tpu", ("auto", "cpu", "gpu"))
    with pytest.raises(LookalikeError, match=r"^unknown method \['a'\]: use a$"):
        choice("method", ["a"], ("a",))


def test_near_misses_and_long_values():
    assert did_you_mean("lable", ["label", "key"]) == ": did you mean 'label'?"
    assert did_you_mean("zzz", ["label", "key"]) == ""
    assert quoted("x" * 200) == "'" + "x" * 39 + "…" + "x" * 38 + "'" and quoted(3) == "3"
