"""What a triplet costs, as a function of its gap d(a, p) - d(a, n).

Gaps are floating, of any shape. Both margins give their `losses` and `slopes` (the derivatives) in the same shape and
dtype, how many of the losses the mean is taken over (`averaged`) and how many of the gaps count as active (`active`),
each as a 0-d int64 tensor.
"""

import torch
from torch import Tensor


class HardMargin:
    """max(0, gap + width): the mean is over triplets with a positive loss, which are the active ones."""

    def __init__(self, width: float) -> None:
        self.width = width

    def losses(self, gaps: Tensor) -> Tensor:
        """The part above zero, rounded as gap + width is."""
        return (gaps + self.width).clamp_min(0)

    def slopes(self, gaps: Tensor) -> Tensor:
        """1 where the loss is positive, else 0."""
        return (gaps + self.width > 0).to(gaps.dtype)

    def averaged(self, losses: Tensor) -> Tensor:
        """The positive losses."""
        return (losses > 0).sum()

    def active(self, gaps: Tensor) -> Tensor:
        """The positive losses."""
        return (gaps + self.width > 0).sum()


class SoftMargin:
    """log(1 + exp(scale gap)) / scale (Hermans et al. 2017): every triplet counts; active are those above zero.

    The paper has rows of any length and a scale of 1. Gaps of unit rows lie in [-2, 2], where that is nearly straight:
    triplets that are right by far would pull as hard as wrong ones.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def losses(self, gaps: Tensor) -> Tensor:
        """Without overflow: the gap itself where it is large."""
        return torch.nn.functional.softplus(gaps * self.scale) / self.scale

    def slopes(self, gaps: Tensor) -> Tensor:
        """The logistic function."""
        return (gaps * self.scale).sigmoid()

    def averaged(self, losses: Tensor) -> Tensor:
        """All of them."""
        return torch.tensor(losses.numel(), device=losses.device)

    def active(self, gaps: Tensor) -> Tensor:
        """Those above zero."""
        return (gaps > 0).sum()
