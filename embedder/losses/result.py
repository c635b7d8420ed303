"""What a loss returns to the training loop."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class LossStats:
    """What the progress line shows of a step: 0-d tensors on the batch's device, float64 (`active` int64).

    `active` is the number of triplets with a positive loss that were averaged, `active_share` its share of the triplets
    that the mining chose from; `positive_distance` and `negative_distance` are means over all pairs of one class and of
    two. NaN where there is nothing to average.
    """

    active: Tensor
    active_share: Tensor
    positive_distance: Tensor
    negative_distance: Tensor


@dataclass(frozen=True)
class LossResult:
    """A scalar `loss` to call backward() on, and the `stats` of the batch."""

    loss: Tensor
    stats: LossStats
