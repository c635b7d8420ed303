"""The schedule by its shape, weight decay by what moves without a gradient."""

import itertools

import pytest
import torch

from lookalike.embedder.backbones import build
from lookalike.embedder.training.optimiser import adamw, rate, set_rate


def test_the_rate_climbs_then_falls_to_nothing():
    rates = [rate(step, 1000, 0.5) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01) and max(rates) == rates[50] == pytest.approx(0.5)
    assert all(a < b for a, b in itertools.pairwise(rates[:50]))
    assert all(a > b for a, b in itertools.pairwise(rates[50:]))
    assert rates[525] == pytest.approx(0.25) and 0 < rates[-1] < 1e-5


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_short_trainings_move_too(steps):
    assert all(0 < rate(step, steps, 1.0) <= 1 for step in range(steps))


def test_only_weights_decay():
    network = build("conv4", channels=1, dim=4)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimiser = adamw(network, lr=0.1, weight_decay=0.5)
    set_rate(optimiser, 0.01)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    for name, parameter in network.named_parameters():
        factor = 1 - 0.01 * 0.5 if parameter.ndim > 1 else 1.0
        assert torch.allclose(parameter, before[name] * factor, rtol=1e-6), name
