"""Pairs: a classifier that learns, together with the embedding, to tell pairs of one class from pairs of two."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .absolute import weighted_sums
from .batch import check_batch, check_dim, full_precision, rows_of
from .result import LossResult, stats_of_rows
from .triplets.groups import Groups

STEEPNESS, MIDDLE = 10.0, 0.75
"""The answer of an untrained classifier: logit 0 at a distance of about MIDDLE, lower by STEEPNESS per unit beyond."""


class Pairs(nn.Module):
    """A Siamese network's binary classifier: P(same class) = logistic(bias + sum_k weight[k] * |a[k] - b[k]|).

    It has the parameters `weight` (dim,) and `bias` (), which are trained with the network. Called with embeddings
    (b, dim) of floats and labels (b,) of integers, it returns the cross-entropy over all pairs of the batch. The pairs
    of one class and the pairs of two classes have half of the weight each, whatever their number; a kind that is
    absent from the batch counts as 0. The embeddings are scaled to unit rows.

    Parameters
    ----------
    dim : the length of an embedding.

    Raises
    ------
    LookalikeError : when called, for invalid shapes.

    Notes
    -----
    The active pairs are those that the classifier gets wrong. Half precision is computed in float32, memory is O(b^2),
    time is O(b^2 dim), and the gradient is finite at distance zero.

    Koch et al. 2015, Siamese Neural Networks for One-shot Image Recognition, section 3.1.

    Examples
    --------
    >>> import torch
    >>> from lookalike.embedder.losses.pairs import Pairs
    >>> embeddings = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
    >>> result = Pairs(dim=2)(embeddings, torch.tensor([0, 0, 1, 1]))
    >>> int(result.stats.active)
    2
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        # The coordinates of unit rows at distance c differ by about 0.8 c / sqrt(dim), as those of a normal one do.
        slope = STEEPNESS / (math.sqrt(2 / math.pi) * math.sqrt(dim))
        self.weight = nn.Parameter(torch.full((dim,), -slope))
        self.bias = nn.Parameter(torch.tensor(STEEPNESS * MIDDLE))

    def forward(self, embeddings: Tensor, labels: Tensor) -> LossResult:
        """The loss of embeddings (b, dim) with labels (b,). Raises LookalikeError for other shapes."""
        check_batch(embeddings, labels)
        check_dim(embeddings, len(self.weight))
        with full_precision(embeddings):
            rows = rows_of(embeddings)
            labels = labels.to(rows.device)
            groups = Groups(labels)
            logits = weighted_sums(rows, self.weight.to(rows.dtype)) + self.bias
            same = (labels[:, None] == labels).fill_diagonal_(False)
            different = labels[:, None] != labels
            loss = (_mean(F.softplus(-logits), same) + _mean(F.softplus(logits), different)) / 2
            wrong = (same & (logits < 0) | different & (logits >= 0)).sum()
            return LossResult(loss, stats_of_rows(rows, groups, wrong, groups.positive_pairs + groups.negative_pairs))

    def logits(self, left: Tensor, right: Tensor) -> Tensor:
        """log(P / (1 - P)) of "same class" (n,) for the pairs of rows of two matrices (n, dim), scaled to unit rows."""
        return (rows_of(left) - rows_of(right)).abs() @ self.weight + self.bias


def _mean(values: Tensor, where: Tensor) -> Tensor:
    return (values * where).sum() / where.sum().clamp_min(1)
