"""Softmax over classes against a loop over images."""

import pytest
import torch

from lookalike.embedder.losses.softmax import Softmax
from lookalike.store.errors import LookalikeError


def test_equals_the_loop_over_images():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(11, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 4, (11,), generator=generator)
    softmax = Softmax(5, 4, scale=7.0).double()
    answers = []
    for ours in (True, False):
        rows, module = points.clone().requires_grad_(), softmax
        module.weight.grad = None
        if ours:
            result = module(rows, labels)
            loss, missed = result.loss, result.stats.active.item()
        else:
            weights = module.weight / module.weight.norm(dim=1, keepdim=True)
            losses, missed = [], 0
            for row, label in zip(rows, labels.tolist(), strict=True):
                logits = [7.0 * (row / row.norm()) @ weight for weight in weights]
                losses.append(torch.log(sum(torch.exp(logit) for logit in logits)) - logits[label])
                missed += max(range(4), key=lambda c: logits[c].item()) != label
            loss = sum(losses) / 11
        loss.backward()
        answers.append((loss.item(), missed, rows.grad, module.weight.grad.clone()))
    mine, theirs = answers
    assert mine[:2] == (pytest.approx(theirs[0]), theirs[1])
    torch.testing.assert_close(mine[2], theirs[2])
    torch.testing.assert_close(mine[3], theirs[3])


@pytest.mark.parametrize(("classes", "scale"), [(2, 16.0), (10, 16.0), (300, 4.0)])
def test_the_loss_ends_where_the_docstring_says(classes, scale):
    """Classes as far from each other as can be: the corners of a regular simplex."""
    corners = torch.eye(classes, dtype=torch.float64) - 1 / classes
    softmax = Softmax(classes, classes, scale=scale).double()
    softmax.weight.data = corners.clone()
    floor = torch.log1p((classes - 1) * torch.exp(torch.tensor(-scale * classes / (classes - 1), dtype=torch.float64)))
    assert softmax(corners, torch.arange(classes)).loss.item() == pytest.approx(floor.item(), rel=1e-6)


def test_rows_of_zeros_have_a_finite_gradient():
    rows = torch.zeros(3, 4).requires_grad_()
    result = Softmax(4, 2)(rows, torch.tensor([0, 1, 1]))
    result.loss.backward()
    assert result.loss.item() == pytest.approx(0.6931, abs=1e-3) and rows.grad.isfinite().all()


def test_the_weights_are_parameters_that_the_seed_decides():
    torch.manual_seed(3)
    first = Softmax(4, 6).weight
    torch.manual_seed(3)
    assert torch.equal(first, Softmax(4, 6).weight)
    assert [tuple(p.shape) for p in Softmax(4, 6).parameters()] == [(6, 4)]


@pytest.mark.parametrize(("labels", "said"), [([0, 3], "labels are 0 to 3.*0 to 2"), ([-1, 0], "labels are -1 to 0")])
def test_labels_of_no_class_are_refused(labels, said):
    with pytest.raises(LookalikeError, match=said):
        Softmax(4, 3)(torch.randn(2, 4), torch.tensor(labels))


def test_a_scale_that_cannot_be_is_refused():
    with pytest.raises(LookalikeError, match="scale is 0"):
        Softmax(4, 3, scale=0)
