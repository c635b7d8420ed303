"""The contrastive loss of Siamese pairs: images of one class pulled together, of two classes pushed apart."""

import torch
from torch import Tensor

from .batch import check_batch, check_number, choice, full_precision, rows_of
from .distances import DISTANCES
from .groups import Groups
from .result import LossResult, stats_of, with_gradient


def contrastive(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: float = 1.0,
    distance: str = "euclidean",
    normalise: bool = True,
) -> LossResult:
    """Mean of d^2 / 2 over the pairs of one class, plus mean of max(0, margin - d)^2 / 2 over those of two.

    All pairs of the batch are Siamese pairs. Each mean is over the pairs that cost anything, and 0 where there is none,
    so that the few pairs of one class weigh as much as the many of two. embeddings (b, d) floating, any finite values,
    scaled to unit rows unless `normalise` is off; labels (b,) integers. `distance` is "euclidean" as in the paper,
    "squared-euclidean", "cosine" (1 - cosine) or "manhattan". Active are the pairs of two classes nearer than the
    margin. Half precision is computed in float32, memory is O(b^2), and the gradient is finite at distance zero.
    LookalikeError for shapes, a margin or a name that cannot be meant.

    Hadsell et al. 2006, Dimensionality Reduction by Learning an Invariant Mapping, eq. 4.
    """
    check_batch(embeddings, labels)
    check_number("margin", margin, "1.0")
    measure = choice("distance", distance, DISTANCES)
    with full_precision(embeddings):
        points = rows_of(embeddings, normalise or distance == "cosine")
        with torch.no_grad():
            groups, metric = Groups(labels.to(points.device)), measure(points)
            near = (margin - groups.only_negatives(metric.matrix)).clamp_min_(0)
            loss, weights, active = _loss(groups, metric.matrix, near)
            stats = stats_of(metric.matrix, groups, active, groups.negative_pairs)
            gradient = metric.pull_back(weights) if points.requires_grad else torch.empty(0)
        return LossResult(with_gradient(points, loss.to(points.dtype), gradient), stats)


def _loss(groups: Groups, distances: Tensor, near: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The loss (float64), its gradient (b, b) by the distances, and the number of `near` (b, b) values above 0."""
    together = groups.at_positives(distances, 0.0)
    pulled, pushed = (together > 0).sum(), (near > 0).sum()
    loss = _half_mean_square(together, pulled) + _half_mean_square(near, pushed)
    weights = near.div(-pushed.clamp_min(1)).scatter_add_(1, groups.positives, together.div_(pulled.clamp_min(1)))
    return loss, weights, pushed


def _half_mean_square(values: Tensor, count: Tensor) -> Tensor:
    return values.square().sum(dtype=torch.float64) / (2 * count.clamp_min(1))
