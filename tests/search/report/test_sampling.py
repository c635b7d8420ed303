"""Samples: their size, shares and classes, the same for the same seed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lookalike.search.report.sampling import some_of_each, stratified

CODES = st.lists(st.integers(-1, 8), max_size=200).map(lambda codes: np.array(codes, np.int64))


@given(CODES, st.integers(0, 220), st.integers(0, 5))
def test_a_stratified_sample_keeps_every_class_and_its_share(codes, most, seed):
    chosen = stratified(codes, most, seed)
    assert len(chosen) == min(most, len(codes)) == len(set(chosen.tolist()))
    assert (np.diff(chosen) > 0).all() and (stratified(codes, most, seed) == chosen).all()
    names, sizes = np.unique(codes, return_counts=True)
    kept = np.array([np.count_nonzero(codes[chosen] == name) for name in names])
    if most >= len(names):
        assert (kept >= 1).all()
    if len(codes):
        # One of each class comes first; beyond that a class has its share, to within one row and that first row.
        assert (np.abs(kept - sizes * len(chosen) / len(codes)) <= 1 + len(names)).all()


def test_shares_are_exact_for_large_classes_and_seeds_differ():
    codes = np.repeat([0, 1, 2], [6000, 3000, 1000])
    chosen = stratified(codes, 100, 0)
    assert np.bincount(codes[chosen]).tolist() == [60, 30, 10]
    assert (stratified(codes, 100, 1) != chosen).any()


@given(CODES, st.integers(1, 20))
def test_some_of_each_takes_up_to_so_many_of_the_wanted_classes(codes, most):
    wanted = np.array([0, 3, 100])
    chosen = some_of_each(codes, wanted, most, 0)
    assert (np.diff(chosen) > 0).all()
    for code in range(-1, 9):
        here = np.count_nonzero(codes == code)
        assert np.count_nonzero(codes[chosen] == code) == (min(most, here) if code in (0, 3) else 0)
