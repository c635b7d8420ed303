"""The contrastive loss of Siamese pairs: images of the same class are pulled together, those of two pushed apart."""

import torch
from torch import Tensor

from .batch import check_batch, check_number, choice, full_precision, rows_of
from .distances import DISTANCES
from .result import LossResult, stats_of, with_gradient
from .triplets.groups import Groups


def contrastive(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: float = 1.0,
    distance: str = "euclidean",
    normalise: bool = True,
) -> LossResult:
    """Mean of d^2 / 2 over the pairs of one class, plus mean of max(0, margin - d)^2 / 2 over the pairs of two classes.

    Each mean is over the pairs whose loss is above zero, and 0 if there is none, so that the few pairs of one class
    weigh as much as the many pairs of two.

    Parameters
    ----------
    embeddings : a matrix (b, d) of floats with any finite values, scaled to unit rows unless `normalise` is False.
    labels : integers (b,).
    margin : the distance beyond which pairs of two classes have no loss.
    distance : "euclidean" as in the paper, "squared-euclidean", "cosine" (1 - cosine) or "manhattan".
    normalise : whether to scale the embeddings to unit rows.

    Returns
    -------
    LossResult : the loss, and counts of the batch. The active pairs are those of two classes nearer than the margin.

    Raises
    ------
    LookalikeError : for an invalid shape, margin or name.

    Notes
    -----
    Half precision is computed in float32, memory is O(b^2), and the gradient is finite at distance zero.

    Hadsell et al. 2006, Dimensionality Reduction by Learning an Invariant Mapping, eq. 4.

    Examples
    --------
    >>> import torch
    >>> from lookalike.embedder.losses.contrastive import contrastive
    >>> embeddings = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
    >>> result = contrastive(embeddings, torch.tensor([0, 0, 1, 1]), margin=1.0)
    >>> round(result.item(), 3), int(result.stats.active)
    (0.289, 6)
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
    """The loss (float64), its gradient (b, b) with respect to the distances, and how many of `near` are above 0."""
    together = groups.at_positives(distances, 0.0)
    pulled, pushed = (together > 0).sum(), (near > 0).sum()
    loss = _half_mean_square(together, pulled) + _half_mean_square(near, pushed)
    weights = near.div(-pushed.clamp_min(1)).scatter_add_(1, groups.positives, together.div_(pulled.clamp_min(1)))
    return loss, weights, pushed


def _half_mean_square(values: Tensor, count: Tensor) -> Tensor:
    return values.square().sum(dtype=torch.float64) / (2 * count.clamp_min(1))
