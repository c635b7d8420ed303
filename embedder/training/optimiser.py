"""AdamW and its schedule: the learning rate is a function of the step alone, so that resuming needs no more state."""

import math

import torch
from torch import nn

WARM_UP = 0.05
"""The share of the steps, 200 at most, in which the rate climbs to its full value."""


def adamw(network: nn.Module, *, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019); no decay on biases and normalisations, which set scales, not complexity."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, fused=True)


def rate(step: int, steps: int, lr: float) -> float:
    """Give the learning rate of 0-based `step` of `steps`: linear warm-up, then half a cosine down to 0.

    Loshchilov and Hutter 2017, SGDR (arXiv:1608.03983), eq. 5, without restarts.
    """
    warm_up = min(200, max(1, round(WARM_UP * steps)))
    if step < warm_up:
        return lr * (step + 1) / warm_up
    return lr * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up))) / 2


def set_rate(optimiser: torch.optim.Optimizer, lr: float) -> None:
    """Put one learning rate on every group."""
    for group in optimiser.param_groups:
        group["lr"] = lr
