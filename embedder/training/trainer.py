"""One training in progress: its network, optimiser, best weights and step, and its state for a checkpoint.

A step depends only on the state and the number of the step (which seeds batches and augmentations), so a training that
is restored from its state continues bit for bit, on the same machine with the same number of threads.
"""

import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from ...store.errors import TrainingFailed
from ..backbones import build, preprocessing
from ..encoders import files as encoder_file
from ..encoders.encoder import scaling
from ..encoders.hardware import has_bf16
from ..recipe.recipe import Recipe
from . import checkpoint, validation
from .augment import augment
from .batches import Batches
from .objective import Objective
from .optimiser import adamw, rate, set_rate

_SAMPLE = 256  # images that show a collapse if there are no validation images
COLLAPSED = 1e-3
"""With a spread (1 - |mean vector|²) below this, distances are about 0.04: all images have nearly the same vector. The
spread of fresh networks is ten times as large."""


@dataclass
class Running:
    """Means over the steps since the last validation: loss, active share, positive and negative distance."""

    sums: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("loss", "active", "positive", "negative"), 0.0)
    )
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, *values: float) -> None:
        """Add the values of one step, except those that are not finite, for which there was nothing to measure."""
        for name, value in zip(self.sums, values, strict=True):
            if math.isfinite(value):
                self.sums[name] += value
                self.counts[name] = self.counts.get(name, 0) + 1

    def means(self) -> dict[str, float | None]:
        """The means by name, None where no step had anything to measure."""
        return {name: total / self.counts[name] if name in self.counts else None for name, total in self.sums.items()}


