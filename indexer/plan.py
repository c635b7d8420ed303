"""Decides which segments stay and which rows are indexed again; pure functions, tested without an index.

Segments are kept from the front; the rows after the last kept one become new segments. A new segment absorbs its
predecessor if that is small or less than twice its size, so that sizes fall geometrically: a row is indexed again O(log
n) times, and a search visits O(log n) segments. A segment that lost 3 of 10 rows is built again, together with
everything after it.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

SMALL = 50_000  # so few rows are compared one by one fast enough
STALE = 0.7  # live share below which a segment is built again
MOST_ROWS = 1 << 24  # rows of a segment


class Covered(NamedTuple):
    """A segment as the plan sees it."""

    rows: int
    live: int


def kept(segments: Sequence[Covered], tail: int, everything: bool) -> int:
    """How many leading segments stay, if `tail` live rows come after the last; with `everything`, none stays."""
    keep = 0 if everything else len(segments)
    for place, segment in enumerate(segments[:keep]):
        if segment.live < STALE * segment.rows or segment.live == 0:
            keep = place
            break
    new = tail + sum(segment.live for segment in segments[keep:])
    while keep and new and _absorbs(new, segments[keep - 1].live):
        keep -= 1
        new += segments[keep].live
    return keep


def _absorbs(new: int, before: int) -> bool:
    return before + new <= SMALL or before < 2 * new


def pieces(n: int) -> list[tuple[int, int]]:
    """Where to cut `n` rows into segments of bounded, equal size: (start, stop) of each."""
    count = -(-n // MOST_ROWS)
    cuts = [n * i // count for i in range(count + 1)] if count else []
    return list(pairwise(cuts))
