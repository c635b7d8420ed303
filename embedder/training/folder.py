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
    """The result of a training.

    seconds: of steps and validations, over all resumed parts. ended: "steps", "patience" or "collapse". scores: of the
    saved encoder on the validation images. history: an entry before the first step and one per validation, with the
    step, the scores, and the means of the steps since the previous entry (loss; active, the share of triplets, pairs
    or images that still contribute; positive and negative, distances in batches), None where there are none.
    validation_images: the number of images, not used for training, that were scored. reasons: how many images were
    rejected, by reason. notes: sentences on other things that were left out.
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
    """A finished training. source: from `Source.describe`, None for arrays. data: the `data_digest`."""

    card: TrainCard
    source: dict[str, Any] | None
    data: str


def identity(recipe: Recipe) -> dict[str, Any]:
    """What makes two recipes the same: everything except the location of the data, which is compared separately."""
    return recipe.with_source(None).to_dict()


def saved_identity(values: dict[str, Any]) -> dict[str, Any]:
    """The identity of the resolved recipe of a training; before soft margins had a scale, it was 1."""
    loss = values.get("loss", {})
    if loss.get("margin") == SOFT and "scale" not in loss:
        values = {**values, "loss": {**loss, "scale": 1.0}}
    return identity(Recipe.from_dict(values))


def check_same(what: str, saved: Any, now: Any, out: Path) -> None:
    """Refuse to resume another training, and name the keys of the recipe that differ."""
    if saved == now:
        return
    differs = ""
    if isinstance(saved, dict) and isinstance(now, dict):
        keys = [(s, k) for s, table in now.items() for k, value in table.items() if saved.get(s, {}).get(k) != value]
        values = [f"{s}.{k} was {saved.get(s, {}).get(k)!r:.60} and is {now[s][k]!r:.60}" for s, k in keys[:3]]
        differs = f" ({', '.join(values)})" if values else ""
    raise LookalikeError(
        f"{out} was trained with another {what}{differs}: use the same one to resume, or another folder with --out"
    )


def finished_before(out: Path, recipe: Recipe, resume: bool) -> Finished | None:
    """Refuse to write over or next to other files, before any work. Returns the training in `out` if it is finished."""
    check_outside_collections(out)
    if (out / encoder_file.CARD).exists():
        if not resume:
            raise LookalikeError(f"{out} already holds an encoder: give another folder with --out")
        return _read(out, recipe)
    if checkpoint.exists(out) and not resume:
        raise LookalikeError(
            f"{out} holds an unfinished training: continue it with --resume, or give another folder with --out"
        )
    if not checkpoint.exists(out):
        _check_free(out)
    return None


def check_outside_collections(folder: Path) -> None:
    """Refuse a folder that is a collection, or in one: its `gc` deletes files that it does not know."""
    real = Path(os.path.realpath(folder))
    for each in (real, *real.parents):
        if versions(each):
            where = "is a collection" if each == real else f"is inside {each}, a collection"
            raise LookalikeError(
                f"{folder} {where}, where gc deletes files that do not belong to it: give a folder outside of it"
            )


def _check_free(out: Path) -> None:
    """Refuse a folder with other files; hidden ones, such as those of a desktop, are ignored."""
    with plain_errors(f"list {out}"):
        names = sorted(os.listdir(out)) if out.is_dir() else []
    others = [name for name in names if name not in _OWN and not name.startswith(".")]
    if others:
        raise LookalikeError(f"{out} already holds {others[0]!r}: a model needs a new or empty folder")


@contextlib.contextmanager
def made(out: Path) -> Iterator[None]:
    """Create the folder `out`; if the block fails, remove the folders that were created and are still empty."""
    with plain_errors(f"create the folder {out}"):
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
        raise LookalikeError(
            f"{path} is damaged ({error}): the encoder in its folder can be used without it, but not resumed"
        ) from None
    check_same("recipe", saved, identity(recipe), out)
    checkpoint.remove(out)  # a crash may have come between the encoder and this
    return finished


def save(out: Path, encoder: Encoder, recipe: Recipe, finished: Finished, loss: dict[str, torch.Tensor]) -> None:
    """Write the files of a finished training, the encoder last, and remove the checkpoint.

    loss: the parameters of the loss by name, of any shape; empty if it has none.
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
    """The digest of the pixels and labels: a training cannot be resumed on others."""
    digest = hashlib.sha256(json.dumps([list(data.images.shape), data.labels]).encode())
    for first in range(0, len(data.images), 4096):
        digest.update(np.ascontiguousarray(data.images[first : first + 4096]).data)
    return digest.hexdigest()
