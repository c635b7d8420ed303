"""Minings that take every triplet of a kind, given as how often each pair of the batch takes part in an active one.

mine(distances (b, b), groups, margin) -> (b, b) in the dtype of `distances`, an anchor a row: at a positive's column
the number of active triplets with it, at a negative's minus that number, zero elsewhere. A triplet (a, p, n) is
active when its loss d(a, p) - d(a, n) + margin, rounded as floats are, is above zero and the mining chose it. These
numbers are the gradient of the summed loss by the distances, and the sum itself follows from them: no triplet is
gone through. That needs a loss that is linear in the distances; the soft margin is not.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .groups import Groups
from .intervals import interval_counts

Counting = Callable[[Tensor, Groups, float], Tensor]


def semi_hard(distances: Tensor, groups: Groups, margin: float) -> Tensor:
    """Every triplet with d(a, p) < d(a, n) < d(a, p) + margin (Schroff et al. 2015, eq. 4), as counts (b, b)."""
    positive = groups.at_positives(distances, torch.inf)
    above = torch.nextafter(positive, torch.full_like(positive, torch.inf))
    return _counts(distances, groups, above, _reach(positive, margin))


def all_triplets(distances: Tensor, groups: Groups, margin: float) -> Tensor:
    """Every triplet with d(a, n) < d(a, p) + margin ("batch all", Hermans et al. 2017, section 2), as counts (b, b)."""
    return _counts(distances, groups, None, _reach(groups.at_positives(distances, -torch.inf), margin))


def _counts(distances: Tensor, groups: Groups, starts: Tensor | None, stops: Tensor) -> Tensor:
    inside, covers = interval_counts(groups.only_negatives(distances), starts, stops)
    return covers.neg_().scatter_add_(1, groups.positives, inside)


def _reach(positive: Tensor, margin: float) -> Tensor:
    """The smallest distance d for which the float d - positive reaches the margin."""
    # positive + margin is one float off at most.
    limit = torch.full_like(positive, margin)
    stop = positive + limit
    lower = torch.nextafter(stop, torch.full_like(stop, -torch.inf))
    stop = torch.where(lower - positive >= limit, lower, stop)
    return torch.where(stop - positive < limit, torch.nextafter(stop, torch.full_like(stop, torch.inf)), stop)


COUNTING: dict[str, Counting] = {"semi-hard": semi_hard, "all": all_triplets}
