"""Losses of pytorch-metric-learning by name: theirs exactly, with parameters and state, or refused in one line."""

import sys

import pytest
import torch

from lookalike.embedder.losses import pml
from lookalike.embedder.losses.pml import Pml
from lookalike.store.errors import LookalikeError

NEEDED = {"RankedListLoss": {"margin": 0.4, "Tn": 1.0}, "HistogramLoss": {"n_bins": 50}}


@pytest.fixture(autouse=True)
def _installed(needs):
    needs("pytorch_metric_learning")


def batch():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(24) // 4
    return torch.randn(6, 8, generator=generator)[labels] + torch.randn(24, 8, generator=generator), labels


def listed():
    try:
        return pml.names()
    except LookalikeError:  # without the library there is nothing to try
        return ["ProxyAnchorLoss"]


@pytest.mark.parametrize("name", listed())
def test_every_loss_there_is_steps_and_goes_on_from_its_state(name):
    """Two steps in a row give what a step, saving, restoring and a step give."""
    points, labels = batch()
    values = []
    torch.manual_seed(1)
    whole = Pml(name, 8, 6, **NEEDED.get(name, {}))
    parts = [Pml(name, 8, 6, **NEEDED.get(name, {})) for _ in range(2)]
    parts[0].load_state_dict(whole.state_dict())
    for losses in ([whole, whole], parts):
        for step, loss in enumerate(losses):
            if step and loss is not losses[0]:
                loss.load_state_dict({name: tensor.clone() for name, tensor in losses[0].state_dict().items()})
            torch.manual_seed(step)
            rows = points.clone().requires_grad_()
            result = loss(rows, labels)
            result.loss.backward()
            assert result.loss.ndim == 0 and result.loss.isfinite() and rows.grad.isfinite().all()
            values.append((result.loss.item(), rows.grad))
    assert values[0][0] == values[2][0] and values[1][0] == values[3][0]
    assert torch.equal(values[1][1], values[3][1])


def test_value_and_gradients_are_the_librarys_own():
    from pytorch_metric_learning import losses

    points, labels = batch()
    torch.manual_seed(2)
    theirs = losses.ProxyAnchorLoss(num_classes=6, embedding_size=8, alpha=16)
    torch.manual_seed(2)
    ours = Pml("ProxyAnchorLoss", 8, 6, alpha=16)
    rows, own = points.clone().requires_grad_(), points.clone().requires_grad_()
    result, expected = ours(rows, labels), theirs(own, labels)
    result.loss.backward()
    expected.backward()
    assert result.loss.item() == expected.item()
    assert torch.equal(rows.grad, own.grad)
    assert torch.equal(ours.loss.proxies.grad, theirs.proxies.grad)
    assert [name for name, _ in ours.named_parameters()] == ["loss.proxies"]
    assert result.stats.active_share.isnan() and 0 < result.stats.positive_distance < result.stats.negative_distance < 2


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("ProxyAnkerLoss", {}, "'pml:ProxyAnkerLoss': .* has no loss 'ProxyAnkerLoss': did you mean 'ProxyAnchorLoss'"),
        ("Zzz", {}, "'pml:Zzz'.*AngularLoss, "),
        ("LpDistance", {}, "has no loss"),
        ("ManifoldLoss", {}, "does not use labels"),
        ("CrossBatchMemory", {}, "another loss"),
        ("ProxyAnchorLoss", {"alfa": 3}, r"loss.options.alfa = 3: .*margin, alpha"),
        ("ProxyAnchorLoss", {"num_classes": 3}, r"loss.options.num_classes = 3"),
        ("ProxyAnchorLoss", {"distance": "cosine"}, r"loss.options.distance = 'cosine'"),
        ("RankedListLoss", {"margin": 0.4}, r"loss.options.Tn is missing"),
        ("PNPLoss", {"variant": "X"}, r"pml:PNPLoss refuses them: .*variant=X"),
        (
            "ProxyAnchorLoss",
            {"alpha": "x"},
            r"loss.options = {'alpha': 'x'}: pml:ProxyAnchorLoss fails .*TypeError: ",
        ),
        (
            "SubCenterArcFaceLoss",
            {"sub_centers": "x"},
            r"loss.options = {'sub_centers': 'x'}: pml:SubCenterArcFaceLoss",
        ),
        ("DynamicSoftMarginLoss", {"num_bins": 0}, r"loss.options = {'num_bins': 0}: pml:DynamicSoftMarginLoss"),
    ],
)
def test_what_the_library_has_not_is_refused_in_one_line(name, options, said):
    with pytest.raises(LookalikeError, match=said) as refused:
        pml.check(name, options)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", listed())
def test_no_loss_that_works_is_refused_and_the_check_draws_no_random_number(name):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    pml.check(name, NEEDED.get(name, {}))
    assert torch.equal(torch.get_rng_state(), before)


def test_an_error_inside_the_library_while_training_is_one_line():
    points, labels = batch()
    loss = Pml("ProxyAnchorLoss", 8, 6, alpha="x")
    with pytest.raises(LookalikeError, match=r"loss.options = {'alpha': 'x'}: pml:ProxyAnchorLoss fails") as said:
        loss(points, labels)
    assert "\n" not in str(said.value)
    loss = Pml("ProxyAnchorLoss", 8, 3)  # labels up to 5: an IndexError of the library, or what it has for one
    with pytest.raises(LookalikeError, match=r"loss.options = {}: pml:ProxyAnchorLoss fails"):
        loss(points, labels)


def test_too_little_memory_is_no_fault_of_the_options(monkeypatch):
    points, labels = batch()
    loss = Pml("ProxyAnchorLoss", 8, 6)

    def full(*_):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(loss.loss, "forward", full)
    with pytest.raises(torch.OutOfMemoryError):
        loss(points, labels)


def test_without_the_library_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning", None)
    with pytest.raises(LookalikeError, match=r"'pml:ProxyAnchorLoss'.*pip install 'lookalike\[pml\]'"):
        Pml("ProxyAnchorLoss", 8, 6)
