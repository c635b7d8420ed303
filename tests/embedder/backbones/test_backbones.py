"""Every backbone: its shape, that it learns from every pixel it should, and that folding changes nothing."""

import pytest
import torch
from torch import nn

from lookalike.embedder.backbones import SMALLEST, build, preprocessing
from lookalike.embedder.backbones.blocks import ConvNorm, folded


def seen(name, channels, size, dim=5):
    """A network whose normalisations have seen something."""
    torch.manual_seed(0)
    network = build(name, channels=channels, dim=dim).train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(8, channels, size, size) * 2 + 1)
    return network.eval()


@pytest.mark.parametrize("name", SMALLEST)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_smallest_image_and_larger_ones_give_dim_numbers(name, channels):
    for size in (SMALLEST[name], SMALLEST[name] + 5):
        rows = seen(name, channels, size)(torch.randn(2, channels, size, size))
        assert rows.shape == (2, 5) and torch.isfinite(rows).all()


@pytest.mark.parametrize("name", SMALLEST)
def test_images_in_a_batch_do_not_see_each_other(name):
    network, images = seen(name, 1, 32), torch.randn(3, 1, 32, 32)
    alone = torch.cat([network(image[None]) for image in images])
    assert torch.allclose(network(images), alone, atol=1e-4)


@pytest.mark.parametrize("name", SMALLEST)
def test_folding_keeps_the_vectors_and_leaves_the_network_alone(name):
    network, images = seen(name, 1, 32), torch.randn(4, 1, 32, 32)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    quick = folded(network)
    with torch.no_grad():
        assert torch.allclose(network(images), quick(images), rtol=1e-3, atol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in quick.modules())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert any(isinstance(m, ConvNorm) and isinstance(m.norm, nn.BatchNorm2d) for m in network.modules())


@pytest.mark.parametrize("name", SMALLEST)
def test_every_weight_gets_a_gradient(name):
    network = build(name, channels=1, dim=3).train()
    network(torch.randn(4, 1, 32, 32)).square().sum().backward()
    assert [key for key, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@pytest.mark.parametrize("name", SMALLEST)
def test_the_preprocessing_has_the_asked_size_and_channels(name):
    for channels in (1, 3):
        made = preprocessing(name, size=40, channels=channels)
        assert (made.size, made.channels, len(made.mean)) == (40, channels, channels)
