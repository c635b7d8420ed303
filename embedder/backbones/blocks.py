"""The block that all our networks are made of, and what becomes of it once training is over."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class ConvNorm(nn.Module):
    """Convolution without bias, then batch normalisation; padded to the input's size over the stride."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, inputs, h, w) to (b, outputs, h', w'), each side divided by the stride and rounded up."""
        return self.norm(self.conv(x))


def folded(network: nn.Module) -> nn.Module:
    """Give a copy for inference: each normalisation becomes part of its convolution's weights, channels-last."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, ConvNorm) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()
    network.requires_grad_(False)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
