"""Which rows of a batch belong together: every anchor's positives as columns, for any class sizes."""

import torch
from torch import Tensor


class Groups:
    """The classes of a batch with labels (b,) int.

    `positives` (b, k) int64 are the columns of each anchor's positives, k being the largest class without the anchor,
    at least 1; where a class is smaller, `real` (b, k) is False and the column is the anchor's own. `positive_pairs`,
    `negative_pairs`, `triplets` and `complete_anchors` (with a positive and a negative) are numbers as 0-d tensors;
    `others` and `strangers` (b,) int64 those of each anchor's positives and negatives.
    """

    def __init__(self, labels: Tensor) -> None:
        _, codes, counts = torch.unique(labels, return_inverse=True, return_counts=True)
        mine, first = counts[codes], (counts.cumsum(0) - counts)[codes]
        self.others, self.strangers = mine - 1, len(labels) - mine
        self._order, self._first = torch.argsort(codes, stable=True), first
        order, rank = self._order, torch.empty_like(codes)
        rank[order] = torch.arange(len(labels), device=labels.device) - first[order]
        place = torch.arange(max(1, int(self.others.max())), device=labels.device)
        self.real = place < self.others[:, None]
        # The anchor's own place in its class is left out: those behind it move up.
        self.positives = order[first[:, None] + torch.where(self.real, place + (place >= rank[:, None]), rank[:, None])]
        self.positive_pairs, self.negative_pairs = self.others.sum(), self.strangers.sum()
        self.triplets = (self.others * self.strangers).sum()
        self.complete_anchors = ((self.others > 0) & (self.strangers > 0)).sum()

    def negative(self, anchors: Tensor, ranks: Tensor) -> Tensor:
        """The column of each anchor's negative number 0 to strangers - 1; both arguments (t,) int64."""
        behind_own_class = ranks >= self._first[anchors]
        return self._order[ranks + behind_own_class * (self.others[anchors] + 1)]

    def at_positives(self, distances: Tensor, fill: float) -> Tensor:
        """The distances (b, k) of the positives, `fill` where there is none."""
        return distances.gather(1, self.positives).masked_fill_(~self.real, fill)

    def only_negatives(self, distances: Tensor) -> Tensor:
        """A copy (b, b) of the distances, +inf at the anchor and its positives."""
        return distances.scatter(1, self.positives, torch.inf).fill_diagonal_(torch.inf)
