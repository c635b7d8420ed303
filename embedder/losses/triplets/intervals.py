"""How often each positive and each negative takes part in an active triplet, without going through the triplets.

An anchor's positive p makes an active triplet with every negative n of a half-open interval [start(p), stop(p)). So the
interval ends of one anchor, sorted, cut the line of distances into pieces, and a negative's piece tells how many
intervals cover it; the negatives counted piece by piece, summed from the right, tell how many of them each interval
holds. This takes O(b^2 log k) time and O(b^2) memory for a batch of b with k images a class; the triplets are O(b^2 k).
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import pad


def interval_counts(negatives: Tensor, starts: Tensor | None, stops: Tensor) -> tuple[Tensor, Tensor]:
    """Count negatives in each interval, and intervals over each negative.

    negatives (r, n): an anchor a row, +inf for what is no negative; used up. starts, stops (r, m), m > 0: ends of the
    intervals; None for intervals without a start; a start at its stop is an empty interval. Returns (r, m) and (r, n),
    whole numbers in the dtype of `negatives` (exact in float32 up to 2^24).
    """
    m, n = stops.shape[1], negatives.shape[1]
    ends, source = (stops if starts is None else torch.cat([stops, starts], dim=1)).sort(dim=1)
    signs = torch.where(source < m, -1.0, 1.0).to(negatives.dtype)
    covers = pad(signs.cumsum(1), (1, 0)).add_(m if starts is None else 0)
    pieces, covering = torch.zeros_like(covers), negatives
    one = torch.ones_like(covers[:1, :1])
    for rows in row_blocks(negatives):
        place = places(ends[rows], negatives[rows])
        pieces[rows].scatter_add_(1, place, one.expand_as(place))
        torch.gather(covers[rows], 1, place, out=covering[rows])
    at_or_after = pieces.flip(1).cumsum(1).flip(1)[:, 1:]
    inside = torch.full_like(stops, n if starts is None else 0).scatter_add_(1, source % m, signs * at_or_after)
    return inside, covering


def places(ends: Tensor, values: Tensor) -> Tensor:
    """The number (r, n) int64 of `ends` (r, m), ascending in each row, that are <= each of `values` (r, n)."""
    # torch.searchsorted runs one branchy search after another; halving for all values at once is 2 to 3 times faster.
    half = 1 << ends.shape[1].bit_length() >> 1
    table = pad(ends, (0, 2 * half - 1 - ends.shape[1]), value=torch.nan)  # no value is >= NaN
    at_least = values >= table[:, half - 1 : half]
    place = at_least.long().mul_(half)
    end = torch.empty_like(values)
    while half := half >> 1:
        torch.gather(table[:, half - 1 :], 1, place, out=end)
        torch.ge(values, end, out=at_least)
        place.add_(at_least, alpha=half)
    return place


def row_blocks(matrix: Tensor) -> Iterator[slice]:
    """Slices of the rows of a matrix (b, m), m > 0, to work on at a time: what is made of them stays small."""
    # On a CPU: in a core's cache, and just below the 32,768 values from which torch wakes its other threads for each
    # operation; where these are busy elsewhere, waiting for them hundreds of times costs more than they save.
    values = (1 << 15) - 1 if matrix.device.type == "cpu" else 1 << 22
    step = max(1, values // matrix.shape[1])
    return (slice(first, first + step) for first in range(0, len(matrix), step))
