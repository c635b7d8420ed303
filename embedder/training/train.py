"""Training by a recipe: from a labelled source, or arrays, to the folder of an encoder.

The folder gets encoder.safetensors, encoder.json, the resolved recipe, training.json (a report), and loss.safetensors
if the loss has parameters. Until then it holds a checkpoint, from which `resume` continues, with the same weights as
without an interruption. The history, with an entry before the first step and one per validation, is also in
encoder.json, so that collections have it.
"""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...store.errors import LookalikeError, LookalikeWarning, TrainingFailed
from ...store.progress import Progress, silent
from ..backbones import check_weights, preprocessing
from ..encoders import precision
from ..encoders.encoder import Encoder, encoder_card, make_encoder
from ..encoders.hardware import deterministic, torch_device
from ..encoders.same_or_different import choose_threshold
from ..encoders.training_images import NO_MARKS
from ..recipe.recipe import Recipe
from ..sources import SourceOptions, open_source
from ..sources.options import patterns
from . import checkpoint, validation
from . import folder as training_folder
from .folder import Finished, TrainCard
from .objective import check_available
from .trainer import COLLAPSED, Trainer
from .training_set import TrainingSet, read_training_set
from .untrained import NAME, untrained_scores

SAMPLE = 256
"""The number of validation images on which fp32 and bf16 are compared."""
CHECKPOINT_SECONDS = 60.0
"""The most that an interrupted training loses: a checkpoint older than this is replaced, also between validations."""
_SOURCE = "source, or its images have changed"


@dataclass(frozen=True)
class _Order:
    """The arguments of a training. source: from `Source.describe`, None for arrays."""

    recipe: Recipe
    out: Path
    resume: bool
    progress: Progress
    device: str
    source: dict[str, Any] | None


def train(
    recipe: Recipe,
    out: str | Path,
    *,
    data: str | None = None,
    resume: bool = False,
    progress: Progress = silent,
    device: str = "auto",
    exclude: str | Sequence[str] = (),
    labels: bool = True,
    follow_links: bool = False,
    image_column: str | None = None,
    label_column: str | None = None,
) -> TrainCard:
    """Train by a recipe on its source, or on `data`, and save the encoder in the folder `out`.

    exclude to label_column: how the source is read, see `sources.SourceOptions`. Raises LookalikeError if `out` holds
    an encoder, another training or other files, or is in a collection; if there is no source, or too few classes; if
    the loss is not finite; and if all images get the same vector.
    """
    recipe = recipe.with_source(data) if data is not None else recipe
    if recipe.data.source is None:
        raise LookalikeError("data.source is missing: give a source with --data, for example --data photos/")
    options = SourceOptions(patterns(exclude), labels, follow_links, image_column, label_column)
    source = open_source(recipe.data.source, options)
    order = _Order(recipe, Path(out), resume, progress, device, source.describe())
    finished = _checked(order)
    if finished is not None and finished.source == order.source:
        return finished.card
    expected = preprocessing(recipe.model.backbone, size=recipe.image.size, channels=recipe.image.channels)
    with training_folder.made(order.out):
        return _train(read_training_set(source, expected, order.out, progress), order, finished)


def train_arrays(
    images: np.ndarray,
    labels: list[str],
    recipe: Recipe,
    out: str | Path,
    *,
    resume: bool = False,
    progress: Progress = silent,
    device: str = "auto",
    marks: np.ndarray | None = None,
) -> TrainCard:
    """Train on uint8 images (n, size, size, channels) with n labels; the other parameters are those of `train`.

    marks: (n,) int64, the marks of the images (see `training_images`), so that the encoder recognises the images that
    it was trained on. Raises LookalikeError for images of another shape or type, or another number of labels.
    """
    expected = (recipe.image.size, recipe.image.size, recipe.image.channels)
    if images.dtype != np.uint8 or images.shape[1:] != expected or len(images) != len(labels):
        found = f"{images.dtype} {images.shape} with {len(labels)} labels"
        raise LookalikeError(f"images are {found}: the recipe needs uint8 (n, *{expected}) and n labels")
    order = _Order(recipe, Path(out), resume, progress, device, None)
    finished = _checked(order)
    with training_folder.made(order.out):
        return _train(TrainingSet(images, list(labels), marks=NO_MARKS if marks is None else marks), order, finished)


