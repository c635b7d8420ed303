"""Contrastive loss against a loop over pairs, and against pytorch-metric-learning with the paper's squares."""

import itertools
import math

import pytest
import torch

from lookalike.embedder.losses.contrastive import contrastive
from lookalike.store.errors import LookalikeError

DISTANCES = ["euclidean", "squared-euclidean", "cosine", "manhattan"]


def looped(points, labels, margin, between):
    rows = points.clone().requires_grad_()
    used = rows / rows.norm(dim=1, keepdim=True)
    together, apart = [], []
    for i, j in itertools.permutations(range(len(rows)), 2):
        distance = between(used[i], used[j])
        if labels[i] == labels[j]:
            together.append(distance**2 / 2)
        else:
            apart.append(torch.clamp(margin - distance, min=0) ** 2 / 2)
    kinds = [[loss for loss in losses if loss > 0] for losses in (together, apart)]
    loss = sum((sum(losses) / len(losses) for losses in kinds if losses), (rows * 0).sum())
    loss.backward()
    return loss.item(), rows.grad, len(kinds[1]), len(apart)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("margin", [0.3, 1.0])
def test_equals_the_loop_over_pairs(batch, naive_distances, distance, margin):
    points, labels = batch
    points = torch.nn.functional.normalize(points)
    if ((distances := torch.pdist(points)) > 0).any() and distances[distances > 0].min() < 1e-6:
        points = points.round(decimals=6)  # nearly equal rows become equal: what rounding makes of them is no matter
    expected, exact, near, choices = looped(points, labels, margin, naive_distances[distance])
    rows = points.clone().requires_grad_()
    result = contrastive(rows, labels, margin=margin, distance=distance)
    result.loss.backward()
    assert rows.grad.isfinite().all()
    if distance != "cosine" or len(points) < 2 or torch.pdist(points).min() > 0:  # which the loop finds just above 0
        assert result.loss.item() == pytest.approx(expected, rel=1e-7, abs=1e-12)
        torch.testing.assert_close(rows.grad, exact, rtol=1e-6, atol=1e-9)
        assert result.stats.active == near
        share = near / choices if choices else math.nan
        assert result.stats.active_share.item() == pytest.approx(share, nan_ok=True)


@pytest.mark.parametrize("distance", DISTANCES[:3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_peer(needs, distance, dtype):
    needs("pytorch_metric_learning")
    from pytorch_metric_learning import distances, losses

    measure = distances.LpDistance(power=2 if distance == "squared-euclidean" else 1)

    class Hadsell(losses.ContrastiveLoss):
        """Its losses squared and halved; for cosines, of half the squared distance."""

        def get_per_pair_loss(self, pair_dists, pos_or_neg):
            if distance == "cosine":
                pair_dists = pair_dists**2 / 2
            return super().get_per_pair_loss(pair_dists, pos_or_neg) ** 2 / 2

    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 7, (48,), generator=generator)
    points = torch.randn(7, 12, generator=generator)[labels] + torch.randn(48, 12, generator=generator)
    answers = []
    for loss in (
        lambda rows: contrastive(rows, labels, margin=0.9, distance=distance).loss,
        lambda rows: Hadsell(neg_margin=0.9, distance=measure)(rows, labels),
    ):
        rows = points.to(dtype).requires_grad_()
        value = loss(rows)
        value.backward()
        answers.append((value.item(), rows.grad))
    (mine, gradient), (theirs, exact) = answers
    assert mine == pytest.approx(theirs, rel=1e-5)
    torch.testing.assert_close(gradient, exact, rtol=1e-3, atol=1e-6)


def test_equal_rows_of_two_classes_give_a_finite_gradient():
    rows = torch.ones(4, 3).requires_grad_()
    result = contrastive(rows, torch.tensor([0, 0, 1, 1]))
    result.loss.backward()
    assert result.loss.item() == pytest.approx(0.5)
    assert torch.equal(rows.grad, torch.zeros(4, 3))


@pytest.mark.parametrize("distance", DISTANCES)
def test_gradient_is_that_of_finite_differences(distance):
    points = torch.randn(9, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64).requires_grad_()
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 3])
    assert torch.autograd.gradcheck(lambda rows: contrastive(rows, labels, distance=distance).loss, (points,))


def test_half_precision_and_autocast_change_nothing():
    points, labels = torch.randn(32, 16), torch.arange(32) // 4
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(contrastive(points, labels).loss, contrastive(points, labels).loss)
        assert contrastive(points.bfloat16(), labels).loss.dtype == torch.float32
    assert torch.equal(contrastive(points.bfloat16(), labels).loss, contrastive(points.bfloat16().float(), labels).loss)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"margin": 0}, "margin is 0"), ({"margin": "soft"}, "'soft'"), ({"distance": "l2"}, "euclidean, squared-")],
)
def test_what_cannot_be_meant_is_refused(change, said):
    with pytest.raises(LookalikeError, match=said):
        contrastive(torch.randn(4, 2), torch.tensor([0, 0, 1, 1]), **change)
