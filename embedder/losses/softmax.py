"""The softmax loss: cross-entropy over the training classes; the features in front of it serve as embeddings."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...store.errors import LookalikeError
from .batch import check_batch, check_dim, check_number, full_precision, rows_of
from .result import LossResult, stats_of_rows
from .triplets.groups import Groups


class Softmax(nn.Module):
    """A classifier over unit rows: cross-entropy of logits scale * cosine(embedding, weight of the class).

    It has the parameter `weight` (classes, dim), which is trained with the network. Called with embeddings (b, dim) of
    floats and labels (b,) of integers from 0 to classes - 1, it returns the mean over the batch. Embeddings and weights
    are scaled to unit rows, because that is how embeddings are compared afterwards, and no class has a bias.

    Parameters
    ----------
    dim : the length of an embedding.
    classes : the number of classes.
    scale : the inverse of a temperature. Cosines are at most 1, so the loss over C classes cannot fall below
        log(1 + (C - 1) exp(-scale C / (C - 1))): choose a few times log C. With a larger scale, images that are right
        already stop contributing earlier.

    Raises
    ------
    LookalikeError : for an invalid scale and, when called, for invalid shapes or labels.

    Notes
    -----
    The active images are those whose nearest class is a wrong one. Half precision is computed in float32.

    Wang et al. 2017, NormFace; Zhai and Wu 2019, Classification is a Strong Baseline for Deep Metric Learning.

    Examples
    --------
    >>> import torch
    >>> from lookalike.embedder.losses.softmax import Softmax
    >>> loss = Softmax(dim=2, classes=2)
    >>> loss.logits(torch.tensor([[1.0, 0.0], [0.0, 1.0]])).shape
    torch.Size([2, 2])
    """

    def __init__(self, dim: int, classes: int, *, scale: float = 16.0) -> None:
        super().__init__()
        check_number("scale", scale, "16")
        self.scale = scale
        self.weight = nn.Parameter(torch.randn(classes, dim) / dim**0.5)

    def forward(self, embeddings: Tensor, labels: Tensor) -> LossResult:
        """The loss of embeddings (b, dim) with labels (b,). Raises LookalikeError for other shapes and labels."""
        check_batch(embeddings, labels)
        check_dim(embeddings, self.weight.shape[1])
        self._check_labels(labels)
        with full_precision(embeddings):
            rows = rows_of(embeddings)
            labels = labels.to(rows.device).long()
            logits = self.logits(rows)
            missed = (logits.argmax(1) != labels).sum()
            images = torch.tensor(len(rows), device=rows.device)
            stats = stats_of_rows(rows, Groups(labels), missed, images)
            return LossResult(F.cross_entropy(logits, labels), stats)

    def logits(self, embeddings: Tensor) -> Tensor:
        """scale * cosine to each class (b, classes), in the order of the labels; their softmax is the probabilities."""
        rows = rows_of(embeddings)
        return self.scale * rows @ rows_of(self.weight.to(rows.dtype)).T

    def _check_labels(self, labels: Tensor) -> None:
        low, high, classes = int(labels.min()), int(labels.max()), len(self.weight)
        if low < 0 or high >= classes:
            raise LookalikeError(f"labels are {low} to {high}: with {classes} classes they must be 0 to {classes - 1}")