def _checked(order: _Order) -> Finished | None:
    """Refuse an impossible training before its folder is created. Returns the training if it is already finished."""
    torch_device(order.device)
    check_available(order.recipe)
    if order.recipe.model.pretrained:
        check_weights(order.recipe.model.backbone)
    return training_folder.finished_before(order.out, order.recipe, order.resume)


def _train(data: TrainingSet, order: _Order, finished: Finished | None) -> TrainCard:
    recipe, out = order.recipe, order.out
    digest = training_folder.data_digest(data)
    if finished is not None:
        training_folder.check_same(_SOURCE, finished.data, digest, out)
        return finished.card
    labels = np.array(data.labels, dtype=object)
    names, codes = np.unique(labels, return_inverse=True)
    fit, held = validation.split(labels, recipe.data.validation_classes, recipe.training.seed)
    notes: dict[str, Any] = {
        "recipe": training_folder.identity(recipe),
        "data": digest,
        "threads": torch.get_num_threads(),
    }
    saved = checkpoint.read(out) if order.resume and checkpoint.exists(out) else None
    if saved is not None:
        training_folder.check_same("recipe", training_folder.saved_identity(saved[1]["recipe"]), notes["recipe"], out)
        training_folder.check_same(_SOURCE, saved[1]["data"], notes["data"], out)
        notes["threads"] = saved[1]["threads"]
    with deterministic(notes["threads"]):
        trainer = Trainer(recipe, data.images, codes.astype(np.int64), fit, held, torch_device(order.device))
        if saved is not None:
            trainer.restore(*saved, out / checkpoint.NAME)
        _run(trainer, out, notes, order.progress)
        if recipe.model.pretrained:
            order.progress(trainer.step, recipe.training.steps, "scoring the pretrained network")
        encoder = _best_encoder(
            trainer,
            [str(names[c]) for c in np.unique(codes[fit])],
            _marks_of(data, fit, recipe.training.steps),
            order.device,
            untrained_scores(trainer, data.marks, order.source, order.device),
        )
    _warn_of_vain(encoder.card["scores"], recipe)
    card = _card(encoder, trainer, data, notes["threads"], out)
    training_folder.save(out, encoder, recipe, Finished(card, order.source, digest), trainer.best_loss)
    return card


def _run(trainer: Trainer, out: Path, notes: dict[str, Any], progress: Progress) -> None:
    """Score, then step and validate until the end, with a checkpoint after each validation and every minute."""
    settings = trainer.recipe.training
    if trainer.step == 0 and settings.steps:
        trainer.look()
    written = time.monotonic()
    while trainer.finished() is None:
        trainer.advance()
        progress(trainer.step, settings.steps, _note(trainer))
        if trainer.step % settings.validate_every == 0 or trainer.step == settings.steps:
            trainer.validate()
        elif time.monotonic() - written < CHECKPOINT_SECONDS:
            continue
        tensors, state = trainer.state()
        checkpoint.write(out, tensors, {**notes, **state})
        written = time.monotonic()
    if settings.steps == 0:
        trainer.validate()
    _judge(trainer)


def _note(trainer: Trainer) -> str:
    now = {**trainer.running.means(), "recall@1": trainer.history[-1]["recall_at_1"] if trainer.history else None}
    shown = {"loss": ".4f", "active": ".1%", "positive": ".3f", "negative": ".3f", "recall@1": ".3f"}
    return " · ".join(f"{name} {now[name]:{form}}" for name, form in shown.items() if now[name] is not None)


