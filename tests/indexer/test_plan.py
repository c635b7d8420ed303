"""Which segments are kept: small ones joined, sizes falling geometrically, emptied ones made anew."""

from lookalike.indexer import plan
from lookalike.indexer.plan import Covered, kept, pieces


def whole(*rows):
    return [Covered(n, n) for n in rows]


def test_nothing_new_keeps_everything():
    assert kept([], 0, False) == 0
    assert kept(whole(1_000_000, 60_000), 0, False) == 2
    assert kept(whole(1_000_000), 0, True) == 0


def test_a_tail_takes_in_what_is_small_or_not_twice_its_size():
    assert kept(whole(1000), 10, False) == 0
    assert kept(whole(1_000_000), 10, False) == 1
    assert kept(whole(1_000_000, 40_000), 10_000, False) == 1
    assert kept(whole(1_000_000, 40_000), 15_000, False) == 2
    assert kept(whole(1_000_000, 400_000), 15_000, False) == 2
    assert kept(whole(1_000_000, 400_000), 300_000, False) == 0


def test_a_segment_that_lost_much_is_made_anew_with_what_lies_behind():
    assert kept([Covered(1_000_000, 1_000_000), Covered(400_000, 200_000), Covered(60_000, 60_000)], 0, False) == 1
    assert kept([Covered(1_000_000, 690_000)], 0, False) == 0
    assert kept([Covered(1_000_000, 710_000)], 0, False) == 1
    assert kept([Covered(100, 0)], 0, False) == 0


def test_growing_by_many_small_steps_stays_cheap_and_short():
    segments: list[int] = []
    work = 0
    for _ in range(400):
        keep = kept(whole(*segments), 30_000, False)
        new = 30_000 + sum(segments[keep:])
        work += new
        segments = [*segments[:keep], new]
        assert len(segments) <= 12
    assert work < 12 * 400 * 30_000


def test_pieces_are_bounded_and_equal(monkeypatch):
    assert pieces(0) == [] and pieces(5) == [(0, 5)]
    monkeypatch.setattr(plan, "MOST_ROWS", 4)
    assert pieces(9) == [(0, 3), (3, 6), (6, 9)]
