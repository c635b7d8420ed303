"""The prototypical loss: each image nearer to the mean of a few others of its class than to that of any other class."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ...store.errors import LookalikeError
from .batch import check_batch, check_number, full_precision, rows_of
from .groups import Groups
from .result import LossResult, stats_of_rows


def prototypical(
    embeddings: Tensor,
    labels: Tensor,
    *,
    shots: int = 5,
    scale: float = 10.0,
    normalise: bool = True,
) -> LossResult:
    """Cross-entropy of the queries of one episode, the logits being -scale * |query - prototype|^2.

    The batch is an N-way episode: of each class the first `shots` rows are its support, whose mean is the prototype,
    and all others are queries. A class with no more rows than `shots` keeps one query; a class of one row has a
    prototype and no query. A batch without a query gives zero with a zero gradient. embeddings (b, d) floating, any
    finite values, scaled to unit rows unless `normalise` is off; labels (b,) integers. Squared distances of unit rows
    end at 4, which would keep every answer unsure: `scale` is the inverse of a temperature, 1 for the paper's own
    unnormalised rows. Active are the queries whose nearest prototype is another class's. Half precision is computed
    in float32, and the gradient is finite at distance zero. LookalikeError for shapes and settings that cannot be.

    Snell et al. 2017, Prototypical Networks for Few-shot Learning, eq. 1 and 2.
    """
    check_batch(embeddings, labels)
    check_number("scale", scale, "10")
    if isinstance(shots, bool) or not isinstance(shots, int) or shots < 1:
        raise LookalikeError(f"shots is {shots!r}; a whole number from 1 would work")
    with full_precision(embeddings):
        rows = rows_of(embeddings, normalise)
        labels = labels.to(rows.device)
        codes, support = _episode(labels, shots)
        logits = -scale * _squares(rows[~support], _prototypes(rows, codes, support))
        wanted = codes[~support]
        # Of no queries the sum is a zero with a gradient of zero, where the mean would be NaN.
        loss = F.cross_entropy(logits, wanted, reduction="sum") / max(1, len(wanted))
        missed = (logits.argmax(1) != wanted).sum()
        queries = torch.tensor(len(wanted), device=rows.device)
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
    """Squared Euclidean distances (q, n), smooth everywhere; the product's noise is small, unlike its root's."""
    return rows.square().sum(1, keepdim=True) - 2 * rows @ others.T + others.square().sum(1)
