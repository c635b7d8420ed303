"""The result of a loss, and a loss with a gradient that was computed beforehand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .triplets.groups import Groups


@dataclass(frozen=True)
class LossStats:
    """What the progress line shows of a step: 0-d tensors on the batch's device, float64 (`active` int64).

    `active` is how many triplets, pairs or images of the batch still contribute, and `active_share` is their share of
    all that could; each loss documents which these are. `positive_distance` and `negative_distance` are means over all
    pairs of one class and of two classes, in the distance of the loss (Euclidean if it has none). NaN where there are
    none.
    """

    active: Tensor
    active_share: Tensor
    positive_distance: Tensor
    negative_distance: Tensor


@dataclass(frozen=True)
class LossResult:
    """A scalar `loss`, and the `stats` of the batch.

    The result can be used in place of its loss in `backward()`, `item()`, `float()` and torch's functions. For
    arithmetic use `loss`.
    """

    loss: Tensor
    stats: LossStats

    def backward(self, *arguments: Any, **keywords: Any) -> None:
        """Tensor.backward of the loss."""
        self.loss.backward(*arguments, **keywords)

    def item(self) -> float:
        """The loss as a number."""
        return self.loss.item()

    def __float__(self) -> float:
        return self.item()

    @classmethod
    def __torch_function__(
        cls,
        function: Callable[..., Any],
        types: Any,
        arguments: Sequence[Any] = (),
        keywords: Mapping[str, Any] | None = None,
    ) -> Any:
        return function(*map(_loss_of, arguments), **{name: _loss_of(each) for name, each in (keywords or {}).items()})


def _loss_of(argument: Any) -> Any:
    """The argument of a torch function, with results replaced by their losses, also in lists."""
    if isinstance(argument, list | tuple):
        return type(argument)(map(_loss_of, argument))
    return argument.loss if isinstance(argument, LossResult) else argument


def stats_of(distances: Tensor, groups: Groups, active: Tensor, choices: Tensor) -> LossStats:
    """The stats of a batch with distances (b, b) and a zero diagonal; `active` and `choices` are 0-d counts."""
    positive = groups.at_positives(distances, 0.0).sum(dtype=torch.float64)
    negative = distances.sum(dtype=torch.float64) - positive
    return LossStats(
        active=active.long(),
        active_share=_mean(active.double(), choices),
        positive_distance=_mean(positive, groups.positive_pairs),
        negative_distance=_mean(negative, groups.negative_pairs),
    )


def stats_of_rows(rows: Tensor, groups: Groups, active: Tensor, choices: Tensor) -> LossStats:
    """`stats_of` with the Euclidean distances of unit rows (b, d)."""
    rows = rows.detach()
    return stats_of(torch.cdist(rows, rows).fill_diagonal_(0), groups, active, choices)


def _mean(total: Tensor, count: Tensor) -> Tensor:
    return torch.where(count > 0, total / count, torch.nan)


def with_gradient(points: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
    """The 0-d `loss` whose backward() gives `points` (b, d) the `gradient` (b, d), empty if none is needed."""
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
