"""A small residual network for images of some 28 to 96 pixels."""

import itertools

import torch
from torch import nn

from .blocks import ConvNorm


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016) that averages where the size halves (He et al. 2019)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = ConvNorm(inputs, outputs, stride=stride)
        self.second = ConvNorm(outputs, outputs)
        self.shrink = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
        self.shortcut = ConvNorm(inputs, outputs, kernel=1) if inputs != outputs or stride > 1 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, inputs, h, w) to (b, outputs, h', w'), each side divided by the stride and rounded up."""
        return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(self.shrink(x)))


class ResNet(nn.Module):
    """A stem, then blocks that each halve the size; mean over what is left, and linear to `dim`.

    At full size there is only the stem: on a processor, that is where a multiplication costs most.
    """

    def __init__(self, channels: int, dim: int, widths: tuple[int, ...] = (32, 64, 128, 256)) -> None:
        super().__init__()
        self.stem = ConvNorm(channels, widths[0])
        self.blocks = nn.ModuleList(Block(a, b, stride=2) for a, b in itertools.pairwise(widths))
        self.project = nn.Linear(widths[-1], dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (b, channels, h, w) to (b, dim)."""
        x = torch.relu(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.project(x.mean((2, 3)))
