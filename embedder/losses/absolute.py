"""Weighted sums of absolute differences between all rows of a batch, and their gradients, in bounded memory.

torch's own backward of such distances is not deterministic on a GPU, and a tensor of all differences would take
O(b^2 d) memory; here some rows are held against all others at a time.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

_VALUES = 1 << 18  # differences at a time: a few times that still fits a core's cache


def weighted_sums(points: Tensor, weights: Tensor) -> Tensor:
    """sum_k weights[k] * |points[i, k] - points[j, k]| as (b, b), differentiable by points (b, d) and weights (d,)."""
    return _WeightedSums.apply(points, weights)


def pull_of_sums(points: Tensor, pull: Tensor) -> Tensor:
    """The gradient (b, d) of sum(pull (b, b) * sums) by the points, the sums being those of absolute differences."""
    both = pull + pull.T
    gradient = torch.empty_like(points)
    for rows, differences in _differences(points):
        torch.bmm(both[rows, None], differences.sign_(), out=gradient[rows, None])
    return gradient


class _WeightedSums(torch.autograd.Function):
    """Weights of both signs: what the positive ones sum up, less what the negative ones do."""

    @staticmethod
    def forward(ctx: Any, points: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(points, weights)
        more, less = points * weights.clamp_min(0), points * weights.clamp_max(0)
        return torch.cdist(more, more, p=1) - torch.cdist(less, less, p=1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, pull: Tensor) -> tuple[Tensor, Tensor]:
        points, weights = ctx.saved_tensors
        by_weight = torch.zeros_like(weights)
        for rows, differences in _differences(points):
            by_weight += pull[rows].reshape(1, -1).mm(differences.abs_().flatten(0, 1))[0]
        return pull_of_sums(points, pull).mul_(weights), by_weight


def _differences(points: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """(rows, their differences (r, b, d) to all rows), some rows at a time."""
    step = max(1, _VALUES // points.numel())
    for first in range(0, len(points), step):
        rows = slice(first, first + step)
        yield rows, points[rows, None] - points
