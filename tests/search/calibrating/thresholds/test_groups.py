"""Which classes get their own threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.search.calibrating.thresholds.conformal import Conformal
from lookalike.search.calibrating.thresholds.f_beta import FBeta
from lookalike.search.calibrating.thresholds.fpr import FalseAcceptRate
from lookalike.search.calibrating.thresholds.groups import Groups, enough_for_own, grouped, mask_of
from lookalike.search.calibrating.thresholds.precision import Precision


@given(st.lists(st.integers(0, 900), min_size=1, max_size=8), st.sampled_from([0.05, 0.1]))
def test_every_class_is_in_one_group_and_every_group_has_enough(counts, fpr):
    counts, criterion = np.array(counts), FalseAcceptRate(fpr)
    groups = grouped(criterion, counts)
    assert sorted([*(groups.shared or []), *groups.singles]) == list(range(len(counts)))
    if not groups.singles:
        assert groups.number == 1
        return
    needed = criterion.needed(groups.number)
    assert groups.number > 1 and all(counts[code] > needed for code in groups.singles)
    assert groups.shared is None or counts[groups.shared].sum() > needed
    assert groups.shared is None or counts[groups.shared].max() <= min(counts[code] for code in groups.singles)


def test_the_class_with_the_fewest_joins_the_others_until_they_have_enough():
    needed = Conformal(0.1).needed()  # 9, and 18 with room for chance
    assert needed == 9
    assert grouped(Conformal(0.1), np.array([100, 20, 5, 0])) == Groups([1, 2, 3], [0])
    assert grouped(Conformal(0.1), np.array([100, 20, 50])) == Groups(None, [0, 2, 1])
    assert grouped(Conformal(0.1), np.array([100, 20, 0, 18])) == Groups([3, 2], [0, 1])
    assert grouped(Conformal(0.1), np.array([5, 100, 5])).singles == []
    assert grouped(Conformal(0.1), np.array([500])) == Groups([0], [])


def test_more_groups_need_more_images_each():
    enough = 299 + 3 * 299**0.5
    assert grouped(FalseAcceptRate(0.01), np.full(5, enough)).singles == []
    assert len(grouped(FalseAcceptRate(0.01), np.full(5, 600)).singles) == 5
    assert len(grouped(Precision(0.95), np.full(5, 200)).singles) == 5


@pytest.mark.parametrize("codes", [[], [2], [0, 3]])
def test_a_mask_is_true_at_its_codes(codes):
    assert np.flatnonzero(mask_of(codes, 4)).tolist() == codes


@pytest.mark.parametrize("criterion", [FalseAcceptRate(0.01), Precision(0.95), FBeta(1.0), Conformal(0.1)])
def test_as_many_images_as_are_asked_for_are_enough_and_hardly_fewer(criterion):
    def groups(each):
        return grouped(criterion, np.full(2, criterion.part(2 * each) / 2)).singles

    enough = enough_for_own(criterion)
    assert groups(enough) == [0, 1] and groups(enough - 2) == []
