import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.embedder.losses import triplet as module
from lookalike.embedder.losses.triplet import triplet
from lookalike.store.errors import LookalikeError

MININGS = ["semi-hard", "all", "hard"]


def with_gradient(points, labels, **settings):
    rows = points.detach().clone().requires_grad_()
    result = triplet(rows, labels, **settings)
    result.loss.backward()
    return result, rows.grad


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("margin", [1e-6, 0.2, 1.0, 50.0])
@pytest.mark.parametrize("mining", MININGS)
def test_equals_three_nested_loops(batch, naive, mining, margin, normalise):
    points, labels = batch
    expected = naive(points, labels, margin, mining, normalise)
    result, gradient = with_gradient(points, labels, margin=margin, mining=mining, normalise=normalise)
    assert result.stats.active == expected.active
    assert result.loss.item() == pytest.approx(expected.loss, rel=1e-7, abs=1e-12)
    if not (mining == "hard" and tied(points)):  # which of two equally hard rows gets the gradient is free
        torch.testing.assert_close(gradient, expected.gradient, rtol=1e-6, atol=1e-9)
    share = expected.active / expected.choices if expected.choices else math.nan
    assert result.stats.active_share.item() == pytest.approx(share, nan_ok=True)
    assert result.stats.positive_distance.item() == pytest.approx(expected.positive_distance, nan_ok=True)
    assert result.stats.negative_distance.item() == pytest.approx(expected.negative_distance, nan_ok=True)


@pytest.mark.parametrize("distance", ["squared-euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize(
    ("mining", "margin"), [*((mining, 0.2) for mining in MININGS), ("all", "soft"), ("hard", "soft")]
)  # semi-hard with a soft margin is refused, see below
def test_other_distances_and_the_soft_margin_equal_the_loops_too(batch, naive, mining, margin, distance):
    points, labels = batch
    expected = naive(points, labels, margin, mining, kind=distance)
    result, gradient = with_gradient(points, labels, margin=margin, mining=mining, distance=distance)
    if not tied(points):  # there a last bit decides whether a triplet costs anything
        assert result.stats.active == expected.active
        assert result.loss.item() == pytest.approx(expected.loss, rel=1e-7, abs=1e-12)
        torch.testing.assert_close(gradient, expected.gradient, rtol=1e-6, atol=1e-9)
    assert gradient.isfinite().all()
    assert result.stats.positive_distance.item() == pytest.approx(expected.positive_distance, nan_ok=True, abs=1e-12)
    assert result.stats.negative_distance.item() == pytest.approx(expected.negative_distance, nan_ok=True, abs=1e-12)


@pytest.mark.parametrize("mining", ["all", "hard"])
def test_the_soft_margin_equals_the_loops(batch, naive, mining):
    points, labels = batch
    expected = naive(points, labels, "soft", mining)
    result, gradient = with_gradient(points, labels, margin="soft", mining=mining)
    assert result.loss.item() == pytest.approx(expected.loss, rel=1e-7, abs=1e-12)
    if not tied(points):
        assert result.stats.active == expected.active
        torch.testing.assert_close(gradient, expected.gradient, rtol=1e-6, atol=1e-9)


def test_the_soft_margin_goes_through_all_triplets_some_anchors_at_a_time(monkeypatch):
    points, labels = torch.randn(40, 6), torch.arange(40) % 7
    expected, exact = with_gradient(points, labels, margin="soft", mining="all")
    monkeypatch.setattr(module, "_VALUES", 700)
    result, gradient = with_gradient(points, labels, margin="soft", mining="all")
    torch.testing.assert_close(result.loss, expected.loss)
    torch.testing.assert_close(gradient, exact)


@pytest.mark.parametrize("mining", ["all", "hard", "random"])
@pytest.mark.parametrize("scale", [0.3, 10.0])
def test_the_scale_of_a_soft_margin_is_that_of_the_rows(batch, mining, scale):
    points, labels = batch
    settings = {"margin": "soft", "mining": mining, "normalise": False}
    grown, slope = with_gradient(points * scale, labels, **settings, generator=torch.Generator().manual_seed(0))
    scaled, gradient = with_gradient(
        points, labels, **settings, scale=scale, generator=torch.Generator().manual_seed(0)
    )
    assert scaled.loss.item() == pytest.approx(grown.loss.item() / scale, rel=1e-6, abs=1e-12)
    if not tied(points):
        torch.testing.assert_close(gradient, slope, rtol=1e-5, atol=1e-8)


def test_the_soft_margin_does_not_overflow():
    points = torch.tensor([[0.0], [1e4], [1.0]])
    result, gradient = with_gradient(points, torch.tensor([0, 0, 1]), margin="soft", mining="all", normalise=False)
    assert result.loss.item() == pytest.approx((9999 + 1.3132617) / 2, rel=1e-6)
    assert gradient.isfinite().all()


def tied(points):
    distances = torch.pdist(points)
    return len(distances.round(decimals=9).unique()) < len(distances)


@pytest.mark.parametrize("mining", MININGS)
def test_without_triplets_loss_and_gradient_are_zero(mining):
    points = torch.randn(6, 4)
    for labels in ([0] * 6, range(6)):
        result, gradient = with_gradient(points, torch.tensor(list(labels)), mining=mining)
        assert result.loss == 0
        assert result.stats.active == 0
        assert torch.equal(gradient, torch.zeros(6, 4))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(2, 14),
    st.integers(2, 6),
    st.sampled_from(MININGS),
    st.sampled_from([0.05, 0.3, 3.0]),
)
def test_order_and_rotation_do_not_matter(seed, b, d, mining, margin):
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(b, d, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 4, (b,), generator=generator)
    order = torch.randperm(b, generator=generator)
    rotation = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64)).Q
    result, gradient = with_gradient(points, labels, margin=margin, mining=mining)
    other, turned = with_gradient((points @ rotation)[order], labels[order], margin=margin, mining=mining)
    assert other.loss.item() == pytest.approx(result.loss.item(), rel=1e-9, abs=1e-12)
    assert other.stats.active == result.stats.active
    torch.testing.assert_close(turned, (gradient @ rotation)[order], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize("normalise", [True, False])
def test_gradient_is_that_of_finite_differences(mining, normalise):
    generator = torch.Generator().manual_seed(3)
    points = torch.randn(10, 4, generator=generator, dtype=torch.float64).requires_grad_()
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2, 2, 3])
    assert torch.autograd.gradcheck(
        lambda rows: triplet(rows, labels, margin=0.4, mining=mining, normalise=normalise).loss, (points,), eps=1e-7
    )


