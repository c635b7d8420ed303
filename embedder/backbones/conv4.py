"""Four blocks of convolution, normalisation, ReLU and pooling: the small network of few-shot learning."""

import itertools

import torch
from torch import nn

from .blocks import ConvNorm


class Conv4(nn.Module):
    """Conv-4 as in Vinyals et al. 2016 (arXiv:1606.04080) and Snell et al. 2017, with a linear layer to `dim`.

    Images of 16 pixels and more; what the four poolings leave is averaged.
    """

    def __init__(self, channels: int, dim: int, width: int = 64) -> None:
        super().__init__()
        widths = [channels, width, width, width, width]
        self.blocks = nn.ModuleList(ConvNorm(a, b) for a, b in itertools.pairwise(widths))
        self.project = nn.Linear(width, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (b, channels, h, w) to (b, dim)."""
        for block in self.blocks:
            x = torch.max_pool2d(torch.relu(block(x)), 2)
        return self.project(x.mean((2, 3)))
