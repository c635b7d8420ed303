"""Minings that draw triplets of a batch: draw(distance, groups, generator) -> Triplets.

generator: a CPU generator of random numbers, or None for torch's own; equal generators draw equal triplets. Each draws
O(b k) triplets for a batch of b with k images a class, or fewer, in O(b^2) memory.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..distances import Distance
from .groups import Groups

NEAREST, FARTHEST = 0.5, 1.4
"""Chords between which `distance_weighted` tells negatives apart: nearer ones count as NEAREST, which bounds their
weight (the paper's lambda); those from FARTHEST on, where the random ones are, would cost nothing. Wu et al.'s own."""
DRAWN = 16
"""Triplets that `facenet_mix` draws for each row of the batch."""


class Triplets(NamedTuple):
    """Rows of the batch, (t,) int64 each."""

    anchor: Tensor
    positive: Tensor
    negative: Tensor

    def gaps(self, distances: Tensor) -> Tensor:
        """d(a, p) - d(a, n) of each triplet, (t,), by distances (b, b)."""
        return distances[self.anchor, self.positive] - distances[self.anchor, self.negative]


Drawing = Callable[[Distance, Groups, torch.Generator | None], Triplets]


def hard(distance: Distance, groups: Groups, generator: torch.Generator | None) -> Triplets:
    """For every anchor its farthest positive and its nearest negative ("batch hard", Hermans et al. 2017, eq. 5)."""
    place = groups.at_positives(distance.matrix, -torch.inf).argmax(1, keepdim=True)
    nearest = groups.only_negatives(distance.matrix).argmin(1)
    anchor = torch.nonzero((groups.others > 0) & (groups.strangers > 0))[:, 0]
    return Triplets(anchor, groups.positives.gather(1, place)[anchor, 0], nearest[anchor])


def random(distance: Distance, groups: Groups, generator: torch.Generator | None) -> Triplets:
    """For every anchor and positive one negative, each equally likely."""
    anchor, positive = _pairs(groups)
    return Triplets(anchor, positive, groups.negative(anchor, _ranks(groups.strangers[anchor], generator)))


def distance_weighted(distance: Distance, groups: Groups, generator: torch.Generator | None) -> Triplets:
    """For every anchor and positive one negative, drawn so that all distances come alike (Wu et al. 2017, section 4).

    Points spread over the sphere lie at chord c with a density q(c) = c^(d-2) (1 - c^2/4)^((d-3)/2); a negative at c is
    drawn with a weight of 1/q(c). Where all of an anchor's negatives are farther than FARTHEST they weigh the same.
    """
    anchor, positive = _pairs(groups)
    cumulated = _weights(distance.chords(), groups, distance.dim).cumsum(1)
    share = torch.rand(groups.positives.shape, generator=generator, dtype=torch.float64).to(cumulated.device)
    # A share is below 1, so that the first place whose sum exceeds its part of the total has a weight above 0.
    negative = torch.searchsorted(cumulated, share * cumulated[:, -1:], right=True).clamp_max_(len(cumulated) - 1)
    return Triplets(anchor, positive, negative[_drawable(groups)])


def facenet_mix(distance: Distance, groups: Groups, generator: torch.Generator | None) -> Triplets:
    """As many triplets as rows, half of them the hardest of a large random draw, the others at random from its rest.

    FaceNet's offline mining (Schroff et al. 2015, section 3.2) with nothing out of date: the draw, DRAWN triplets a row
    without repetition, is from the batch that was just embedded.
    """
    drawn = _numbered(groups, _numbers(int(groups.triplets), DRAWN * len(groups.others), generator))
    kept = min(len(groups.others), len(drawn.anchor))
    order = drawn.gaps(distance.matrix).sort(descending=True, stable=True).indices
    hardest, rest = order[: (kept + 1) // 2], order[(kept + 1) // 2 :]
    others = rest[torch.randperm(len(rest), generator=generator).to(rest.device)[: kept // 2]]
    chosen = torch.cat([hardest, others])
    return Triplets(*(rows[chosen] for rows in drawn))


def _drawable(groups: Groups) -> Tensor:
    """Where (b, k) an anchor has a positive, and a negative to go with it."""
    return groups.real & (groups.strangers > 0)[:, None]


def _pairs(groups: Groups) -> tuple[Tensor, Tensor]:
    """Every anchor that has a negative with every positive, (t,) each."""
    where = _drawable(groups)
    return torch.nonzero(where)[:, 0], groups.positives[where]


def _ranks(counts: Tensor, generator: torch.Generator | None) -> Tensor:
    """A random whole number from 0 to count - 1 for each of `counts` (t,)."""
    share = torch.rand(counts.shape, generator=generator, dtype=torch.float64).to(counts.device)
    return (share * counts).long()


def _weights(chords: Tensor, groups: Groups, dim: int) -> Tensor:
    """1/q of each negative (b, b) float64, each row scaled to a largest of 1; zero for what is no negative."""
    negatives = groups.only_negatives(chords)
    near = negatives < FARTHEST
    chord = torch.where(near, negatives, 1).double().clamp_min_(NEAREST)
    exponent = (2 - dim) * chord.log() - (dim - 3) / 2 * (-chord.square() / 4).log1p()
    weights = exponent.masked_fill_(~near, -torch.inf).sub_(exponent.amax(1, keepdim=True)).exp_()
    return torch.where(near.any(1, keepdim=True), weights, (negatives < torch.inf).double())


def _numbers(count: int, wanted: int, generator: torch.Generator | None) -> Tensor:
    """Different numbers below `count`, ascending: all where there are not more than `wanted`, else about as many."""
    if count <= wanted:
        return torch.arange(count)
    return torch.randint(count, (wanted,), generator=generator).unique()


def _numbered(groups: Groups, numbers: Tensor) -> Triplets:
    """The triplets of these numbers (t,), all triplets of the batch being numbered anchor by anchor."""
    sizes = groups.others * groups.strangers
    stops, numbers = sizes.cumsum(0), numbers.to(sizes.device)
    anchor = torch.searchsorted(stops, numbers, right=True)
    within = numbers - (stops - sizes)[anchor]
    ranks = within % groups.strangers[anchor]
    positive = groups.positives[anchor, within // groups.strangers[anchor]]
    return Triplets(anchor, positive, groups.negative(anchor, ranks))


DRAWING: dict[str, Drawing] = {
    "hard": hard,
    "distance-weighted": distance_weighted,
    "facenet-mix": facenet_mix,
    "random": random,
}
