"""The arguments of every loss: embeddings (b, d) and labels (b,), checked and turned into rows to compute with."""

from typing import Any, TypeVar

import torch
from torch import Tensor

from ...store import checks
from ...store.errors import LookalikeError
from .distances import unit_rows

Kind = TypeVar("Kind")


def check_batch(embeddings: Tensor, labels: Tensor) -> None:
    """Raises LookalikeError unless these are a matrix (b, d) of floats with a row or more, and integers (b,)."""
    if embeddings.ndim != 2 or not embeddings.is_floating_point() or not embeddings.numel():
        raise LookalikeError(
            f"embeddings are {_shown(embeddings)}: they must be a matrix of floats (batch, dim) with at least one row"
        )
    if labels.shape != embeddings.shape[:1] or labels.is_floating_point() or labels.is_complex():
        raise LookalikeError(
            f"labels are {_shown(labels)}: they must be {len(embeddings)} integers, one for each embedding"
        )


def check_dim(embeddings: Tensor, dim: int) -> None:
    """Raises LookalikeError unless the embeddings are the (b, dim) that the parameters of a loss were created for."""
    if embeddings.shape[1] != dim:
        raise LookalikeError(f"embeddings are {_shown(embeddings)}: this loss was created with dim={dim}")


def rows_of(embeddings: Tensor, normalise: bool = True) -> Tensor:
    """The embeddings (b, d) in float32 (float64 stays float64), scaled to unit rows unless `normalise` is False."""
    points = embeddings if embeddings.dtype in (torch.float32, torch.float64) else embeddings.float()
    return unit_rows(points) if normalise else points


def full_precision(embeddings: Tensor) -> torch.autocast:
    """A context without half precision, in which the differences of similar distances would be lost."""
    return torch.autocast(embeddings.device.type, enabled=False)


def choice(setting: str, name: str, choices: dict[str, Kind]) -> Kind:
    """The choice with that name. Raises LookalikeError that lists the names."""
    return choices[checks.choice(setting, name, list(choices))]


def check_number(setting: str, value: Any, example: str) -> None:
    """Raises LookalikeError unless a setting is a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise LookalikeError(f"{setting} is {checks.quoted(value)}: it must be a number above 0, for example {example}")


def _shown(tensor: Tensor) -> str:
    return f"{tensor.dtype} of shape {tuple(tensor.shape)}"
