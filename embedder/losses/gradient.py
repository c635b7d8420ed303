"""Losses whose gradient by the distances is worked out beside their value, without a graph over the batch's pairs."""

from typing import Any

import torch
from torch import Tensor


def with_gradient(points: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
    """The 0-d `loss`, backward() giving `points` (b, d) the `gradient` (b, d), which may be empty if nobody asks."""
    return _Known.apply(points, loss, gradient)


class _Known(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return loss.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        return upstream * ctx.saved_tensors[0], None, None
