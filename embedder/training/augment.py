"""Augmentations: one random affine look-up per image, then brightness and contrast; equal for equal seed and step."""

import math

import torch
from torch.nn import functional as F

from ..recipe.recipe import Image


def augment(images: torch.Tensor, settings: Image, seed: int, step: int) -> torch.Tensor:
    """Changed copies of float images (b, c, s, s) in [0, 1], on their device; equal (seed, step) give equal changes.

    settings: flip (left to right, half of the images), crop (the smallest share of the area that is cut out and
    enlarged), rotate (up to so many degrees), scale (side times 1 - scale to 1 + scale), shift (up to that share of the
    side in each direction), jitter (contrast and brightness up to that share). Pixels outside repeat the border.
    """
    generator = torch.Generator().manual_seed(_mixed(seed, step))
    if settings.flip or settings.crop < 1 or settings.rotate or settings.scale or settings.shift:
        images = _moved(images, settings, generator)
    if settings.jitter:
        images = _relit(images, settings.jitter, generator)
    return images


def _mixed(seed: int, step: int) -> int:
    """One number a (seed, step): neighbouring pairs must not share streams."""
    return (seed * 0x9E3779B97F4A7C15 + step * 0xD1B54A32D192ED03 + 1) % (1 << 63)


def _moved(images: torch.Tensor, settings: Image, generator: torch.Generator) -> torch.Tensor:
    theta = _affine(len(images), images.shape[-1], settings, generator).to(images.device)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _affine(count: int, size: int, settings: Image, generator: torch.Generator) -> torch.Tensor:
    """Matrices (count, 2, 3) from output to input places, both in [-1, 1] over the image's sides."""

    def spread(width: float) -> torch.Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * width

    side = (1 - torch.rand(count, generator=generator) * (1 - settings.crop)).sqrt()
    room = 1 - side
    zoom = side / (1 + spread(settings.scale))
    angle = spread(math.radians(settings.rotate))
    mirror = 1 - 2 * (torch.rand(count, generator=generator) < 0.5).float() * settings.flip
    across = spread(1) * room + _whole_pixels(spread(2 * settings.shift), size, settings)
    down = spread(1) * room + _whole_pixels(spread(2 * settings.shift), size, settings)
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    rows = [torch.stack([cos * mirror, -sin, across], 1), torch.stack([sin * mirror, cos, down], 1)]
    return torch.stack(rows, 1)


def _whole_pixels(shift: torch.Tensor, size: int, settings: Image) -> torch.Tensor:
    """Round to whole pixels if nothing else resamples: half a pixel would blur images that are sharp when embedded."""
    if settings.crop < 1 or settings.rotate or settings.scale:
        return shift
    return (shift * size / 2).round() * 2 / size


def _relit(images: torch.Tensor, jitter: float, generator: torch.Generator) -> torch.Tensor:
    def factor() -> torch.Tensor:
        values = (torch.rand(len(images), generator=generator) * 2 - 1) * jitter
        return values.view(-1, 1, 1, 1).to(images.device)

    mean = images.mean((1, 2, 3), keepdim=True)
    return ((images - mean) * (1 + factor()) + mean * (1 + factor())).clamp(0, 1)
