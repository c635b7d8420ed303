"""Distances between all rows of a batch, and the way back: from a gradient over the distances to one over the rows.

A distance is made of points (b, d) and has their `matrix` (b, b), symmetric with a zero diagonal, and `dim`, their d.
"""

from typing import Protocol

import torch
from torch import Tensor

from .absolute import pull_of_sums


class Distance(Protocol):
    """What a loss asks of a distance between points (b, d); its `matrix` (b, b) may be used up by `pull_back`."""

    matrix: Tensor
    dim: int

    def __init__(self, points: Tensor) -> None: ...

    def pull_back(self, weights: Tensor) -> Tensor:
        """The gradient (b, d) of sum(weights * matrix) by the points, none from a distance of zero; uses up weights."""

    def chords(self) -> Tensor:
        """The Euclidean distances (b, b) between the same points, which are unit rows."""


def unit_rows(points: Tensor) -> Tensor:
    """Scale rows (b, d) to length 1, without overflow; a zero row stays zero, with a finite gradient."""
    # A power of two changes no digit, so ordinary rows come out bit for bit as from torch.nn.functional.normalize.
    points = points * _shrink(points.detach().abs().amax(1, keepdim=True))
    length = torch.linalg.vector_norm(points, dim=1, keepdim=True)
    return points / length.masked_fill(length == 0, 1)


def _shrink(largest: Tensor) -> Tensor:
    """The power of two that brings `largest` near 1."""
    limit = 120 if largest.dtype == torch.float32 else 1000
    exponent = torch.frexp(largest).exponent.clamp(-limit, limit)
    return torch.ldexp(torch.ones_like(largest), -exponent)


class Euclidean:
    """Euclidean distances between the rows of `points` (b, d).

    `matrix` (b, b) has an exact zero diagonal. It is torch.cdist, whose |x|^2 + |y|^2 - 2xy leaves noise of about
    1e-3 between equal float32 rows; pairs near that noise are measured again from their difference.
    """

    _PAIR_VALUES = 1 << 20  # values of pair differences held at a time

    def __init__(self, points: Tensor) -> None:
        self.dim = points.shape[1]
        shrink = _shrink(points.abs().max())
        self._points = points * shrink
        self.matrix = torch.cdist(self._points, self._points).fill_diagonal_(torch.inf)
        self._close = self._close_pairs()
        for pairs in self._close:
            self.matrix[pairs[0], pairs[1]] = self._difference(pairs)[1].to(points.dtype)
        self.matrix.fill_diagonal_(0).div_(shrink)
        self._shrunk = shrink

    def pull_back(self, weights: Tensor) -> Tensor:
        """The gradient (b, d) of sum(weights * matrix) by the points, none from a distance of zero.

        Uses up `weights` and `matrix`.
        """
        near = torch.zeros_like(self._points)
        for pairs in self._close:
            direction, _ = self._difference(pairs)
            direction *= weights[pairs[0], pairs[1], None]
            near.index_add_(0, pairs[0], direction).index_add_(0, pairs[1], direction, alpha=-1)
            weights[pairs[0], pairs[1]] = 0
            self.matrix[pairs[0], pairs[1]] = 1
        pull = weights.div_(self.matrix.fill_diagonal_(1).mul_(self._shrunk))
        near.addcmul_((pull.sum(1) + pull.sum(0))[:, None], self._points)
        # Two products: adding the transpose first walks memory across rows and costs more than the second product.
        return near.addmm_(pull, self._points, alpha=-1).addmm_(pull.T, self._points, alpha=-1)

    def chords(self) -> Tensor:
        """The matrix itself."""
        return self.matrix

    def _close_pairs(self) -> tuple[Tensor, ...]:
        if len(self._points) < 2:
            return ()
        noise = 1000 * torch.finfo(self._points.dtype).eps
        limit = (noise * self._points.square().sum(1).max()).sqrt()
        if self.matrix.min() > limit:
            return ()
        pairs = torch.nonzero(self.matrix <= limit).T
        return pairs.split(max(1, self._PAIR_VALUES // self._points.shape[1]), dim=1)

    def _difference(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Unit directions (m, d) from second to first row of each pair, zero for equal rows, and distances (m,)."""
        difference = self._points[pairs[0]].double() - self._points[pairs[1]].double()
        distance = torch.linalg.vector_norm(difference, dim=1)
        direction = difference / distance.masked_fill(distance == 0, 1)[:, None]
        return direction.to(self._points.dtype), distance


class SquaredEuclidean:
    """Squares of Euclidean distances of points (b, d), taken from these so that near rows keep their digits."""

    _FACTOR = 1.0

    def __init__(self, points: Tensor) -> None:
        self.dim = points.shape[1]
        self._roots = Euclidean(points)
        self.matrix = self._roots.matrix.square().mul_(self._FACTOR)

    def pull_back(self, weights: Tensor) -> Tensor:
        """The gradient (b, d) of sum(weights * matrix) by the points; uses up `weights`."""
        return self._roots.pull_back(weights.mul_(self._roots.matrix).mul_(2 * self._FACTOR))

    def chords(self) -> Tensor:
        """The distances (b, b) that are squared here."""
        return self._roots.matrix


class Cosine(SquaredEuclidean):
    """1 - cosine, for unit rows: half the squared distance, which unlike the inner product is exact near zero.

    The gradient differs from that of the inner product along the rows only, and normalising takes that part out.
    """

    _FACTOR = 0.5


class Manhattan:
    """Sums of absolute differences of points (b, d). Time O(b^2 d), without the matrix product that the others have."""

    def __init__(self, points: Tensor) -> None:
        self._points, self.dim = points, points.shape[1]
        self.matrix = torch.cdist(points, points, p=1)

    def pull_back(self, weights: Tensor) -> Tensor:
        """The gradient (b, d) of sum(weights * matrix) by the points, none from coordinates that are equal."""
        return pull_of_sums(self._points, weights)

    def chords(self) -> Tensor:
        """The Euclidean distances (b, b), measured anew."""
        return Euclidean(self._points).matrix


DISTANCES: dict[str, type[Distance]] = {
    "euclidean": Euclidean,
    "squared-euclidean": SquaredEuclidean,
    "cosine": Cosine,
    "manhattan": Manhattan,
}
