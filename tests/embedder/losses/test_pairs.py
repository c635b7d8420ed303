"""The classifier of pairs against a loop, and its gradients against finite differences."""

import itertools
import math

import pytest
import torch
from torch.nn import functional as F

from lookalike.embedder.losses.pairs import MIDDLE, Pairs
from lookalike.store.errors import LookalikeError


def classifier(dim, seed=0):
    """One whose weights have both signs."""
    pairs = Pairs(dim).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        pairs.weight += 3 * torch.randn(dim, generator=generator, dtype=torch.float64)
        pairs.bias -= 5
    return pairs


def looped(pairs, rows, labels):
    used = rows / rows.norm(dim=1, keepdim=True)
    losses = {True: [], False: []}
    wrong = 0
    for i, j in itertools.permutations(range(len(rows)), 2):
        same = bool(labels[i] == labels[j])
        logit = pairs.bias + (pairs.weight * (used[i] - used[j]).abs()).sum()
        losses[same].append(F.binary_cross_entropy_with_logits(logit, torch.tensor(float(same)).double()))
        wrong += bool(logit >= 0) != same
    return sum((sum(kind) / len(kind) / 2 for kind in losses.values() if kind), (rows * 0).sum()), wrong


def test_equals_the_loop_over_pairs(batch):
    points, labels = batch
    answers = []
    for ours in (True, False):
        pairs, rows = classifier(points.shape[1]), points.clone().requires_grad_()
        if ours:
            result = pairs(rows, labels)
            loss, wrong = result.loss, result.stats.active.item()
        else:
            loss, wrong = looped(pairs, rows, labels)
        loss.backward()
        gradients = [rows.grad, *(torch.zeros_like(p) if p.grad is None else p.grad for p in pairs.parameters())]
        answers.append((loss.item(), wrong, *gradients))
    mine, theirs = answers
    assert mine[:2] == (pytest.approx(theirs[0], rel=1e-9, abs=1e-12), theirs[1])
    for gradient, exact in zip(mine[2:], theirs[2:], strict=True):
        torch.testing.assert_close(gradient, exact, rtol=1e-6, atol=1e-7)


def test_gradients_are_those_of_finite_differences():
    pairs = classifier(3)
    points = torch.randn(7, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64).requires_grad_()
    labels = torch.tensor([0, 0, 1, 1, 1, 2, 3])

    def loss(rows, weight, bias):
        return torch.func.functional_call(pairs, {"weight": weight, "bias": bias}, (rows, labels)).loss

    assert torch.autograd.gradcheck(loss, (points, pairs.weight, pairs.bias))


@pytest.mark.parametrize("dim", [4, 64, 512])
def test_an_untrained_classifier_answers_by_the_distance(dim):
    pairs = Pairs(dim)
    rows = F.normalize(torch.randn(2, 400, dim, generator=torch.Generator().manual_seed(2)), dim=2)
    toward = F.normalize(rows[0] + torch.linspace(0, 2, 400)[:, None] * rows[1])
    distances, logits = (rows[0] - toward).norm(dim=1), pairs.logits(rows[0], toward)
    assert torch.corrcoef(torch.stack([distances, logits]))[0, 1] < -0.98 + 0.1 * (dim < 10)
    middle = distances[logits.abs().argmin()]
    assert abs(middle - MIDDLE) < (0.3 if dim < 10 else 0.1)


def test_the_logits_of_two_matrices_are_those_of_the_batch():
    pairs = classifier(5)
    points = torch.randn(6, 5, dtype=torch.float64)
    batch = torch.cat([points, points * 3])  # rows count, not their lengths
    loss = pairs(batch[[0, 6]], torch.tensor([0, 0])).loss
    assert F.softplus(-pairs.logits(batch[:1], batch[6:7])).item() / 2 == pytest.approx(loss.item())


def test_equal_rows_give_a_finite_gradient():
    pairs, rows = Pairs(3), torch.ones(4, 3).requires_grad_()
    pairs(rows, torch.tensor([0, 0, 1, 1])).loss.backward()
    assert torch.equal(rows.grad, torch.zeros(4, 3))
    assert pairs.bias.grad.isfinite()


def test_a_kind_of_pairs_that_is_missing_counts_nothing():
    pairs, rows = Pairs(3), torch.randn(4, 3)
    assert pairs(rows[:1], torch.tensor([0])).loss == 0
    one = pairs(rows, torch.zeros(4).long())
    assert one.loss > 0 and math.isnan(one.stats.negative_distance)


def test_rows_of_another_length_are_refused():
    with pytest.raises(LookalikeError, match=r"shape \(4, 3\): this loss was created with dim=5"):
        Pairs(5)(torch.randn(4, 3), torch.zeros(4).long())