class Trainer:
    """images: uint8 (n, s, s, c). codes: (n,) int64 classes. fit, held: positions of training and validation images."""

    def __init__(
        self,
        recipe: Recipe,
        images: np.ndarray,
        codes: np.ndarray,
        fit: np.ndarray,
        held: np.ndarray,
        device: torch.device,
    ) -> None:
        self.recipe, self.images, self.codes, self.device = recipe, images, codes, device
        self.fit, self.held = fit, validation.thinned(held)
        self.bf16 = recipe.training.precision == "bf16" or (recipe.training.precision == "auto" and has_bf16(device))
        self.network = _fresh_network(recipe).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        classes, self.targets = np.unique(codes[fit]), np.zeros_like(codes)
        self.targets[fit] = np.searchsorted(classes, codes[fit])
        self.objective = Objective(recipe, len(classes)).to(device)
        learned = torch.nn.ModuleList([self.network, self.objective])
        self.optimiser = adamw(learned, lr=recipe.optimiser.lr, weight_decay=recipe.optimiser.weight_decay)
        self.batches = _batches(recipe, codes[fit])
        self.preprocessing = preprocessing(
            recipe.model.backbone, size=recipe.image.size, channels=recipe.image.channels
        )
        self.factor, self.offset = scaling(self.preprocessing, device)
        self.step = 0
        self.running = Running()
        self.history: list[dict[str, Any]] = []
        self.best, self.best_loss = _copied(self.network), _copied(self.objective.loss)
        self.best_step, self.best_score = 0, -1.0
        self.stale = self.collapsed = 0
        self.seconds = 0.0

    def advance(self) -> None:
        """Take one step."""
        start = time.perf_counter()
        positions = self.fit[self.batches.indices(self.step)]
        set_rate(self.optimiser, rate(self.step, self.recipe.training.steps, self.recipe.optimiser.lr))
        self.network.train()
        vectors = self._forward(positions, train=True)
        result = self.objective(vectors, torch.from_numpy(self.targets[positions]).to(self.device), self.step)
        value = result.loss.item()
        if not math.isfinite(value):
            lr = self.recipe.optimiser.lr
            raise TrainingFailed(f"the loss is {value} at step {self.step}: try a lower optimiser.lr than {lr:g}")
        self.optimiser.zero_grad(set_to_none=True)
        result.loss.backward()
        self.optimiser.step()
        stats = result.stats
        self.running.add(
            value, stats.active_share.item(), stats.positive_distance.item(), stats.negative_distance.item()
        )
        self.step += 1
        self.seconds += time.perf_counter() - start

    def look(self) -> validation.Scores:
        """Score the validation images, and add the step to the history; also before the first step, for comparison.

        Without validation images, some training images still show whether the embedding collapsed.
        """
        start = time.perf_counter()
        if len(self.held):
            scores = validation.score(self.embed(self.held), self.codes[self.held])
        else:
            sample = validation.thinned(self.fit, _SAMPLE)
            scores = validation.Scores(None, None, validation.spread(self.embed(sample)), None, None, None)
        self.history.append({"step": self.step, **self.running.means(), **scores.to_json()})
        self.running = Running()
        self.seconds += time.perf_counter() - start
        return scores

    def validate(self) -> None:
        """Score, and keep the weights if they are the best so far.

        If nothing can be measured, the last weights are kept, and patience is not used.
        """
        scores = self.look()
        if scores.map_at_r is None:
            self._keep(self.best_score)
        else:
            self.stale = 0 if scores.map_at_r > self.best_score else self.stale + 1
            if scores.map_at_r >= self.best_score:
                self._keep(scores.map_at_r)
        self.collapsed = self.collapsed + 1 if scores.spread < COLLAPSED else 0

    def _keep(self, value: float) -> None:
        self.best, self.best_loss = _copied(self.network), _copied(self.objective.loss)
        self.best_step, self.best_score = self.step, value

    def finished(self) -> str | None:
        """Why the training has ended: "steps", "patience" or "collapse"; None while it has not."""
        patience = self.recipe.training.patience
        if self.step >= self.recipe.training.steps:
            return "steps"
        if self.collapsed >= 2:
            return "collapse"
        return "patience" if 0 < patience <= self.stale else None

    def embed(self, positions: np.ndarray) -> np.ndarray:
        """The unit rows (m, dim) of the images at these positions, with the current weights."""
        self.network.eval()
        size = max(1, 800_000 // self.recipe.image.size**2)
        with torch.no_grad():
            parts = [self._forward(positions[i : i + size]) for i in range(0, len(positions), size)]
        rows = [F.normalize(part.float()).cpu().numpy() for part in parts]
        return np.concatenate(rows) if rows else np.zeros((0, self.recipe.model.dim), np.float32)

    def _forward(self, positions: np.ndarray, *, train: bool = False) -> torch.Tensor:
        pixels = torch.from_numpy(self.images[positions]).permute(0, 3, 1, 2).to(self.device).float()
        if train:
            pixels = augment(pixels / 255, self.recipe.image, self.recipe.training.seed, self.step) * 255
        scaled = torch.addcmul(self.offset, pixels, self.factor).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            return self.network(scaled)

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Everything that the rest of the training depends on: tensors by name, and notes."""
        parts = {
            "network": self.network.state_dict(),
            "best": self.best,
            "loss": self.objective.loss.state_dict(),
            "best_loss": self.best_loss,
            "optimiser": checkpoint.optimiser_tensors(self.optimiser),
        }
        tensors = {f"{part}.{name}": tensor for part, named in parts.items() for name, tensor in named.items()}
        notes = {name: getattr(self, name) for name in checkpoint.STATE}
        return tensors, {**notes, "running": asdict(self.running)}

    def restore(self, tensors: dict[str, torch.Tensor], notes: dict[str, Any], path: Path) -> None:
        """Restore a `state`. Raises LookalikeError that names `path` if the tensors belong to another network."""
        encoder_file.load_into(self.network, _below(tensors, "best."), path)
        encoder_file.load_into(self.objective.loss, _below(tensors, "best_loss."), path)
        self.best, self.best_loss = _copied(self.network), _copied(self.objective.loss)
        encoder_file.load_into(self.network, _below(tensors, "network."), path)
        encoder_file.load_into(self.objective.loss, _below(tensors, "loss."), path)
        checkpoint.restore_optimiser(self.optimiser, _below(tensors, "optimiser."), path)
        for name in checkpoint.STATE:
            setattr(self, name, notes[name])
        self.running = Running(**notes["running"])


def _below(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _copied(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def _batches(recipe: Recipe, codes: np.ndarray) -> Batches:
    batch, once = recipe.batch, recipe.loss.name == "prototypical"  # a query must not be part of its support
    return Batches(codes, classes=batch.classes, images=batch.images, seed=recipe.training.seed, repeats=not once)


def _fresh_network(recipe: Recipe) -> torch.nn.Module:
    """A network built with the seed of the recipe; torch's own generator stays as it is."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.training.seed)
        model = recipe.model
        return build(model.backbone, channels=recipe.image.channels, dim=model.dim, pretrained=model.pretrained)
