"""The triplet loss: an image nearer to its own class than to any other, by a margin."""

from typing import NamedTuple

import torch
from torch import Tensor

from ...store.errors import LookalikeError
from ..recipe.losses import SOFT, UNMINED
from .batch import check_batch, check_number, choice, full_precision, rows_of
from .distances import DISTANCES, Distance
from .drawing import DRAWING, Triplets
from .groups import Groups
from .intervals import row_blocks
from .margins import HardMargin, SoftMargin
from .mining import COUNTING, Counting
from .result import LossResult, stats_of, with_gradient

MININGS = (*COUNTING, *DRAWING)
_VALUES = 1 << 18  # gaps at a time, where all are gone through


def triplet(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: float | str = 0.2,
    mining: str | None = None,
    distance: str = "euclidean",
    normalise: bool = True,
    scale: float = 1.0,
    generator: torch.Generator | None = None,
) -> LossResult:
    """Mean of max(0, d(a, p) - d(a, n) + margin) over the mined triplets that cost anything; zero when there is none.

    embeddings (b, d) floating, any finite values, scaled to unit rows unless `normalise` is off; labels (b,) integers.
    `margin` is a number, or "soft": log(1 + exp(scale (d(a, p) - d(a, n)))) / scale, averaged over all mined triplets;
    a number has no use for `scale`. `mining` is "semi-hard" (every triplet with d(a, p) < d(a, n) < d(a, p) + margin),
    "all" (every triplet), "hard" (for each anchor its farthest positive and nearest negative), "distance-weighted" or
    "random" (for each anchor and positive a negative, drawn so that all distances come alike, or just so) or
    "facenet-mix" (half the hardest of a large draw, half random); these three draw by `generator`, a CPU one, or
    torch's own. None is "semi-hard", or "all" with a soft margin, where semi-hard triplets cannot end. `distance` is
    "euclidean", "squared-euclidean", "cosine" (1 - cosine) or "manhattan".

    Half precision is computed in float32. The gradient is finite at distance zero, and a batch without triplets gives
    zero with a zero gradient. Memory is O(b^2). Time is O(b^2 (d + log k)) for k images a class, but for two: the
    soft margin over all triplets goes through them, O(b^2 k), since only a loss that is linear in the distances
    can be summed without; and Manhattan distances have a slower O(b^2 d). Active are the triplets that cost anything,
    with the soft margin those whose negative is the nearer. Value and gradient are those of pytorch-metric-learning's
    TripletMarginMiner or BatchHardMiner with TripletMarginLoss at the same margin and distance. LookalikeError for
    shapes, a margin, a name or a combination that cannot be meant.

    Schroff et al. 2015, FaceNet, eq. 1 to 4; Hermans et al. 2017, In Defense of the Triplet Loss; Wu et al. 2017,
    Sampling Matters in Deep Embedding Learning.
    """
    check_batch(embeddings, labels)
    mining = UNMINED[margin == SOFT] if mining is None else mining
    _check(margin, mining, normalise)
    check_number("scale", scale, "10.0")
    measure = choice("distance", distance, DISTANCES)
    with full_precision(embeddings):
        points = rows_of(embeddings, normalise or distance == "cosine")
        with torch.no_grad():
            groups, metric = Groups(labels.to(points.device)), measure(points)
            penalty = SoftMargin(scale) if isinstance(margin, str) else HardMargin(margin)
            mined = _mined(metric, groups, penalty, mining, generator)
            stats = stats_of(metric.matrix, groups, mined.active, mined.choices)
            averaged = mined.averaged.clamp_min(1)
            loss = (mined.total / averaged).to(points.dtype)
            gradient = metric.pull_back(mined.weights.div_(averaged)) if points.requires_grad else torch.empty(0)
        return LossResult(with_gradient(points, loss, gradient), stats)


class _Mined(NamedTuple):
    """The summed loss, its gradient (b, b) by the distances, what to divide both by, and two counts."""

    weights: Tensor
    total: Tensor
    averaged: Tensor
    active: Tensor
    choices: Tensor


def _mined(
    metric: Distance,
    groups: Groups,
    penalty: HardMargin | SoftMargin,
    mining: str,
    generator: torch.Generator | None,
) -> _Mined:
    if mining in DRAWING:
        return _listed(metric.matrix, DRAWING[mining](metric, groups, generator), penalty)
    if isinstance(penalty, SoftMargin):
        return _every(metric.matrix, groups, penalty)
    return _counted(metric.matrix, groups, COUNTING[mining], penalty.width)


def _counted(distances: Tensor, groups: Groups, count: Counting, margin: float) -> _Mined:
    """By the numbers of active triplets, which are the gradient."""
    counts = count(distances, groups, margin)
    active = (counts.gather(1, groups.positives) * groups.real).sum(dtype=torch.float64)
    return _Mined(counts, _product(distances, counts) + margin * active, active, active, groups.triplets)


def _product(distances: Tensor, counts: Tensor) -> Tensor:
    """Sum of distances * counts, which is that of d(a, p) - d(a, n) over the active triplets."""
    # In float64, since differences may be small beside the distances.
    blocks = row_blocks(distances)
    return sum(
        (torch.sum(distances[rows].double() * counts[rows]) for rows in blocks),
        distances.new_zeros((), dtype=torch.float64),
    )


def _listed(distances: Tensor, triplets: Triplets, margin: HardMargin | SoftMargin) -> _Mined:
    """By the triplets themselves."""
    gaps = triplets.gaps(distances)
    losses, slopes = margin.losses(gaps), margin.slopes(gaps)
    weights = torch.zeros_like(distances)
    weights.index_put_((triplets.anchor, triplets.positive), slopes, accumulate=True)
    weights.index_put_((triplets.anchor, triplets.negative), -slopes, accumulate=True)
    choices = torch.tensor(len(gaps), device=gaps.device)
    return _Mined(weights, losses.sum(dtype=torch.float64), margin.averaged(losses), margin.active(gaps), choices)


def _every(distances: Tensor, groups: Groups, margin: SoftMargin) -> _Mined:
    """By all triplets, some anchors' at a time."""
    positive, negative = groups.at_positives(distances, -torch.inf), groups.only_negatives(distances)
    weights = torch.zeros_like(distances)
    total, active = weights.new_zeros((), dtype=torch.float64), torch.zeros_like(groups.triplets)
    step = max(1, _VALUES // (positive.shape[1] * negative.shape[1]))
    for first in range(0, len(distances), step):
        rows = slice(first, first + step)
        gaps = positive[rows, :, None] - negative[rows, None, :]  # -inf, at no cost, for what is no triplet
        slopes = margin.slopes(gaps)
        weights[rows] -= slopes.sum(1)
        weights[rows].scatter_add_(1, groups.positives[rows], slopes.sum(2))
        total += margin.losses(gaps).sum(dtype=torch.float64)
        active += margin.active(gaps)
    return _Mined(weights, total, groups.triplets, active, groups.triplets)


def _check(margin: float | str, mining: str, normalise: bool) -> None:
    choice("mining", mining, dict.fromkeys(MININGS))
    if margin != SOFT:
        check_number("margin", margin, "0.2 (or soft)")
    if margin == SOFT and mining == "semi-hard":
        raise LookalikeError(f"mining is 'semi-hard': it ends at the margin, and {SOFT!r} has no end; all would work")
    if mining == "distance-weighted" and not normalise:
        raise LookalikeError(
            "mining is 'distance-weighted': it draws by the distances of unit rows; normalise=True would work"
        )
