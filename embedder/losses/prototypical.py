"""The prototypical loss: an image is nearer to the mean of some images of its class than to that of any other class."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ...store.checks import whole_number
from .batch import check_batch, check_number, full_precision, rows_of
from .result import LossResult, stats_of_rows
from .triplets.groups import Groups


def prototypical(
    embeddings: Tensor,
    labels: Tensor,
    *,
    shots: int = 5,
    scale: float = 10.0,
    normalise: bool = True,
) -> LossResult:
    """Cross-entropy of the queries of one episode, with logits -scale * |query - prototype|^2.

    The batch is an N-way episode: the first `shots` rows of each class are its support, whose mean is the prototype,
    and all other rows are queries. A class with no more rows than `shots` keeps one query; a class with one row has a
    prototype and no query.

    Parameters
    ----------
    embeddings : a matrix (b, d) of floats with any finite values, scaled to unit rows unless `normalise` is False.
    labels : integers (b,).
    shots : rows of support per class.
    scale : the inverse of a temperature. Squared distances of unit rows are at most 4, which would leave every answer
        uncertain; for the paper's unnormalised rows it is 1.
    normalise : whether to scale the embeddings to unit rows.

    Returns
    -------
    LossResult : the loss, and counts of the batch. The active queries are those whose nearest prototype belongs to
        another class. Without queries, loss and gradient are zero.

    Raises
    ------
    LookalikeError : for an invalid shape, `shots` or `scale`.

    Notes
    -----
    Half precision is computed in float32, and the gradient is finite at distance zero.

    Snell et al. 2017, Prototypical Networks for Few-shot Learning, eq. 1 and 2.

    Examples
    --------
    >>> import torch
    >>> from lookalike.embedder.losses.prototypical import prototypical
    >>> embeddings = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
    >>> result = prototypical(embeddings, torch.tensor([0, 0, 1, 1]), shots=1, scale=1.0)
    >>> round(result.item(), 3), int(result.stats.active)
    (0.525, 1)
    """
    check_batch(embeddings, labels)
    check_number("scale", scale, "10")
    whole_number("shots", shots)
    with full_precision(embeddings):
        rows = rows_of(embeddings, normalise)
        labels = labels.to(rows.device)
        codes, support = _episode(labels, shots)
        logits = -scale * _squares(rows[~support], _prototypes(rows, codes, support))
        targets = codes[~support]
        # Without queries the sum is zero, with a gradient of zero; the mean would be NaN.
        loss = F.cross_entropy(logits, targets, reduction="sum") / max(1, len(targets))
        missed = (logits.argmax(1) != targets).sum()
        queries = torch.tensor(len(targets), device=rows.device)
        return LossResult(loss, stats_of_rows(rows, Groups(labels), missed, queries))


def _episode(labels: Tensor, shots: int) -> tuple[Tensor, Tensor]:
    """Each row's class (b,) int64, from 0, and whether it is support (b,) bool."""
    _, codes, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    order = codes.argsort(stable=True)
    rank = torch.empty_like(codes)
    rank[order] = torch.arange(len(codes), device=codes.device) - (counts.cumsum(0) - counts)[codes[order]]
    return codes, rank < (counts - 1).clamp(1, shots)[codes]


def _prototypes(rows: Tensor, codes: Tensor, support: Tensor) -> Tensor:
    """The means (n, d) of the support of each class."""
    members = F.one_hot(codes[support]).to(rows.dtype).T
    return members @ rows[support] / members.sum(1, keepdim=True)


def _squares(rows: Tensor, others: Tensor) -> Tensor:
    """Squared Euclidean distances (q, n), smooth everywhere; the noise of the product is small, unlike its root's."""
    return rows.square().sum(1, keepdim=True) - 2 * rows @ others.T + others.square().sum(1)
