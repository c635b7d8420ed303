"""Distances and their gradients against a loop over pairs, by autograd."""

import pytest
import torch

from lookalike.embedder.losses import absolute
from lookalike.embedder.losses.distances import DISTANCES, unit_rows

KINDS = list(DISTANCES)


def looped(points, weights, between):
    """Distances (b, b), and the gradient of their weighted sum; equal rows are left out, at distance zero."""
    rows = points.clone().requires_grad_()
    used = rows / rows.norm(dim=1, keepdim=True)
    matrix = torch.zeros(len(rows), len(rows), dtype=rows.dtype)
    total = (rows * 0).sum()
    for i in range(len(rows)):
        for j in range(len(rows)):
            if not torch.equal(points[i], points[j]):
                distance = between(used[i], used[j])
                matrix[i, j] = distance.detach()
                total = total + weights[i, j] * distance
    total.backward()
    return matrix, rows.grad


def measured(points, weights, kind):
    rows = points.clone().requires_grad_()
    used = unit_rows(rows)
    distance = DISTANCES[kind](used.detach())
    matrix, chords = distance.matrix.clone(), distance.chords().clone()
    used.backward(distance.pull_back(weights.clone()))
    return matrix, rows.grad, chords


@pytest.mark.parametrize("kind", KINDS)
def test_every_distance_equals_the_loop(batch, naive_distances, kind):
    points, _ = batch
    weights = torch.randn(len(points), len(points), generator=torch.Generator().manual_seed(0), dtype=points.dtype)
    expected, gradient = looped(points, weights, naive_distances[kind])
    matrix, found, chords = measured(points, weights, kind)
    torch.testing.assert_close(matrix, expected, rtol=1e-6, atol=1e-15)
    if torch.cdist(points, points).max() > 1e-6:  # nearer rows have no digits left for a direction
        torch.testing.assert_close(found, gradient, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(chords, torch.cdist(unit_rows(points), unit_rows(points)), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_rows_are_at_zero_and_pull_at_nothing(kind):
    points = torch.randn(1, 5).repeat(7, 1)
    matrix, gradient, _ = measured(points, torch.randn(7, 7), kind)
    assert not matrix.any()
    assert not gradient.any()


@pytest.mark.parametrize("kind", KINDS)
def test_near_rows_keep_their_digits_in_float32(kind):
    points = torch.nn.functional.normalize(torch.randn(1, 32) + 1e-4 * torch.randn(24, 32))
    matrix = DISTANCES[kind](points).matrix
    expected = DISTANCES[kind](points.double()).matrix
    torch.testing.assert_close(matrix.double(), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("values", [1, 100, 1 << 18])
def test_weighted_sums_equal_the_loop_however_many_rows_at_a_time(monkeypatch, values):
    monkeypatch.setattr(absolute, "_VALUES", values)
    generator = torch.Generator().manual_seed(1)
    points = torch.randn(9, 4, generator=generator, dtype=torch.float64)
    points[3] = points[7]
    weights = torch.tensor([1.5, -2.0, 0.25, -0.125], dtype=torch.float64)
    pull = torch.randn(9, 9, generator=generator, dtype=torch.float64)
    answers = []
    for sums in (absolute.weighted_sums, lambda x, w: ((x[:, None] - x).abs() * w).sum(2)):
        x, w = points.clone().requires_grad_(), weights.clone().requires_grad_()
        value = sums(x, w)
        value.backward(pull)
        answers.append((value.detach(), x.grad, w.grad))
    for mine, theirs in zip(*answers, strict=True):
        torch.testing.assert_close(mine, theirs)
