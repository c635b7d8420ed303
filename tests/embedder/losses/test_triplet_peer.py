"""pytorch-metric-learning goes through every triplet; ours must not differ in value or gradient."""

import subprocess
import sys

import pytest
import torch

from lookalike.embedder.losses.triplet import triplet


@pytest.fixture
def peer(needs):
    needs("pytorch_metric_learning")

    def loss_and_gradient(points, labels, margin, mining, distance="euclidean"):
        from pytorch_metric_learning import distances, losses, miners

        names = {"semi-hard": "semihard", "all": "all"}
        measure = {
            "euclidean": distances.LpDistance(),
            "squared-euclidean": distances.LpDistance(power=2),
            "cosine": distances.CosineSimilarity(),
            "manhattan": distances.LpDistance(p=1, normalize_embeddings=False),  # it would divide by the sum
        }[distance]
        hard = mining == "hard"
        soft = margin == "soft"
        rows = points.clone().requires_grad_()
        used = torch.nn.functional.normalize(rows) if distance == "manhattan" else rows
        if hard:
            mined = miners.BatchHardMiner(distance=measure)(used, labels)
        elif soft:
            mined = None  # all triplets
        else:
            mined = miners.TripletMarginMiner(margin, names[mining], distance=measure)(used, labels)
        loss = losses.TripletMarginLoss(0 if soft else margin, smooth_loss=soft, distance=measure)(used, labels, mined)
        loss.backward()
        return loss, rows.grad

    return loss_and_gradient


def batch(classes, images, kind, dtype):
    generator = torch.Generator().manual_seed(classes * 1000 + images)
    labels = torch.arange(classes).repeat_interleave(images)
    points = torch.randn(len(labels), 24, generator=generator)
    if kind == "clustered":
        points = torch.randn(classes, 24, generator=generator)[labels] + 0.3 * points
    if kind == "ragged":
        labels = (classes * torch.rand(len(labels), generator=generator) ** 2).long()
    points = points.to(dtype)
    return torch.nn.functional.normalize(points) if kind == "clustered" else points, labels


@pytest.mark.parametrize("mining", ["semi-hard", "all", "hard"])
@pytest.mark.parametrize("kind", ["random", "clustered", "ragged"])
@pytest.mark.parametrize(("classes", "images"), [(32, 4), (6, 16), (2, 40)])
@pytest.mark.parametrize(("dtype", "margin"), [(torch.float32, 0.2), (torch.float32, 0.01), (torch.float64, 0.2)])
def test_equals_the_peer(peer, mining, kind, classes, images, dtype, margin):
    points, labels = batch(classes, images, kind, dtype)
    loss, gradient = peer(points, labels, margin, mining)
    rows = points.clone().requires_grad_()
    result = triplet(rows, labels, margin=margin, mining=mining)
    result.loss.backward()
    assert result.loss.item() == pytest.approx(loss.item(), rel=1e-5)
    assert (rows.grad - gradient).norm() <= 1e-5 * gradient.norm()
    torch.testing.assert_close(rows.grad, gradient, rtol=1e-4, atol=1e-5 * gradient.abs().max().item())


@pytest.mark.parametrize("distance", ["euclidean", "squared-euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize(
    ("mining", "margin"), [("semi-hard", 0.2), ("all", 0.2), ("hard", 0.2), ("all", "soft"), ("hard", "soft")]
)
@pytest.mark.parametrize("kind", ["clustered", "ragged"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_peer_at_every_distance(peer, mining, margin, distance, kind, dtype):
    points, labels = batch(8, 6, kind, dtype)
    loss, gradient = peer(points, labels, margin, mining, distance)
    rows = points.clone().requires_grad_()
    result = triplet(rows, labels, margin=margin, mining=mining, distance=distance)
    result.loss.backward()
    assert result.loss.item() == pytest.approx(loss.item(), rel=1e-5)
    assert (rows.grad - gradient).norm() <= 2e-5 * gradient.norm()


@pytest.mark.parametrize("mining", ["semi-hard", "all"])
def test_equals_the_peer_on_ties_and_on_the_margin(peer, mining):
    """Rows on a circle at 15 degrees: most distances, and differences at the margin, occur many times over."""
    angles = torch.arange(24, dtype=torch.float32) * (torch.pi / 12)
    points = torch.stack([angles.cos(), angles.sin()], dim=1)
    labels = torch.arange(24) * 7 % 5
    margin = (torch.pdist(points)[10] - torch.pdist(points)[3]).item()
    loss, gradient = peer(points, labels, margin, mining)
    rows = points.clone().requires_grad_()
    result = triplet(rows, labels, margin=margin, mining=mining)
    result.loss.backward()
    assert result.loss.item() == pytest.approx(loss.item(), rel=1e-5)
    torch.testing.assert_close(rows.grad, gradient, rtol=1e-5, atol=1e-6)


def test_memory_grows_with_the_square_of_the_batch():
    """2,048 rows in 64 classes: 16 MiB a matrix of distances, 126 million triplets."""
    code = """
import re, resource, sys, torch
from pathlib import Path
from lookalike.embedder.losses.triplet import triplet
def step(b):
    points = torch.randn(b, 16).requires_grad_()
    triplet(points, torch.arange(b) % 64, margin=5.0, mining="all").loss.backward()
    if sys.platform == "linux":  # where getrusage counts the parent's memory too
        return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(step(64), step(2048))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    before, after = map(int, out.split())
    assert after - before < 12 * 2048 * 2048 * 4