def _judge(trainer: Trainer) -> None:
    """Refuse an embedding that collapsed, and warn about one that is not better than chance."""
    if trainer.recipe.training.steps == 0:
        return
    best = next(entry for entry in trainer.history if entry["step"] == trainer.best_step)
    easier = ", or mining.name = semi-hard," if trainer.recipe.mining.name not in (None, "semi-hard") else ""
    advice = f"a lower optimiser.lr than {trainer.recipe.optimiser.lr:g}{easier} may help"
    if best["spread"] < COLLAPSED:
        raise TrainingFailed(f"the embedding collapsed: all images have nearly the same vector; {advice}")
    shares = np.bincount(trainer.codes[trainer.held]) / max(1, len(trainer.held))
    chance = float(np.square(shares).sum())
    if trainer.finished() == "collapse":
        warnings.warn(
            f"the embedding collapsed, so the weights of step {trainer.best_step} are kept; {advice}", LookalikeWarning
        )
    elif best["recall_at_1"] is not None and best["recall_at_1"] < min(1.0, 1.5 * chance) and chance < 0.6:
        warnings.warn(
            f"recall@1 is {best['recall_at_1']:.3f}, barely above chance ({chance:.3f}); {advice}", LookalikeWarning
        )


def _warn_of_vain(scores: dict[str, Any], recipe: Recipe) -> None:
    """Warn if the pretrained network scores better without training."""
    before, after = (scores.get(NAME) or {}).get("recall_at_1"), scores.get("recall_at_1")
    if recipe.training.steps and before is not None and after is not None and after < before:
        warnings.warn(
            f"this model is worse than the pretrained network without training: on the same images its recall@1 is "
            f"{after:.3f}, and that of the pretrained network is {before:.3f}; use --model pretrained, or train longer",
            LookalikeWarning,
        )


def _marks_of(data: TrainingSet, fit: np.ndarray, steps: int) -> np.ndarray:
    """The marks of the training images, without those kept for validation; none if no step was taken."""
    return np.unique(data.marks[fit]) if len(data.marks) and steps else NO_MARKS


def _best_encoder(
    trainer: Trainer, classes: list[str], marks: np.ndarray, device: str, untrained: dict[str, Any] | None
) -> Encoder:
    """The encoder of the best weights, with its precision chosen and its scores on the validation images.

    untrained: the scores of the pretrained network that it started from, see `untrained`; None for a fresh network.
    """
    trainer.network.load_state_dict(trainer.best)
    recipe = trainer.recipe
    network = trainer.network.to("cpu")
    card = encoder_card(recipe, trainer.preprocessing, "fp32", classes, history=trainer.history)
    encoder = make_encoder(network, card, device=device)
    sample = trainer.images[trainer.held if len(trainer.held) else validation.thinned(trainer.fit, SAMPLE)]
    wanted = recipe.training.precision
    chosen = precision.choose(encoder, sample[:: -(-len(sample) // SAMPLE)]) if wanted == "auto" else wanted
    vectors = encoder.with_precision(chosen).encode(trainer.images[trainer.held])
    scores = _scores(trainer, vectors) if len(trainer.held) else {}
    scores |= {} if untrained is None else {NAME: untrained}
    return make_encoder(network, {**card, "precision": chosen, "scores": scores}, device=device, marks=marks)


def _scores(trainer: Trainer, vectors: np.ndarray) -> dict[str, Any]:
    """The saved encoder's scores on the validation images, with a threshold for "same" if any step was taken."""
    codes, recipe = trainer.codes[trainer.held], trainer.recipe
    scores: dict[str, Any] = validation.score(vectors, codes).to_json()
    if recipe.training.steps:
        trained = bool(np.isin(codes, trainer.codes[trainer.fit]).any())
        chosen = choose_threshold(vectors, codes, trained=trained, seed=recipe.training.seed)
        scores["same_or_different"] = chosen and chosen.to_json()
    return scores


def _card(encoder: Encoder, trainer: Trainer, data: TrainingSet, threads: int, out: Path) -> TrainCard:
    return TrainCard(
        model=str(out), digest=encoder.digest, dim=encoder.dim, precision=encoder.card["precision"],
        training_classes=encoder.training_classes, scores=encoder.card["scores"], steps=trainer.step,
        best_step=trainer.best_step, ended=trainer.finished() or "steps", seconds=round(trainer.seconds, 3),
        images=len(data.labels), unlabelled=data.unlabelled, rejected=data.rejected, threads=threads,
        training_precision="bf16" if trainer.bf16 else "fp32", history=trainer.history,
        validation_images=len(trainer.held), reasons=data.reasons, notes=data.notes,
    )  # fmt: skip
