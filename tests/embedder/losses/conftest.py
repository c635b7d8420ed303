"""A triplet loss by three nested loops, and the batches that loops and closed forms tend to disagree on."""

import itertools
import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor


@dataclass
class Naive:
    """Loss, its gradient by the rows, and the counts behind the stats."""

    loss: float
    gradient: Tensor
    active: int
    choices: int
    positive_distance: float
    negative_distance: float


def naive_triplet(
    points: Tensor, labels: Tensor, margin: float | str, mining: str, normalise: bool = True, kind: str = "euclidean"
) -> Naive:
    rows = points.detach().clone().requires_grad_()
    used = rows / rows.norm(dim=1, keepdim=True) if normalise else rows
    between = DISTANCES[kind]
    distance = {pair: between(used[pair[0]], used[pair[1]]) for pair in itertools.permutations(range(len(rows)), 2)}
    triplets = [
        (a, p, n) for a, p, n in itertools.permutations(range(len(rows)), 3) if labels[a] == labels[p] != labels[n]
    ]
    chosen = _hardest(triplets, distance) if mining == "hard" else triplets
    if mining == "semi-hard":
        chosen = [(a, p, n) for a, p, n in chosen if distance[a, p] < distance[a, n] < distance[a, p] + margin]
    if margin == "soft":
        losses = [torch.log1p(torch.exp(distance[a, p] - distance[a, n])) for a, p, n in chosen]
        active = sum(bool(distance[a, p] > distance[a, n]) for a, p, n in chosen)
    else:
        losses = [distance[a, p] - distance[a, n] + margin for a, p, n in chosen]
        losses = [loss for loss in losses if loss > 0]
        active = len(losses)
    loss = sum(losses) / len(losses) if losses else (rows * 0).sum()
    loss.backward()
    return Naive(
        loss=loss.item(),
        gradient=rows.grad,
        active=active,
        choices=len(chosen) if mining == "hard" else len(triplets),
        positive_distance=_mean([d.item() for (i, j), d in distance.items() if labels[i] == labels[j]]),
        negative_distance=_mean([d.item() for (i, j), d in distance.items() if labels[i] != labels[j]]),
    )


def _euclidean(x: Tensor, y: Tensor) -> Tensor:
    difference = x - y
    if not difference.any():
        return (difference * 0).sum()
    return difference.norm()


DISTANCES = {
    "euclidean": _euclidean,
    "squared-euclidean": lambda x, y: (x - y).square().sum(),
    "cosine": lambda x, y: 1 - x @ y / (x.norm() * y.norm()),
    "manhattan": lambda x, y: (x - y).abs().sum(),
}


def _hardest(triplets: list, distance: dict) -> list:
    hardest = []
    for a, group in itertools.groupby(triplets, key=lambda triplet: triplet[0]):
        group = list(group)
        p = max((p for _, p, _ in group), key=lambda p: distance[a, p])
        n = min((n for _, _, n in group), key=lambda n: distance[a, n])
        hardest.append((a, p, n))
    return hardest


def _mean(values: list) -> float:
    return sum(values) / len(values) if values else math.nan


@pytest.fixture
def naive():
    return naive_triplet


@pytest.fixture
def naive_distances():
    """Each kind of distance between two rows."""
    return DISTANCES


def _random(b: int, d: int, seed: int) -> Tensor:
    return torch.randn(b, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _batches() -> dict[str, tuple[Tensor, list[int]]]:
    grid = torch.tensor([[x, y] for x in (1.0, 2.0, 3.0) for y in (1.0, 2.0, 4.0)], dtype=torch.float64)
    doubled = _random(4, 3, 1)[[0, 0, 1, 1, 2, 2, 3, 0, 0]]
    nearly = _random(1, 4, 2) + 1e-9 * _random(8, 4, 3)
    return {
        "balanced": (_random(12, 5, 4), [0, 1, 2, 3] * 3),
        "ragged": (_random(11, 4, 5), [7, 7, 7, 7, 7, 2, 2, 2, -5, -5, 40]),
        "shuffled": (_random(10, 3, 6), [3, 1, 3, 2, 1, 3, 2, 3, 1, 9]),
        "one dimension": (_random(9, 1, 7), [0, 0, 0, 1, 1, 1, 2, 2, 2]),
        "duplicates, some of them under two labels": (doubled, [0, 0, 1, 1, 2, 2, 2, 1, 1]),
        "all the same": (_random(1, 4, 8).repeat(8, 1), [0, 0, 0, 1, 1, 1, 2, 2]),
        "nearly the same": (nearly, [0, 0, 0, 1, 1, 1, 2, 2]),
        "ties": (grid, [0, 1, 0, 1, 0, 1, 0, 1, 2]),
        "one class": (_random(6, 3, 9), [1] * 6),
        "no positives": (_random(6, 3, 10), [0, 1, 2, 3, 4, 5]),
        "two of one class": (_random(2, 3, 11), [0, 0]),
        "two of two classes": (_random(2, 3, 12), [0, 1]),
        "one row": (_random(1, 3, 13), [0]),
    }


@pytest.fixture(params=_batches())
def batch(request):
    points, labels = _batches()[request.param]
    return points, torch.tensor(labels)
