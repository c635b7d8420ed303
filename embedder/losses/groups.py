"""Which rows of a batch belong together: every anchor's positives as columns, for any class sizes."""

import torch
from torch import Tensor


class Groups:
    """The classes of a batch with labels (b,) int.

    `positives` (b, k) int64 are the columns of each anchor's positives, k being the largest class without the anchor,
    at least 1; where a class is smaller, `real` (b, k) is False and the column is the anchor's own. `positive_pairs`,
    `negative_pairs`, `triplets` and `complete_anchors` (with a positive and a negative) are numbers as 0-d tensors.
    """

    def __init__(self, labels: Tensor) -> None:
        _, codes, counts = torch.unique(labels, return_inverse=True, return_counts=True)
        mine, first = counts[codes], (counts.cumsum(0) - counts)[codes]
        others, strangers = mine - 1, len(labels) - mine
        order, rank = torch.argsort(codes, stable=True), torch.empty_like(codes)
        rank[order] = torch.arange(len(labels), device=labels.device) - first[order]
        place = torch.arange(max(1, int(others.max())), device=labels.device)
        self.real = place < others[:, None]
        # The anchor's own place in its class is left out: those behind it move up.
        self.positives = order[first[:, None] + torch.where(self.real, place + (place >= rank[:, None]), rank[:, None])]
        self.positive_pairs, self.negative_pairs = others.sum(), strangers.sum()
        self.triplets = (others * strangers).sum()
        self.complete_anchors = ((others > 0) & (strangers > 0)).sum()

    def at_positives(self, distances: Tensor, fill: float) -> Tensor:
        """The distances (b, k) of the positives, `fill` where there is none."""
        return distances.gather(1, self.positives).masked_fill_(~self.real, fill)

    def only_negatives(self, distances: Tensor) -> Tensor:
        """A copy (b, b) of the distances, +inf at the anchor and its positives."""
        return distances.scatter(1, self.positives, torch.inf).fill_diagonal_(torch.inf)
