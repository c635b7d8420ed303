import pytest
import torch

from lookalike.embedder.losses.triplets.mining import _reach


@pytest.mark.parametrize("margin", [1e-4, 0.2, 0.3, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_reach_is_the_first_float_whose_difference_is_the_margin(margin, dtype):
    """As the peer subtracts before it compares, positive + margin is one float off for many a positive."""
    generator = torch.Generator().manual_seed(0)
    size = 10.0 ** torch.randint(-8, 3, (20_000,), generator=generator)
    positive = (torch.rand(20_000, generator=generator) * size).to(dtype)
    limit = torch.full_like(positive, margin)
    stop = _reach(positive, margin)
    below = torch.nextafter(stop, torch.zeros_like(stop))
    assert (stop - positive >= limit).all()
    assert (below - positive < limit).all()
    assert (stop > positive + limit).any()
    if dtype == torch.float32 and margin == 0.3:  # a last bit of zero is what it takes
        assert (stop < positive + limit).any()


def test_what_has_no_positive_reaches_nothing():
    nothing = torch.tensor([torch.inf, -torch.inf])
    assert torch.equal(_reach(nothing, 0.2), nothing)
