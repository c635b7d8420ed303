"""The triplet loss: an image nearer to its own class than to any other, by a margin."""

from typing import NamedTuple

import torch
from torch import Tensor

from ...store.errors import LookalikeError
from ..recipe.losses import SOFT, UNMINED
from .batch import check_batch, check_number, choice, full_precision, rows_of
from .distances import DISTANCES, Distance
from .result import LossResult, stats_of, with_gradient
from .triplets.drawing import DRAWING, Triplets
from .triplets.groups import Groups
from .triplets.intervals import row_blocks
from .triplets.margins import HardMargin, SoftMargin
from .triplets.mining import COUNTING, Counting

MININGS = (*COUNTING, *DRAWING)
_VALUES = 1 << 18  # gaps that are computed at once when all triplets are visited


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
    """Mean of max(0, d(a, p) - d(a, n) + margin) over the mined triplets whose loss is above zero.

    Parameters
    ----------
    embeddings : a matrix (b, d) of floats with any finite values, scaled to unit rows unless `normalise` is False.
    labels : integers (b,).
    margin : a number, or "soft" for the loss log(1 + exp(scale (d(a, p) - d(a, n)))) / scale, whose mean is over all
        mined triplets.
    mining : which triplets count. "semi-hard": every triplet with d(a, p) < d(a, n) < d(a, p) + margin. "all": every
        triplet. "hard": for each anchor its farthest positive and nearest negative. "random": for each anchor and
        positive a random negative. "distance-weighted": the same, drawn such that all distances are equally likely.
        "facenet-mix": half of them the hardest of a large random draw, half random. None is "semi-hard", or "all" with
        a soft margin, which sets no limit for semi-hard triplets.
    distance : "euclidean", "squared-euclidean", "cosine" (1 - cosine) or "manhattan".
    normalise : whether to scale the embeddings to unit rows.
    scale : the scale of a soft margin; a margin that is a number does not use it.
    generator : a CPU generator for the minings that draw; None is torch's own.

    Returns
    -------
    LossResult : the loss, and counts of the batch. The active triplets are those whose loss is above zero; with a soft
        margin, those whose negative is nearer than the positive. Without triplets, loss and gradient are zero.

    Raises
    ------
    LookalikeError : for an invalid shape, margin, name or combination.

    Notes
    -----
    Half precision is computed in float32, and the gradient is finite at distance zero. Memory is O(b^2). Time is
    O(b^2 (d + log k)) for k images per class, with two exceptions: a soft margin over all triplets visits each of
    them, O(b^2 k), because only a loss that is linear in the distances can be summed without; and Manhattan distances
    have a slower O(b^2 d). Value and gradient equal those of pytorch-metric-learning's TripletMarginMiner or
    BatchHardMiner with TripletMarginLoss at the same margin and distance.

    Schroff et al. 2015, FaceNet, eq. 1 to 4; Hermans et al. 2017, In Defense of the Triplet Loss; Wu et al. 2017,
    Sampling Matters in Deep Embedding Learning.

    Examples
    --------
    >>> import torch
    >>> from lookalike.embedder.losses.triplet import triplet
    >>> embeddings = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]], requires_grad=True)
    >>> result = triplet(embeddings, torch.tensor([0, 0, 1, 1]), margin=0.2, mining="all")
    >>> result.backward()
    >>> round(result.item(), 3), int(result.stats.active)
    (0.55, 2)
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
    """The summed loss, its gradient (b, b) with respect to the distances, the divisor of both, and two counts."""

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
    """From the numbers of active triplets, which are the gradient."""
    counts = count(distances, groups, margin)
    active = (counts.gather(1, groups.positives) * groups.real).sum(dtype=torch.float64)
    return _Mined(counts, _product(distances, counts) + margin * active, active, active, groups.triplets)


def _product(distances: Tensor, counts: Tensor) -> Tensor:
    """Sum of distances * counts, which is the sum of d(a, p) - d(a, n) over the active triplets."""
    # In float64, because the differences can be small compared with the distances.
    blocks = row_blocks(distances)
    return sum(
        (torch.sum(distances[rows].double() * counts[rows]) for rows in blocks),
        distances.new_zeros((), dtype=torch.float64),
    )


def _listed(distances: Tensor, triplets: Triplets, margin: HardMargin | SoftMargin) -> _Mined:
    """From the triplets themselves."""
    gaps = triplets.gaps(distances)
    losses, slopes = margin.losses(gaps), margin.slopes(gaps)
    weights = torch.zeros_like(distances)
    weights.index_put_((triplets.anchor, triplets.positive), slopes, accumulate=True)
    weights.index_put_((triplets.anchor, triplets.negative), -slopes, accumulate=True)
    choices = torch.tensor(len(gaps), device=gaps.device)
    return _Mined(weights, losses.sum(dtype=torch.float64), margin.averaged(losses), margin.active(gaps), choices)


def _every(distances: Tensor, groups: Groups, margin: SoftMargin) -> _Mined:
    """From all triplets, for a few anchors at a time."""
    positive, negative = groups.at_positives(distances, -torch.inf), groups.only_negatives(distances)
    weights = torch.zeros_like(distances)
    total, active = weights.new_zeros((), dtype=torch.float64), torch.zeros_like(groups.triplets)
    step = max(1, _VALUES // (positive.shape[1] * negative.shape[1]))
    for first in range(0, len(distances), step):
        rows = slice(first, first + step)
        gaps = positive[rows, :, None] - negative[rows, None, :]  # -inf, without a loss, where there is no triplet
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
        raise LookalikeError(
            f"mining is 'semi-hard': semi-hard triplets are limited by the margin, which {SOFT!r} does not have; use "
            "mining='all'"
        )
    if mining == "distance-weighted" and not normalise:
        raise LookalikeError(
            "mining is 'distance-weighted': it draws by the distances of unit rows; use normalise=True"
        )
