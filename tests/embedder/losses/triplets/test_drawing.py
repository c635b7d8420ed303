"""Drawn triplets: which there are, how often each comes, and that equal generators draw equal ones."""

import itertools
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.embedder.losses.distances import DISTANCES, Euclidean, unit_rows
from lookalike.embedder.losses.triplet import triplet
from lookalike.embedder.losses.triplets import drawing
from lookalike.embedder.losses.triplets.drawing import DRAWING
from lookalike.embedder.losses.triplets.groups import Groups

RANDOM = ["distance-weighted", "facenet-mix", "random"]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(mining, points, labels, seed=0):
    metric = Euclidean(unit_rows(points))
    found = DRAWING[mining](metric, Groups(labels), generator(seed))
    return metric.matrix, list(zip(*(rows.tolist() for rows in found), strict=True))


def every(labels):
    size = range(len(labels))
    return [(a, p, n) for a, p, n in itertools.permutations(size, 3) if labels[a] == labels[p] != labels[n]]


@pytest.mark.parametrize("mining", DRAWING)
def test_only_triplets_are_drawn_and_a_batch_without_any_gives_none(batch, mining):
    points, labels = batch
    possible = set(every(labels.tolist()))
    _, found = drawn(mining, points, labels)
    assert set(found) <= possible
    assert bool(found) == bool(possible)


@pytest.mark.parametrize("mining", ["distance-weighted", "random"])
@settings(max_examples=40, deadline=None)
@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=16), seed=st.integers(0, 2**31))
def test_every_anchor_and_positive_gets_one_negative(mining, labels, seed):
    points = torch.randn(len(labels), 6, generator=generator(seed))
    _, found = drawn(mining, points, torch.tensor(labels), seed)
    assert sorted((a, p) for a, p, _ in found) == sorted({(a, p) for a, p, _ in every(labels)})


def test_random_negatives_come_equally_often():
    labels = [3, 1, 3, 2, 1, 3, 2]
    points = torch.randn(7, 4, generator=generator())
    counts = Counter()
    for seed in range(3000):
        counts.update(drawn("random", points, torch.tensor(labels), seed)[1])
    for a, p in {(a, p) for a, p, _ in every(labels)}:
        often = [counts[a, p, n] for n in range(7) if labels[n] != labels[a]]
        assert sum(often) == 3000
        assert max(often) - min(often) < 6 * (3000 / len(often)) ** 0.5


def test_negatives_come_by_the_weights_of_the_paper():
    """Frequencies against min(lambda, 1/q) worked out an anchor at a time."""
    labels, dim = [0, 0, 1, 1, 1, 1, 1, 1], 5
    points = unit_rows(torch.randn(1, dim, generator=generator(1)) + 0.8 * torch.randn(8, dim, generator=generator(2)))
    counts = Counter()
    for seed in range(4000):
        matrix, found = drawn("distance-weighted", points, torch.tensor(labels), seed)
        counts.update(found)
    near = [n for n in range(2, 8) if matrix[0, n] < 1.4]
    chords = {n: max(0.5, matrix[0, n].item()) for n in near}
    weights = {n: c ** (2 - dim) * (1 - c * c / 4) ** ((3 - dim) / 2) for n, c in chords.items()}
    assert len(near) > 3 and len(set(chords.values())) > 2
    for n in range(2, 8):
        share = weights.get(n, 0) / sum(weights.values())
        assert counts[0, 1, n] / 4000 == pytest.approx(share, abs=5 * (share * (1 - share) / 4000) ** 0.5)


@pytest.mark.parametrize("dim", [2, 3, 16, 64, 512])
def test_the_weights_are_the_peers(needs, monkeypatch, dim):
    needs("pytorch_metric_learning")
    from pytorch_metric_learning import miners
    from pytorch_metric_learning.utils import loss_and_miner_utils

    seen = []
    monkeypatch.setattr(
        loss_and_miner_utils, "get_random_triplet_indices", lambda *_, weights, **__: seen.append(weights) or (0, 0, 0)
    )
    labels = torch.arange(48) // 6
    points = torch.randn(8, dim, generator=generator(1), dtype=torch.float64)[labels]
    points = unit_rows(points + 0.7 * torch.randn(48, dim, generator=generator(2), dtype=torch.float64))
    miners.DistanceWeightedMiner(cutoff=drawing.NEAREST, nonzero_loss_cutoff=drawing.FARTHEST).mine(
        points, labels, points, labels
    )
    mine = drawing._weights(Euclidean(points).matrix, Groups(labels), dim)
    near = ((Euclidean(points).matrix < drawing.FARTHEST) & (labels[:, None] != labels)).any(1)
    assert near.sum() > 40
    torch.testing.assert_close((mine / mine.sum(1, keepdim=True))[near], seen[0][near])


