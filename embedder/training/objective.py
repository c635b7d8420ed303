"""The loss of a recipe as the trainer calls it: one interface for all losses, with random numbers seeded by the step.

The parameters of a loss (class weights, proxies, a classifier of pairs) are trained with the network. They belong to
the checkpoint, and not to the encoder.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...store.errors import LookalikeError
from ..encoders import files as encoder_file
from ..losses.contrastive import contrastive
from ..losses.pairs import Pairs
from ..losses.prototypical import prototypical
from ..losses.result import LossResult
from ..losses.softmax import Softmax
from ..losses.triplet import triplet
from ..recipe.losses import PML
from ..recipe.recipe import Recipe

WEIGHTS = "loss.safetensors"
"""The file in a model's folder with the parameters of its loss."""
_FUNCTIONS: dict[str, Callable[..., LossResult]] = {
    "triplet": triplet,
    "contrastive": contrastive,
    "prototypical": prototypical,
}
_START, _STEPS = 3, 4  # streams of random numbers, apart from those of batches and splits


class Objective(nn.Module):
    """The loss of a recipe over `classes` training classes.

    objective(vectors (b, dim), labels (b,) from 0 to classes - 1, step) -> LossResult, a function of its arguments, its
    parameters and the recipe's seed only. Raises LookalikeError if the loss cannot be created.
    """

    def __init__(self, recipe: Recipe, classes: int) -> None:
        super().__init__()
        self._seed = recipe.training.seed
        with _seeded(torch.device("cpu"), self._seed, _START):
            self.loss = _made(recipe, classes)

    def forward(self, vectors: Tensor, labels: Tensor, step: int) -> LossResult:
        """The loss of vectors (b, dim) with labels (b,) at this step. Raises LookalikeError for other shapes."""
        with _seeded(vectors.device, self._seed, _STEPS, step):
            return self.loss(vectors, labels)


class _Plain(nn.Module):
    """A loss without parameters."""

    def __init__(self, function: Callable[[Tensor, Tensor], LossResult]) -> None:
        super().__init__()
        self._function = function

    def forward(self, vectors: Tensor, labels: Tensor) -> LossResult:
        return self._function(vectors, labels)


def trained_loss(folder: str | Path) -> nn.Module:
    """The loss with which a model was trained, with the parameters that belong to the saved weights.

    For example a Softmax, whose logits are in the order of the encoder's training_classes, or a Pairs. Raises
    LookalikeError if the folder has no encoder, if its loss has no parameters, and if a file is damaged.
    """
    card = encoder_file.read_card(
        encoder_file.read_file(Path(folder, encoder_file.CARD)), Path(folder, encoder_file.CARD)
    )
    loss = Objective(Recipe.from_dict(card["recipe"]), len(card["training_classes"])).loss
    if not loss.state_dict():
        raise LookalikeError(f"{folder}: the loss {card['recipe']['loss']['name']} has no parameters")
    path = Path(folder, WEIGHTS)
    encoder_file.load_into(loss, encoder_file.read_weights(encoder_file.read_file(path), path), path)
    return loss


def check_available(recipe: Recipe) -> None:
    """Raises LookalikeError if the library of a loss is not installed, or has no such loss or option."""
    if recipe.loss.name.startswith(PML):
        from ..losses import pml

        pml.check(recipe.loss.name.removeprefix(PML), recipe.loss.options or {})


def _made(recipe: Recipe, classes: int) -> nn.Module:
    loss, dim = recipe.loss, recipe.model.dim
    if loss.name.startswith(PML):
        from ..losses.pml import Pml

        return Pml(loss.name.removeprefix(PML), dim, classes, **(loss.options or {}))
    settings = {key: value for key, value in asdict(loss).items() if key != "name" and value is not None}
    if loss.name == "pairs":
        return Pairs(dim)
    if loss.name == "softmax":
        return Softmax(dim, classes, **settings)
    if loss.name == "triplet":
        settings["mining"] = recipe.mining.name
    return _Plain(partial(_FUNCTIONS[loss.name], **settings))


@contextlib.contextmanager
def _seeded(device: torch.device, *stream: int) -> Iterator[None]:
    """Seed torch's own generators by `stream`, and restore them afterwards."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(np.random.SeedSequence(stream).generate_state(1, np.uint64)[0]))
        yield
