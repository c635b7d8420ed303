"""A recipe's loss as the trainer calls it: built by the seed, then a function of batch and step."""

import pytest
import torch

from lookalike.embedder.losses.contrastive import contrastive
from lookalike.embedder.losses.prototypical import prototypical
from lookalike.embedder.losses.triplet import triplet
from lookalike.embedder.recipe.recipe import Recipe
from lookalike.embedder.training.objective import Objective


def built(loss=None, mining=None, seed=0, classes=5):
    values = {"model": {"dim": 6}, "training": {"seed": seed}, "batch": {"images": 4}}
    return Objective(Recipe.from_dict(values | {"loss": loss or {}, "mining": mining or {}}), classes)


def batch():
    return torch.randn(20, 6, generator=torch.Generator().manual_seed(1)), torch.arange(20) % 5


@pytest.mark.parametrize(
    ("loss", "mining", "expected"),
    [
        ({"margin": 0.4}, {"name": "hard"}, lambda *b: triplet(*b, margin=0.4, mining="hard")),
        (
            {"margin": "soft", "distance": "cosine", "scale": 3},
            {"name": "all"},
            lambda *b: triplet(*b, margin="soft", mining="all", distance="cosine", scale=3.0),
        ),
        (
            {"name": "contrastive", "margin": 0.6, "distance": "cosine"},
            None,
            lambda *b: contrastive(*b, margin=0.6, distance="cosine"),
        ),
        ({"name": "prototypical", "shots": 3, "scale": 4}, None, lambda *b: prototypical(*b, shots=3, scale=4.0)),
    ],
)
def test_every_setting_reaches_the_loss(loss, mining, expected):
    assert torch.equal(built(loss, mining)(*batch(), 0).loss, expected(*batch()).loss)


def test_a_drawing_depends_on_seed_and_step_alone():
    values = {}
    for seed in (0, 1):
        objective = built({"margin": 1.0}, {"name": "random"}, seed)
        for step in (0, 1, 0):
            torch.manual_seed(step + 17)
            before = torch.get_rng_state()
            values.setdefault((seed, step), []).append(objective(*batch(), step).loss.item())
            assert torch.equal(torch.get_rng_state(), before)
    assert values[0, 0][0] == values[0, 0][1]
    assert len({found[0] for found in values.values()}) == 4


def test_parameters_are_drawn_by_the_seed():
    torch.manual_seed(5)
    one, same, other = (built({"name": "softmax"}, seed=seed).loss.weight for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert one.shape == (5, 6)
    assert [name for name, _ in built({"name": "pairs"}).named_parameters()] == ["loss.weight", "loss.bias"]
    assert not list(built().parameters())
