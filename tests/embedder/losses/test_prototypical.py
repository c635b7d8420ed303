"""Episodes against a loop over queries."""

import math

import pytest
import torch

from lookalike.embedder.losses.prototypical import prototypical
from lookalike.store.errors import LookalikeError


def looped(points, labels, shots, scale):
    """The mean over queries, their number, and how many are nearer to another prototype; rows in the batch's order."""
    rows = points.clone().requires_grad_()
    used = rows / rows.norm(dim=1, keepdim=True)
    members = {c: [i for i in range(len(rows)) if labels[i] == c] for c in sorted(set(labels.tolist()))}
    support = {c: own[: max(1, min(shots, len(own) - 1))] for c, own in members.items()}
    prototypes = {c: sum(used[i] for i in own) / len(own) for c, own in support.items()}
    losses, missed = [], 0
    for c, own in members.items():
        for i in own:
            if i in support[c]:
                continue
            logits = {other: -scale * (used[i] - p).square().sum() for other, p in prototypes.items()}
            losses.append(torch.log(sum(torch.exp(logit) for logit in logits.values())) - logits[c])
            missed += max(logits, key=lambda other: logits[other].item()) != c
    loss = sum(losses) / len(losses) if losses else (rows * 0).sum()
    loss.backward()
    return loss.item(), rows.grad, len(losses), missed


@pytest.mark.parametrize(("shots", "scale"), [(1, 10.0), (2, 1.0), (5, 4.0)])
def test_equals_the_loop_over_queries(batch, shots, scale):
    points, labels = batch
    expected, exact, queries, missed = looped(points, labels, shots, scale)
    rows = points.clone().requires_grad_()
    result = prototypical(rows, labels, shots=shots, scale=scale)
    result.loss.backward()
    assert result.loss.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    torch.testing.assert_close(rows.grad, exact, rtol=1e-6, atol=1e-7)
    if len(points) < 2 or torch.pdist(points).min() > 1e-6:  # else rounding decides who is nearest
        share = result.stats.active_share.item()
        assert share == pytest.approx(missed / queries if queries else math.nan, nan_ok=True)


def test_no_query_is_of_its_own_support():
    """What is moved far away pulls its class's prototype only if it is support."""
    points = torch.eye(6, dtype=torch.float64)
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    rows = points.clone().requires_grad_()
    (own,) = torch.autograd.grad(prototypical(rows, labels, shots=2, normalise=False).loss, rows)
    assert own[2].any() and own[0].any()
    moved = points.clone()
    moved[2] *= 1.5
    apart = [prototypical(p, labels, shots=2, scale=1.0, normalise=False).loss.item() for p in (points, moved)]
    query = moved[2]
    near = (query - points[:2].mean(0)).square().sum() - (query - points[3:5].mean(0)).square().sum()
    first = math.log1p(math.exp(near))
    base = (points[2] - points[:2].mean(0)).square().sum() - (points[2] - points[3:5].mean(0)).square().sum()
    assert apart[1] - apart[0] == pytest.approx((first - math.log1p(math.exp(base))) / 2)


def test_gradient_is_that_of_finite_differences():
    points = torch.randn(9, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64).requires_grad_()
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 3])
    assert torch.autograd.gradcheck(lambda rows: prototypical(rows, labels, shots=2).loss, (points,))


def test_equal_rows_give_a_finite_gradient():
    rows = torch.ones(6, 3).requires_grad_()
    result = prototypical(rows, torch.tensor([0, 0, 1, 1, 2, 2]), shots=1)
    result.loss.backward()
    assert result.loss.item() == pytest.approx(math.log(3), rel=1e-5)
    assert rows.grad.abs().max() < 1e-5


@pytest.mark.parametrize(
    ("change", "said"), [({"shots": 0}, "shots is 0"), ({"shots": 1.5}, "shots is 1.5"), ({"scale": -1}, "scale is -1")]
)
def test_what_cannot_be_meant_is_refused(change, said):
    with pytest.raises(LookalikeError, match=said):
        prototypical(torch.randn(4, 2), torch.tensor([0, 0, 1, 1]), **change)
