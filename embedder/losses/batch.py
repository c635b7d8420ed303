"""What every loss is given: embeddings (b, d) and labels (b,), checked, as rows to compute with."""

from typing import Any, TypeVar

import torch
from torch import Tensor

from ...store.errors import LookalikeError
from .distances import unit_rows

Kind = TypeVar("Kind")


def check_batch(embeddings: Tensor, labels: Tensor) -> None:
    """LookalikeError where these are not a floating matrix (b, d) with a row, and integers (b,)."""
    if embeddings.ndim != 2 or not embeddings.is_floating_point() or not embeddings.numel():
        raise LookalikeError(
            f"embeddings are {_shown(embeddings)}; a floating (batch, dim) matrix with a row would work"
        )
    if labels.shape != embeddings.shape[:1] or labels.is_floating_point() or labels.is_complex():
        raise LookalikeError(f"labels are {_shown(labels)}; {len(embeddings)} integers, one a row, would work")


def check_dim(embeddings: Tensor, dim: int) -> None:
    """LookalikeError where embeddings are not the (b, dim) that a loss with parameters of its own was made for."""
    if embeddings.shape[1] != dim:
        raise LookalikeError(f"embeddings are {_shown(embeddings)}; this loss was made for rows of {dim}")


def rows_of(embeddings: Tensor, normalise: bool = True) -> Tensor:
    """The embeddings (b, d) in float32, or float64 where they are, as unit rows unless `normalise` is off."""
    points = embeddings if embeddings.dtype in (torch.float32, torch.float64) else embeddings.float()
    return unit_rows(points) if normalise else points


def full_precision(embeddings: Tensor) -> torch.autocast:
    """A context in which nothing is computed in half precision: differences of near distances would be lost."""
    return torch.autocast(embeddings.device.type, enabled=False)


def choice(setting: str, name: str, choices: dict[str, Kind]) -> Kind:
    """The choice of that name; LookalikeError with the names there are."""
    if name not in choices:
        raise LookalikeError(f"{setting} is {name!r}; {', '.join(choices)} would work")
    return choices[name]


def check_number(setting: str, value: Any, example: str) -> None:
    """LookalikeError where a setting is no finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise LookalikeError(f"{setting} is {value!r}; a number above 0, such as {example}, would work")


def _shown(tensor: Tensor) -> str:
    return f"{tensor.dtype} of shape {tuple(tensor.shape)}"
