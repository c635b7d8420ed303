"""A small residual network for images of some 28 to 96 pixels."""

import torch
from torch import nn

from .blocks import ConvNorm


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016); where it shrinks it averages (He et al. 2019)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = ConvNorm(inputs, outputs, stride=stride)
        self.second = ConvNorm(outputs, outputs)
        self.shrink = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
        self.shortcut = ConvNorm(inputs, outputs, kernel=1) if inputs != outputs or stride > 1 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(self.shrink(x)))


class ResNet(nn.Module):
    """A stem and four stages of one block, each but the first at half the size; then mean, and linear to `dim`."""

    def __init__(self, channels: int, dim: int, widths: tuple[int, ...] = (32, 64, 128, 256)) -> None:
        super().__init__()
        self.stem = ConvNorm(channels, widths[0])
        inputs = (widths[0], *widths[:-1])
        strides = (1, *(2,) * (len(widths) - 1))
        self.blocks = nn.ModuleList(Block(a, b, s) for a, b, s in zip(inputs, widths, strides, strict=True))
        self.project = nn.Linear(widths[-1], dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.project(x.mean((2, 3)))
