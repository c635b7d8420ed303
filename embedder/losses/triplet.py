"""The triplet loss: an image nearer to its own class than to any other, by a margin."""

import math
from typing import Any

import torch
from torch import Tensor

from ...store.errors import LookalikeError
from .distances import DISTANCES, Euclidean, unit_rows
from .groups import Groups
from .intervals import row_blocks
from .mining import MINING, Mining, hard
from .result import LossResult, LossStats


def triplet(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: float = 0.2,
    mining: str = "semi-hard",
    distance: str = "euclidean",
    normalise: bool = True,
) -> LossResult:
    """Mean of d(a, p) - d(a, n) + margin over the mined triplets in which it is positive; zero when there is none.

    embeddings (b, d) floating, any finite values, scaled to unit rows unless `normalise` is off; labels (b,)
    integers. `mining` is "semi-hard" (every triplet with d(a, p) < d(a, n) < d(a, p) + margin), "all" (every triplet)
    or "hard" (for each anchor its farthest positive and nearest negative). Half precision is computed in float32.
    Memory is O(b^2), the gradient is finite at distance zero, and a batch without triplets gives zero with a zero
    gradient. Value and gradient are those of pytorch-metric-learning's TripletMarginMiner or BatchHardMiner with
    TripletMarginLoss at the same margin. LookalikeError for shapes, a margin or a name that cannot be meant.

    Schroff et al. 2015, FaceNet, eq. 1 to 4; Hermans et al. 2017, In Defense of the Triplet Loss.
    """
    _check(embeddings, labels, margin)
    mine, measure = _choice("mining", mining, MINING), _choice("distance", distance, DISTANCES)
    with torch.autocast(embeddings.device.type, enabled=False):
        points = embeddings if embeddings.dtype in (torch.float32, torch.float64) else embeddings.float()
        points = unit_rows(points) if normalise else points
        with torch.no_grad():
            loss, gradient, stats = _mined_loss(points, labels.to(points.device), margin, mine, measure)
        return LossResult(_KnownGradient.apply(points, loss, gradient), stats)


def _mined_loss(
    points: Tensor, labels: Tensor, margin: float, mine: Mining, measure: type[Euclidean]
) -> tuple[Tensor, Tensor, LossStats]:
    groups, metric = Groups(labels), measure(points)
    counts = mine(metric.matrix, groups, margin)
    active = (counts.gather(1, groups.positives) * groups.real).sum(dtype=torch.float64)
    mean = (_product(metric.matrix, counts) + margin * active) / active.clamp_min(1)
    stats = _stats(metric.matrix, groups, active, groups.complete_anchors if mine is hard else groups.triplets)
    gradient = metric.pull_back(counts.div_(active.clamp_min(1))) if points.requires_grad else torch.empty(0)
    return mean.to(points.dtype), gradient, stats


def _product(distances: Tensor, counts: Tensor) -> Tensor:
    """Sum of distances * counts, which is that of d(a, p) - d(a, n) over the active triplets."""
    # In float64, since differences may be small beside the distances.
    blocks = row_blocks(distances)
    return sum(
        (torch.sum(distances[rows].double() * counts[rows]) for rows in blocks),
        distances.new_zeros((), dtype=torch.float64),
    )


def _stats(distances: Tensor, groups: Groups, active: Tensor, choices: Tensor) -> LossStats:
    positive = groups.at_positives(distances, 0.0).sum(dtype=torch.float64)
    negative = distances.sum(dtype=torch.float64) - positive
    return LossStats(
        active=active.long(),
        active_share=_mean(active, choices),
        positive_distance=_mean(positive, groups.positive_pairs),
        negative_distance=_mean(negative, groups.negative_pairs),
    )


def _mean(total: Tensor, count: Tensor) -> Tensor:
    return torch.where(count > 0, total / count, torch.nan)


class _KnownGradient(torch.autograd.Function):
    """The loss, with its gradient by the points worked out beforehand."""

    @staticmethod
    def forward(ctx: Any, points: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return loss.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        return upstream * ctx.saved_tensors[0], None, None


def _check(embeddings: Tensor, labels: Tensor, margin: float) -> None:
    if embeddings.ndim != 2 or not embeddings.is_floating_point() or not embeddings.numel():
        raise LookalikeError(
            f"embeddings are {_shown(embeddings)}; a floating (batch, dim) matrix with a row would work"
        )
    if labels.shape != embeddings.shape[:1] or labels.is_floating_point() or labels.is_complex():
        raise LookalikeError(f"labels are {_shown(labels)}; {len(embeddings)} integers, one a row, would work")
    if not (math.isfinite(margin) and margin > 0):
        raise LookalikeError(f"margin is {margin}; a number above 0, such as 0.2, would work")


def _choice(setting: str, name: str, choices: dict[str, Any]) -> Any:
    if name not in choices:
        raise LookalikeError(f"{setting} is {name!r}; {', '.join(choices)} would work")
    return choices[name]


def _shown(tensor: Tensor) -> str:
    return f"{tensor.dtype} of shape {tuple(tensor.shape)}"
