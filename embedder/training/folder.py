"""The folder of a training: what it may hold before, and what is left in it.

An unfinished training leaves a checkpoint; a finished one encoder.safetensors, encoder.json, recipe.toml (the resolved
recipe, ready for `lookalike train`), training.json: how it went, and on what, and loss.safetensors where the loss has
parameters. Two trainings are the same if recipe and data are, however the path to the data was spelled.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...store.disk.publish import plain_errors
from ...store.disk.replace import replace_file
from ...store.errors import LookalikeError
from ...store.files.manifest import versions
from ..encoders import files as encoder_file
from ..encoders import sealed
from ..encoders.encoder import Encoder, save_encoder
from ..recipe.losses import SOFT
from ..recipe.recipe import Recipe
from . import checkpoint, objective
from .training_set import TrainingSet

REPORT, RECIPE = "training.json", "recipe.toml"
_OWN = (REPORT, RECIPE, checkpoint.NAME, encoder_file.WEIGHTS, encoder_file.CARD, objective.WEIGHTS)


@dataclass(frozen=True)
class TrainCard:
    """What came of a training. seconds: of steps and validations, over all resumed parts; ended: "steps", "patience" or
    "collapse"; scores: of the saved encoder on the validation images; history: an entry before the first step and one a
    validation: step, the scores then, and the means of the steps since the entry before (loss, active: the share of
    triplets, pairs or images that it works at, positive, negative: distances in batches), None where there is nothing.
    validation_images: how many images, kept out of training, these are scores of. reasons: how many images were
    rejected, by reason; notes: sentences on what else was left out.
    """

    model: str
    digest: str
    dim: int
    precision: str
    training_classes: list[str]
    scores: dict[str, Any]
    steps: int
    best_step: int
    ended: str
    seconds: float
    images: int
    unlabelled: int
    rejected: int
    threads: int
    training_precision: str
    history: list[dict[str, Any]]
    validation_images: int | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The folder of the model."""
        return Path(self.model)

    def to_json(self) -> dict[str, Any]:
        """Give plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Finished:
    """A training that is over. source: what `Source.describe` gave, None for arrays; data: `data_digest`."""

    card: TrainCard
    source: dict[str, Any] | None
    data: str


def identity(recipe: Recipe) -> dict[str, Any]:
    """Give what must be equal for a recipe to be the same: all but where the data lies, which is compared itself."""
    return recipe.with_source(None).to_dict()


def saved_identity(values: dict[str, Any]) -> dict[str, Any]:
    """Give the same of a recipe that a training left, resolved; before soft margins had a scale, it was 1."""
    loss = values.get("loss", {})
    if loss.get("margin") == SOFT and "scale" not in loss:
        values = {**values, "loss": {**loss, "scale": 1.0}}
    return identity(Recipe.from_dict(values))


def check_same(what: str, saved: Any, now: Any, out: Path) -> None:
    """Refuse to go on with another training, naming a key of the recipe that differs."""
    if saved == now:
        return
    differs = ""
    if isinstance(saved, dict) and isinstance(now, dict):
        keys = [(s, k) for s, table in now.items() for k, value in table.items() if saved.get(s, {}).get(k) != value]
        values = [f"{s}.{k} was {saved.get(s, {}).get(k)!r:.60} and is {now[s][k]!r:.60}" for s, k in keys[:3]]
        differs = f" ({', '.join(values)})" if values else ""
    raise LookalikeError(
        f"{out} was trained with another {what}{differs}: give the same one to go on, or another folder with --out"
    )


def finished_before(out: Path, recipe: Recipe, resume: bool) -> Finished | None:
    """Refuse to write over or among anything, before any work; give the training in `out` if it is over already."""
    check_outside_collections(out)
    if (out / encoder_file.CARD).exists():
        if not resume:
            raise LookalikeError(f"{out}: holds an encoder already; give another folder with --out")
        return _read(out, recipe)
    if checkpoint.exists(out) and not resume:
        raise LookalikeError(
            f"{out}: holds an unfinished training: go on with --resume, or give another folder with --out"
        )
    if not checkpoint.exists(out):
        _check_free(out)
    return None


def check_outside_collections(folder: Path) -> None:
    """Refuse a folder that is a collection, or lies in one: its `gc` deletes what it does not know."""
    real = Path(os.path.realpath(folder))
    for each in (real, *real.parents):
        if versions(each):
            where = "is" if each == real else f"lies in {each},"
            raise LookalikeError(
                f"{folder}: {where} a collection, where gc deletes what is not the collection's; give a folder "
                "outside of it"
            )


def _check_free(out: Path) -> None:
    """Refuse a folder with files of others; hidden ones, such as a desktop's own, are no obstacle."""
    with plain_errors(f"list {out}"):
        names = sorted(os.listdir(out)) if out.is_dir() else []
    others = [name for name in names if name not in _OWN and not name.startswith(".")]
    if others:
        raise LookalikeError(f"{out}: holds {others[0]!r}; a model needs an empty or new folder")


@contextlib.contextmanager
def made(out: Path) -> Iterator[None]:
    """Make the folder `out`; where what follows fails, remove again what was made and is still empty."""
    with plain_errors(f"make the folder {out}"):
        new = [folder for folder in (out, *out.parents) if not folder.exists()]
        out.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for folder in new:
                folder.rmdir()
        raise


def _read(out: Path, recipe: Recipe) -> Finished:
    path = out / REPORT
    try:
        report = json.loads(encoder_file.read_file(path))
        finished = Finished(TrainCard(**report["card"]), report["source"], report["data"])
        saved = saved_identity(report["recipe"])
    except (ValueError, KeyError, TypeError) as error:
        raise LookalikeError(f"{path}: damaged ({error}); the encoder beside it works without it") from None
    check_same("recipe", saved, identity(recipe), out)
    checkpoint.remove(out)  # a crash may have come between the encoder and this
    return finished


def save(out: Path, encoder: Encoder, recipe: Recipe, finished: Finished, loss: dict[str, torch.Tensor]) -> None:
    """Write what is left of a training, the encoder last, and remove the checkpoint.

    loss: the parameters of the loss by name, of any shape; empty where it has none.
    """
    report = {
        "recipe": recipe.to_dict(),
        "source": finished.source,
        "data": finished.data,
        "card": finished.card.to_json(),
    }
    replace_file(out / REPORT, (json.dumps(report, indent=1) + "\n").encode())
    replace_file(out / RECIPE, recipe.with_source(None).to_toml().encode())
    if loss:
        replace_file(out / objective.WEIGHTS, sealed.to_bytes(loss))
    save_encoder(out, encoder)
    checkpoint.remove(out)


def data_digest(data: TrainingSet) -> str:
    """Name the pixels and labels: a training resumed on others would be no training at all."""
    digest = hashlib.sha256(json.dumps([list(data.images.shape), data.labels]).encode())
    for first in range(0, len(data.images), 4096):
        digest.update(np.ascontiguousarray(data.images[first : first + 4096]).data)
    return digest.hexdigest()