@pytest.mark.parametrize("kind", DISTANCES)
def test_the_weights_are_by_the_chord_whatever_the_loss_measures(kind):
    points, labels = unit_rows(torch.randn(20, 6, generator=generator(3))), torch.arange(20) // 5
    found = DRAWING["distance-weighted"](DISTANCES[kind](points), Groups(labels), generator(4))
    expected = DRAWING["distance-weighted"](Euclidean(points), Groups(labels), generator(4))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(found, expected, strict=True))


def test_where_all_negatives_are_far_they_weigh_the_same():
    points = torch.tensor([[1.0, 0], [0.9, 0.1], [-1, 0], [-1, 0.1], [-0.9, -0.1]])
    labels = torch.tensor([0, 0, 1, 1, 1])
    weights = drawing._weights(Euclidean(unit_rows(points)).matrix, Groups(labels), 2)
    assert weights[:2].tolist() == [[0, 0, 1, 1, 1]] * 2


def test_half_of_the_mix_are_the_hardest_of_its_draw():
    """A small batch has fewer triplets than are drawn, so that the draw is all of them."""
    points, labels = torch.randn(6, 4, generator=generator(5)), [0, 0, 0, 1, 1, 1]
    for seed in range(5):
        matrix, found = drawn("facenet-mix", points, torch.tensor(labels), seed)
        assert len(found) == len(set(found)) == 6
        order = sorted(every(labels), key=lambda t: (matrix[t[0], t[2]] - matrix[t[0], t[1]]).item())
        assert set(found[:3]) == set(order[:3])
    others = {tuple(drawn("facenet-mix", points, torch.tensor(labels), seed)[1][3:]) for seed in range(20)}
    assert len(others) > 10


def test_a_large_draw_is_different_triplets_each_equally_likely():
    labels = torch.arange(60) % 5
    groups = Groups(labels)
    counts = Counter()
    for seed in range(60):
        numbers = drawing._numbers(int(groups.triplets), 16 * 60, generator(seed))
        assert len(numbers.unique()) == len(numbers) > 900
        counts.update(zip(*(rows.tolist() for rows in drawing._numbered(groups, numbers)), strict=True))
    possible = every(labels.tolist())
    assert set(counts) <= set(possible)
    by_anchor = Counter()
    for (a, _, _), count in counts.items():
        by_anchor[a] += count
    assert max(by_anchor.values()) - min(by_anchor.values()) < 7 * (sum(counts.values()) / 60) ** 0.5
    numbered = zip(*(r.tolist() for r in drawing._numbered(groups, torch.arange(int(groups.triplets)))), strict=True)
    assert sorted(numbered) == sorted(possible)


@pytest.mark.parametrize("mining", RANDOM)
def test_equal_generators_give_equal_losses_and_others_do_not(mining):
    points, labels = torch.randn(40, 8, generator=generator(6)), torch.arange(40) // 4
    values = [triplet(points, labels, mining=mining, margin=1.0, generator=generator(seed)).loss for seed in (1, 1, 2)]
    assert torch.equal(values[0], values[1]) and not torch.equal(values[0], values[2])
    torch.manual_seed(9)
    first = triplet(points, labels, mining=mining, margin=1.0).loss
    torch.manual_seed(9)
    assert torch.equal(first, triplet(points, labels, mining=mining, margin=1.0).loss)


@pytest.mark.parametrize("margin", [0.3, "soft"])
@pytest.mark.parametrize("mining", RANDOM)
def test_the_loss_is_that_of_the_drawn_triplets(batch, mining, margin):
    points, labels = batch
    matrix, found = drawn(mining, points, labels, 7)
    gaps = torch.tensor([matrix[a, p] - matrix[a, n] for a, p, n in found], dtype=points.dtype)
    losses = torch.log1p(gaps.exp()) if margin == "soft" else (gaps + margin)[gaps + margin > 0]
    rows = points.clone().requires_grad_()
    result = triplet(rows, labels, mining=mining, margin=margin, generator=generator(7))
    result.loss.backward()
    assert result.loss.item() == pytest.approx(losses.mean().item() if len(losses) else 0.0, rel=1e-6, abs=1e-12)
    assert rows.grad.isfinite().all()
    if found:
        active = (gaps > 0).sum() if margin == "soft" else len(losses)
        assert result.stats.active_share.item() == pytest.approx(float(active) / len(found))
