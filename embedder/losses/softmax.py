"""The softmax loss: cross-entropy over the training classes, whose features then serve as embeddings."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...store.errors import LookalikeError
from .batch import check_batch, check_dim, check_number, full_precision, rows_of
from .groups import Groups
from .result import LossResult, stats_of_rows


class Softmax(nn.Module):
    """A classifier over unit rows: cross-entropy of logits scale * cosine(embedding, weight of the class).

    Parameters: `weight` (classes, dim), trained with the network. softmax(embeddings (b, dim) floating, labels (b,)
    integers from 0 to classes - 1) is the mean over the batch. Embeddings and weights are scaled to unit rows, since
    that is how embeddings are compared afterwards, and no class gets a bias. Cosines end at 1: over C classes the loss
    cannot fall below log(1 + (C - 1) exp(-scale C / (C - 1))), so that `scale`, the inverse of a temperature, is to be
    some times log C; a larger one lets go earlier of images that are already right. Active are the images whose
    nearest class is another. Half precision is computed in float32. LookalikeError for shapes, labels and a scale that
    cannot be meant.

    Wang et al. 2017, NormFace; Zhai and Wu 2019, Classification is a Strong Baseline for Deep Metric Learning.
    """

    def __init__(self, dim: int, classes: int, *, scale: float = 16.0) -> None:
        super().__init__()
        check_number("scale", scale, "16")
        self.scale = scale
        self.weight = nn.Parameter(torch.randn(classes, dim) / dim**0.5)

    def forward(self, embeddings: Tensor, labels: Tensor) -> LossResult:
        """The loss of embeddings (b, dim) with labels (b,); LookalikeError for other shapes and labels."""
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
        """scale * cosine to each class (b, classes), in the order of the labels; softmax over them gives its odds."""
        rows = rows_of(embeddings)
        return self.scale * rows @ rows_of(self.weight.to(rows.dtype)).T

    def _check_labels(self, labels: Tensor) -> None:
        low, high, classes = int(labels.min()), int(labels.max()), len(self.weight)
        if low < 0 or high >= classes:
            raise LookalikeError(f"labels go from {low} to {high}; this loss was made for 0 to {classes - 1}")
