"""One training in progress: its network, optimiser, best weights and place; a step, a validation, its whole state.

What a step computes depends on the state and the step's number alone (batches and augmentations are seeded by it), so
that a training restored from its state goes on bit for bit, on one machine with as many threads.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from ..store.errors import LookalikeError
from . import checkpoint, encoder_file, validation
from .augment import augment
from .backbones import build, preprocessing
from .batches import Batches
from .encoder import scaling
from .hardware import has_bf16
from .losses.triplet import triplet
from .optimiser import adamw, rate, set_rate
from .recipe import Recipe

COLLAPSED = 1e-3
"""A spread (1 - |mean vector|²) below this, distances of some 0.04: all images have nearly the same vector. Fresh
networks have ten times as much."""


@dataclass
class Running:
    """Sums over the steps since the last validation: loss, active share, positive and negative distance."""

    steps: int = 0
    sums: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)

    def add(self, *values: float) -> None:
        """Add one step's values."""
        self.steps += 1
        self.sums = tuple(a + (b if math.isfinite(b) else 0.0) for a, b in zip(self.sums, values, strict=True))

    def means(self) -> dict[str, float]:
        """Give the means by name."""
        names = ("loss", "active", "positive", "negative")
        return {name: total / max(1, self.steps) for name, total in zip(names, self.sums, strict=True)}


class Trainer:
    """See the top. images: uint8 (n, s, s, c); codes: (n,) int64 classes; fit, held: where to learn from, to score."""

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
        self.optimiser = adamw(self.network, lr=recipe.optimiser.lr, weight_decay=recipe.optimiser.weight_decay)
        self.batches = _batches(recipe, codes[fit])
        self.preprocessing = preprocessing(
            recipe.model.backbone, size=recipe.image.size, channels=recipe.image.channels
        )
        self.factor, self.offset = scaling(self.preprocessing, device)
        self.step = 0
        self.running = Running()
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, torch.Tensor] = self._weights()
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
        labels = torch.from_numpy(self.codes[positions]).to(self.device)
        loss = self.recipe.loss
        result = triplet(vectors, labels, margin=loss.margin, mining=self.recipe.mining.name, distance=loss.distance)
        value = result.loss.item()
        if not math.isfinite(value):
            lr = self.recipe.optimiser.lr
            raise LookalikeError(f"the loss is {value} at step {self.step}: a lower optimiser.lr than {lr:g} may help")
        self.optimiser.zero_grad(set_to_none=True)
        result.loss.backward()
        self.optimiser.step()
        stats = result.stats
        self.running.add(
            value, stats.active_share.item(), stats.positive_distance.item(), stats.negative_distance.item()
        )
        self.step += 1
        self.seconds += time.perf_counter() - start

    def validate(self) -> None:
        """Score the held images, keep the weights if none were better, and note the step in the history.

        Where nothing can be measured the last weights are kept, and patience does not count.
        """
        start = time.perf_counter()
        scores = validation.score(self.embed(self.held), self.codes[self.held])
        if scores.map_at_r is None:
            self._keep(self.best_score)
        else:
            self.stale = 0 if scores.map_at_r > self.best_score else self.stale + 1
            if scores.map_at_r >= self.best_score:
                self._keep(scores.map_at_r)
        if len(self.held):
            self.collapsed = self.collapsed + 1 if scores.spread < COLLAPSED else 0
        self.history.append({"step": self.step, **self.running.means(), **scores.to_json()})
        self.running = Running()
        self.seconds += time.perf_counter() - start

    def _keep(self, value: float) -> None:
        self.best, self.best_step, self.best_score = self._weights(), self.step, value

    def finished(self) -> str | None:
        """Say why the training is over: "steps", "patience" or "collapse"; None while it is not."""
        patience = self.recipe.training.patience
        if self.step >= self.recipe.training.steps:
            return "steps"
        if self.collapsed >= 2:
            return "collapse"
        return "patience" if 0 < patience <= self.stale else None

    def embed(self, positions: np.ndarray) -> np.ndarray:
        """Give unit rows (m, dim) of the images at these positions, by the weights of now."""
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

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Give everything that the rest of the training depends on: tensors by name, and notes."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        tensors |= {f"optimiser.{k}": t for k, t in checkpoint.optimiser_tensors(self.optimiser).items()}
        return tensors, {name: getattr(self, name) for name in checkpoint.STATE}

    def restore(self, tensors: dict[str, torch.Tensor], notes: dict[str, Any], path: Path) -> None:
        """Go back to what `state` gave; LookalikeError naming `path` where the tensors are another network's."""
        encoder_file.load_into(self.network, _below(tensors, "best."), path)
        self.best = self._weights()
        encoder_file.load_into(self.network, _below(tensors, "network."), path)
        checkpoint.restore_optimiser(self.optimiser, _below(tensors, "optimiser."), path)
        for name in checkpoint.STATE:
            setattr(self, name, notes[name])


def _below(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _batches(recipe: Recipe, codes: np.ndarray) -> Batches:
    return Batches(codes, classes=recipe.batch.classes, images=recipe.batch.images, seed=recipe.training.seed)


def _fresh_network(recipe: Recipe) -> torch.nn.Module:
    """Build by the recipe's seed, leaving torch's own generator as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.training.seed)
        model = recipe.model
        return build(model.backbone, channels=recipe.image.channels, dim=model.dim, pretrained=model.pretrained)
