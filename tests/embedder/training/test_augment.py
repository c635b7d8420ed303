"""Augmentations: repeatable, each doing its one thing, checked by hand on images that show it."""

import dataclasses

import numpy as np
import pytest
import torch

from lookalike.embedder.recipe.recipe import Image
from lookalike.embedder.training.augment import augment

OFF = Image()


def pictures(count=64, channels=1, size=16):
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(5))


def test_nothing_is_changed_unless_asked():
    assert augment(pictures(), OFF, 0, 0) is not None
    assert torch.equal(augment(pictures(), OFF, 0, 0), pictures())


@pytest.mark.parametrize(
    "setting", [{"flip": True}, {"crop": 0.5}, {"rotate": 20.0}, {"scale": 0.2}, {"shift": 0.1}, {"jitter": 0.3}]
)
def test_the_same_seed_and_step_give_the_same_images(setting):
    settings = dataclasses.replace(OFF, **setting)
    first = augment(pictures(), settings, 1, 7)
    assert torch.equal(first, augment(pictures(), settings, 1, 7))
    assert not torch.equal(first, augment(pictures(), settings, 1, 8))
    assert not torch.equal(first, augment(pictures(), settings, 2, 7))
    assert first.shape == pictures().shape and first.min() >= 0 and first.max() <= 1


def test_half_of_the_images_are_mirrored_exactly():
    given, result = pictures(400), augment(pictures(400), dataclasses.replace(OFF, flip=True), 0, 0)
    same = (result - given).abs().amax((1, 2, 3)) < 1e-4
    mirrored = (result - given.flip(3)).abs().amax((1, 2, 3)) < 1e-4
    assert (same ^ mirrored).all() and 150 < same.sum() < 250


def test_shifts_are_whole_pixels_both_ways_and_repeat_the_border():
    given = pictures(300)
    result = augment(given, dataclasses.replace(OFF, shift=0.13), 0, 0).numpy()
    padded = np.pad(given.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
    found = set()
    for image, wide in zip(result, padded, strict=True):
        moves = [
            (y, x) for y in range(5) for x in range(5) if np.abs(wide[:, y : y + 16, x : x + 16] - image).max() < 1e-4
        ]
        assert len(moves) == 1
        found.add(moves[0])
    assert len(found) == 25


def ring(size=33):
    """Brightness by the distance from the middle: turning changes nothing, scaling does."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return (
        torch.tensor(np.clip(1 - np.hypot(x, y) / 20, 0, 1), dtype=torch.float32).expand(50, 1, size, size).contiguous()
    )


def test_turning_keeps_distances_from_the_middle_and_scaling_does_not():
    inner = (slice(None), slice(None), slice(9, 24), slice(9, 24))
    turned = augment(ring(), dataclasses.replace(OFF, rotate=90.0), 0, 0)
    scaled = augment(ring(), dataclasses.replace(OFF, scale=0.3), 0, 0)
    assert (turned - ring())[inner].abs().max() < 0.03
    assert (scaled - ring())[inner].abs().max() > 0.05
    assert (scaled[:, 0, 16, 16] - 1).abs().max() < 0.02  # the middle stays


def test_a_crop_shows_a_part_of_at_least_that_area():
    ramp = torch.linspace(0, 1, 64).expand(200, 1, 64, 64).contiguous()
    shown = augment(ramp, dataclasses.replace(OFF, crop=0.5), 0, 0)[:, 0, 32]
    side = (shown[:, -1] - shown[:, 0]) / (63 / 64)
    assert side.min() > 0.5**0.5 - 0.03 and side.max() < 1.02 and side.std() > 0.03
    assert shown.min() < 0.02 and shown.max() > 0.98  # crops lie everywhere


def test_jitter_scales_each_image_as_a_whole():
    given = pictures(50) * 0.2 + 0.4
    result = augment(given, dataclasses.replace(OFF, jitter=0.3), 0, 0)
    for before, after in zip(given.flatten(1), result.flatten(1), strict=True):
        slope, offset = np.polyfit(before.numpy(), after.numpy(), 1)
        assert 0.7 <= slope <= 1.3 and np.abs(before.numpy() * slope + offset - after.numpy()).max() < 1e-5
        assert abs(after.mean() / before.mean() - 1) <= 0.3 + 1e-6
