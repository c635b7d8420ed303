"""What holds for every loss of ours, whatever it is: on any batch, at any length of rows, in any precision."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.embedder.losses.contrastive import contrastive
from lookalike.embedder.losses.distances import DISTANCES
from lookalike.embedder.losses.pairs import Pairs
from lookalike.embedder.losses.prototypical import prototypical
from lookalike.embedder.losses.softmax import Softmax
from lookalike.embedder.losses.triplet import MININGS, triplet
from lookalike.store.errors import LookalikeError

CLASSES = 60
WAYS = [
    *(("triplet", {"mining": mining, "distance": distance}) for mining in MININGS for distance in DISTANCES),
    *(("triplet", {"mining": mining, "margin": "soft"}) for mining in MININGS if mining != "semi-hard"),
    *(("contrastive", {"distance": distance}) for distance in DISTANCES),
    ("prototypical", {"shots": 2}),
    ("pairs", {}),
    ("softmax", {}),
]
every_way = pytest.mark.parametrize(("name", "settings"), WAYS, ids=lambda value: str(value))


def loss_of(name, settings, dim):
    """A function of embeddings and labels; what is drawn is the same each time."""
    torch.manual_seed(0)
    if name == "triplet":
        return lambda rows, labels: triplet(rows, labels, **settings, generator=torch.Generator().manual_seed(1))
    if name in ("pairs", "softmax"):
        return Pairs(dim) if name == "pairs" else Softmax(dim, CLASSES)
    return lambda rows, labels: {"contrastive": contrastive, "prototypical": prototypical}[name](
        rows, labels, **settings
    )


def stepped(name, settings, points, labels):
    rows = points.clone().requires_grad_()
    result = loss_of(name, settings, points.shape[1])(rows, labels)
    result.loss.backward()
    return result, rows.grad


def batch(b=24, d=6, seed=0):
    return torch.randn(b, d, generator=torch.Generator().manual_seed(seed)), torch.arange(b) // 4


@every_way
def test_every_batch_gives_a_finite_loss_and_gradient(name, settings, batch):
    """Duplicates, one class, one row, no positives, ties: see conftest."""
    points, labels = batch
    result, gradient = stepped(name, settings, points.float(), labels - labels.min())
    assert result.loss.isfinite() and result.loss >= 0 and result.loss.ndim == 0
    assert gradient.isfinite().all()
    stats = result.stats
    assert stats.active >= 0 and (stats.active_share.isnan() or 0 <= stats.active_share <= 1)


@every_way
def test_rows_count_by_their_direction_and_zeros_do_no_harm(name, settings):
    points, labels = batch()
    expected, exact = stepped(name, settings, points, labels)
    scaled, gradient = stepped(name, settings, points * 1024, labels)
    assert scaled.loss.item() == pytest.approx(expected.loss.item(), rel=1e-6)
    torch.testing.assert_close(gradient * 1024, exact, rtol=1e-4, atol=1e-6)
    points[[0, 5, 6]] = 0
    result, gradient = stepped(name, settings, points, labels)
    assert result.loss.isfinite() and gradient.isfinite().all() and gradient.abs().max() < 100


@every_way
def test_half_precision_and_autocast_are_computed_in_float32(name, settings):
    points, labels = batch()
    half = points.bfloat16()
    expected, exact = stepped(name, settings, half.float(), labels)
    rows = half.clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = loss_of(name, settings, 6)(rows, labels)
    result.loss.backward()
    gradient = rows.grad
    assert result.loss.dtype == torch.float32 and torch.equal(result.loss, expected.loss)
    assert gradient.dtype == torch.bfloat16
    torch.testing.assert_close(gradient, exact.bfloat16())


@every_way
def test_nan_is_not_hidden(name, settings):
    points, labels = batch()
    points[3, 1] = torch.nan
    assert stepped(name, settings, points, labels)[0].loss.isnan()


@every_way
def test_distances_are_means_over_all_pairs(name, settings):
    points, labels = batch()
    stats = stepped(name, settings, points, labels)[0].stats
    metric = DISTANCES[settings.get("distance", "euclidean")](torch.nn.functional.normalize(points).double())
    same = labels[:, None] == labels
    own = torch.eye(len(labels), dtype=torch.bool)
    assert stats.positive_distance.item() == pytest.approx(metric.matrix[same & ~own].mean().item(), rel=1e-5)
    assert stats.negative_distance.item() == pytest.approx(metric.matrix[~same].mean().item(), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "settings"), [way for way in WAYS if way[1].get("mining") in (None, "all", "hard", "semi-hard")]
)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31), b=st.integers(2, 14))
def test_the_order_of_rows_does_not_matter(name, settings, seed, b):
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(b, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 4, (b,), generator=generator)
    order = torch.randperm(b, generator=generator)
    if name == "prototypical":  # where the first of a class are its support, and stay so
        order = (-labels).argsort(stable=True)
    result, gradient = stepped(name, settings, points, labels)
    other, moved = stepped(name, settings, points[order], labels[order])
    assert other.loss.item() == pytest.approx(result.loss.item(), rel=1e-8, abs=1e-10)
    torch.testing.assert_close(moved, gradient[order], rtol=1e-6, atol=1e-8)


@every_way
def test_shapes_that_cannot_be_meant_are_refused(name, settings):
    loss = loss_of(name, settings, 6)
    points, labels = batch()
    for rows, classes in ((points[0], labels), (points.long(), labels), (points, labels[1:]), (points, labels.float())):
        with pytest.raises(LookalikeError) as refused:
            loss(rows, classes)
        assert "\n" not in str(refused.value)


@every_way
def test_a_result_stands_for_its_loss(name, settings):
    points, labels = batch()
    result, gradient = stepped(name, settings, points, labels)
    rows = points.clone().requires_grad_()
    again = loss_of(name, settings, points.shape[1])(rows, labels)
    assert float(again) == again.item() == result.loss.item() and torch.isfinite(again)
    again.backward()
    torch.testing.assert_close(rows.grad, gradient)
    torch.testing.assert_close(torch.stack([again, again]).sum(), 2 * again.loss)
    torch.testing.assert_close(torch.stack(tensors=[again, again]).sum(), torch.add(again, other=again))


def test_a_soft_margin_takes_all_triplets_where_no_mining_is_said():
    points, labels = batch()
    assert float(triplet(points, labels, margin="soft")) == float(triplet(points, labels, margin="soft", mining="all"))
    assert float(triplet(points, labels)) == float(triplet(points, labels, mining="semi-hard"))
