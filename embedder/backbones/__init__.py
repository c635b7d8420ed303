"""The networks an encoder can be built on: images (b, channels, size, size) in, (b, dim) unnormalised out.

This file does not load torch, so that a recipe is checked quickly.
"""

from typing import TYPE_CHECKING, Any

from ..images.preprocessing import Preprocessing

if TYPE_CHECKING:
    from torch import nn

SMALLEST = {"conv4": 16, "resnet": 12, "efficientnet-lite0": 32}
"""Every backbone, with the smallest image in pixels that it takes."""


def build(name: str, *, channels: int, dim: int, pretrained: bool = False) -> "nn.Module":
    """Build a network with fresh weights (torch's global generator), or ImageNet's below a fresh last layer."""
    if name == "conv4":
        from .conv4 import Conv4

        return Conv4(channels, dim)
    if name == "resnet":
        from .resnet import ResNet

        return ResNet(channels, dim)
    from .efficientnet_lite0 import EfficientNetLite0

    return EfficientNetLite0(channels, dim, pretrained=pretrained)


def check_weights(name: str) -> None:
    """Raises LookalikeError if the ImageNet weights of a backbone are not installed; they are not read."""
    if name == "efficientnet-lite0":
        from .efficientnet_lite0 import weights_file

        weights_file()


def preprocessing(name: str, *, size: int, channels: int) -> Preprocessing:
    """The preprocessing that a backbone expects."""
    if name == "efficientnet-lite0":
        from .efficientnet_lite0 import expected

        return expected(size, channels)
    scale: dict[str, Any] = {"mean": (0.5,) * channels, "std": (0.5,) * channels}
    return Preprocessing(size=size, channels=channels, **scale)