@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1.0, 1e19, 1e38])
def test_any_finite_length_of_rows(mining, scale):
    unit = torch.nn.functional.normalize(torch.randn(40, 8, generator=torch.Generator().manual_seed(1)), dim=1)
    labels = torch.arange(40) // 4
    expected, _ = with_gradient(unit, labels, mining=mining)
    normalised, _ = with_gradient(unit * scale, labels, mining=mining)
    assert normalised.loss.item() == pytest.approx(expected.loss.item(), rel=1e-4)
    if scale > 1e-38:  # a margin below float32's normal range has few digits left
        scaled, gradient = with_gradient(unit * scale, labels, mining=mining, margin=0.2 * scale, normalise=False)
        assert scaled.loss.item() / scale == pytest.approx(expected.loss.item(), rel=1e-4)
        assert gradient.isfinite().all()


@pytest.mark.parametrize("mining", MININGS)
def test_rows_of_zeros_have_a_finite_gradient(mining):
    points = torch.randn(12, 4)
    points[[0, 5, 6]] = 0
    result, gradient = with_gradient(points, torch.arange(12) // 3, mining=mining, margin=1.0)
    assert result.loss.isfinite()
    assert gradient.abs().max() < 10


@pytest.mark.parametrize("spread", [0.0, 1e-7, 1e-5, 1e-3])
@pytest.mark.parametrize("mining", MININGS)
def test_a_collapsed_float32_batch_is_measured_as_well_as_in_float64(mining, spread):
    generator = torch.Generator().manual_seed(5)
    points = torch.randn(1, 32, generator=generator) + spread * torch.randn(96, 32, generator=generator)
    labels = torch.arange(96) // 4
    result, gradient = with_gradient(points, labels, mining=mining, normalise=False, margin=1e-3)
    expected, exact = with_gradient(points.double(), labels, mining=mining, normalise=False, margin=1e-3)
    assert result.stats.active == pytest.approx(expected.stats.active.item(), rel=1e-3)
    assert result.loss.item() == pytest.approx(expected.loss.item(), rel=1e-3)
    assert (gradient - exact).norm() <= 1e-2 * exact.norm()


@pytest.mark.parametrize("mining", MININGS)
def test_half_precision_is_computed_in_float32(mining):
    points, labels = torch.randn(32, 16).bfloat16(), torch.arange(32) // 4
    result, gradient = with_gradient(points, labels, mining=mining)
    expected, exact = with_gradient(points.float(), labels, mining=mining)
    assert result.loss.dtype == torch.float32
    assert torch.equal(result.loss, expected.loss)
    assert gradient.dtype == torch.bfloat16
    torch.testing.assert_close(gradient, exact.bfloat16())


def test_autocast_changes_nothing():
    points, labels = torch.randn(64, 16), torch.arange(64) // 4
    expected, exact = with_gradient(points, labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result, gradient = with_gradient(points, labels)
    assert torch.equal(result.loss, expected.loss)
    assert torch.equal(gradient, exact)


@pytest.mark.parametrize("mining", MININGS)
def test_nan_is_not_hidden(mining):
    points = torch.randn(12, 4)
    points[3, 1] = torch.nan
    assert triplet(points, torch.arange(12) // 3, mining=mining).loss.isnan()


def test_upstream_gradients_scale_and_add_up():
    points, labels = torch.randn(24, 4), torch.arange(24) // 3
    _, once = with_gradient(points, labels)
    rows = points.clone().requires_grad_()
    (3 * triplet(rows, labels).loss + rows.sum()).backward()
    torch.testing.assert_close(rows.grad, 3 * once + 1)


def test_without_grad_only_the_value_is_computed():
    points, labels = torch.randn(24, 4), torch.arange(24) // 3
    expected, _ = with_gradient(points, labels)
    result = triplet(points, labels)
    assert not result.loss.requires_grad
    assert torch.equal(result.loss, expected.loss)


def test_input_is_left_as_it_was():
    points, labels = torch.randn(24, 4), torch.arange(24) // 3
    before = points.clone()
    with_gradient(points, labels, normalise=False)
    assert torch.equal(points, before)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mining": "semihard"}, "unknown mining 'semihard': use semi-hard, all, hard, distance-weighted,"),
        ({"distance": "cosmic"}, "unknown distance 'cosmic': use euclidean, squared-euclidean, cosine or manhattan"),
        (
            {"margin": "soft", "mining": "semi-hard"},
            "mining is 'semi-hard': semi-hard triplets are limited by the margin",
        ),
        ({"scale": 0}, "scale is 0: it must be a number above 0, for example 10.0"),
        ({"margin": "hard"}, "margin is 'hard': it must be a number above 0, for example 0.2 (or soft)"),
        ({"mining": "distance-weighted", "normalise": False}, "use normalise=True"),
        ({"margin": 0.0}, "margin is 0.0"),
        ({"margin": math.nan}, "margin is nan"),
        ({"margin": math.inf}, "margin is inf"),
        ({"embeddings": torch.zeros(4)}, "embeddings are torch.float32 of shape (4,)"),
        ({"embeddings": torch.zeros(4, 2).long()}, "embeddings are torch.int64"),
        ({"embeddings": torch.zeros(4, 0)}, "embeddings are torch.float32 of shape (4, 0)"),
        (
            {"embeddings": torch.zeros(0, 4), "labels": torch.zeros(0).long()},
            "of shape (0, 4): they must be a matrix of floats (batch, dim)",
        ),
        ({"labels": torch.zeros(3).long()}, "labels are torch.int64 of shape (3,): they must be 4 integers"),
        ({"labels": torch.zeros(4)}, "labels are torch.float32"),
    ],
)
def test_what_cannot_be_meant_is_refused(change, said):
    settings = {"embeddings": torch.randn(4, 2), "labels": torch.tensor([0, 0, 1, 1])} | change
    with pytest.raises(LookalikeError) as refused:
        triplet(**settings)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
