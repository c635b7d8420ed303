"""The keys of each loss in a recipe's [loss] section, their defaults, and the combinations that are not possible.

This file does not load torch, so that a recipe is checked quickly. A loss has its own keys and refuses those of other
losses; the defaults of its keys are filled in here, so that the resolved recipe states them.
"""

import math
import warnings
from collections.abc import Set
from dataclasses import replace
from typing import Any

from ...store.checks import did_you_mean, quoted
from ...store.errors import LookalikeError, LookalikeWarning

LOSSES = {
    "triplet": ("margin", "distance", "scale"),
    "contrastive": ("margin", "distance"),
    "pairs": (),
    "prototypical": ("shots", "scale"),
    "softmax": ("scale",),
}
"""The keys of each loss, besides its name."""
SETTINGS = ("margin", "distance", "shots", "scale", "options")
"""All keys of [loss] besides the name."""
MINED = ("triplet",)
"""The losses that choose among the triplets of a batch, and therefore have a mining.name."""
PML = "pml:"
"""The prefix of the names of pytorch-metric-learning's losses, which have the key `options`."""
DISTANCES = ("euclidean", "squared-euclidean", "cosine", "manhattan")
MININGS = ("all", "hard", "semi-hard", "distance-weighted", "facenet-mix", "random")
SOFT = "soft"
UNMINED = ("semi-hard", "all")
"""The default mining for a margin that is a number, and for a soft one, which does not limit semi-hard triplets."""
MARGINS = {
    "triplet": {"euclidean": 0.2, "squared-euclidean": 0.2, "cosine": 0.1, "manhattan": 0.2},
    "contrastive": {"euclidean": 1.0, "squared-euclidean": 1.0, "cosine": 0.5, "manhattan": 1.0},
}
"""Default margins for unit rows; those for Manhattan distances are multiples of `chord_length`."""
SCALES = {"triplet": 10.0, "prototypical": 10.0, "softmax": 16.0}
"""Default scales for unit rows. The triplet loss has a scale only with a soft margin, and for Manhattan distances it is
divided by `chord_length`."""
SHOTS = 5
"""Support images per class, or half of the images per class in a batch if that is fewer."""


def loss_name(key: str, value: Any) -> str:
    """The name of one of our losses, or of one of pytorch-metric-learning, which is not looked up yet."""
    if isinstance(value, str) and (value in LOSSES or (value.startswith(PML) and value[len(PML) :].isidentifier())):
        return value
    near = did_you_mean(str(value), LOSSES)
    listed = f"{', '.join(LOSSES)}, or {PML}NAME for a loss of pytorch-metric-learning"
    raise LookalikeError(f"unknown {key} {quoted(value)}{f'{near} The choices are' if near else ': use'} {listed}")


def margin(key: str, value: Any) -> float | str:
    """A number, or "soft"."""
    if value == SOFT:
        return SOFT
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0.001 <= value <= 1000:
        raise LookalikeError(f"{key} is {quoted(value)}: it must be a number from 0.001 to 1000, or {SOFT!r}")
    return float(value)


def options(key: str, value: Any) -> dict[str, Any]:
    """A table of numbers, booleans and texts."""
    if not isinstance(value, dict):
        raise LookalikeError(f"{key} is {quoted(value)}: it must be a table of options, such as {{ alpha = 32 }}")
    for name, each in value.items():
        if not isinstance(each, int | float | str) or (isinstance(each, float) and not math.isfinite(each)):
            raise LookalikeError(f"{key}.{name} is {quoted(each)}: it must be a finite number, true, false or a text")
    return dict(value)


def settled(recipe: Any, given: Set[str], *, mined: bool = False) -> Any:
    """The recipe with the defaults of its loss filled in, and the keys of other losses set to None.

    given: the keys of [loss] that were set. mined: whether a mining was set. Raises LookalikeError for a key, or a
    mining, that the loss does not have.
    """
    loss = recipe.loss
    taken = taken_by(loss.name, loss.margin)
    if mined and loss.name not in MINED:
        raise LookalikeError(
            f"mining.name = {recipe.mining.name!r}: the loss {loss.name} has no mining; only {', '.join(MINED)} has one"
        )
    for key in sorted(given - {"name", *taken}):
        if loss.name == "triplet" and key == "scale":
            raise LookalikeError(
                f"loss.scale = {loss.scale!r}: a scale needs loss.margin = 'soft', and the margin is {loss.margin!r}"
            )
        listed = f"its keys are {', '.join(taken)}" if taken else "it has no settings"
        raise LookalikeError(f"loss.{key} = {getattr(loss, key)!r}: the loss {loss.name} has no {key}; {listed}")
    values: dict[str, Any] = dict.fromkeys(SETTINGS)
    for key in sorted(taken):  # the distance before the margin
        values[key] = getattr(loss, key) if key in given else _default(recipe, key, values)
    mining = recipe.mining.name if mined else UNMINED[loss.margin == SOFT]
    mining = mining if loss.name in MINED else None
    return replace(recipe, loss=replace(loss, **values), mining=replace(recipe.mining, name=mining))


def leave_out_idle(values: dict[str, Any], changes: dict[str, Any], file: str) -> None:
    """Remove from the valid `values` of a recipe file those that have no effect; both arguments are nested by section.

    The settings of a loss in a file, and its mining, belong to that loss: if `changes`, which are not checked yet, set
    another loss, that one starts from its defaults. A key that the file's own loss does not have is removed with a
    warning, so that a template need not be rewritten for each loss. `changes` are kept as they are: a key without an
    effect is a mistake there.
    """
    loss, mining = values.get("loss", {}), values.get("mining", {})
    changed = changes.get("loss")
    changed = changed if isinstance(changed, dict) else {}
    name = loss.get("name", "triplet")
    if changed.get("name", name) != name:
        for key in SETTINGS:
            loss.pop(key, None)
        mining.clear()
        return
    said = changed.get("margin", loss.get("margin"))
    if name in MINED and "margin" in changed:
        if said != SOFT:
            loss.pop("scale", None)
        elif mining.get("name") == "semi-hard":  # not possible with a soft margin
            mining.clear()
    _warn_of_idle(loss, mining, name, said, file)


def _warn_of_idle(loss: dict[str, Any], mining: dict[str, Any], name: str, margin: Any, file: str) -> None:
    taken = taken_by(name, margin)
    idle = [f"loss.{key} = {loss.pop(key)!r}" for key in SETTINGS if key in loss and key not in taken]
    if name not in MINED:
        idle += [f"mining.{key} = {mining.pop(key)!r}" for key in list(mining)]
    if idle:
        loss_said = f"the loss {name}" + (" without a soft margin" if name in MINED else "")
        message = f"{file}: ignored settings that {loss_said} does not have: {', '.join(idle)}"
        warnings.warn(message, LookalikeWarning, stacklevel=4)


def taken_by(name: str, margin: Any) -> tuple[str, ...]:
    """The keys of [loss] that a loss has besides its name; the triplet loss has a scale only with a soft margin."""
    if name.startswith(PML):
        return ("options",)
    unscaled = name == "triplet" and margin != SOFT
    return tuple(key for key in LOSSES[name] if not (unscaled and key == "scale"))


def _default(recipe: Any, key: str, values: dict[str, Any]) -> Any:
    name = recipe.loss.name
    unit = chord_length(recipe.model.dim) if values["distance"] == "manhattan" else 1.0
    if key == "margin":
        return round(MARGINS[name][values["distance"]] * unit, 3)
    if key == "scale":
        return round(SCALES[name] / unit, 3)
    if key == "shots":
        return max(1, min(SHOTS, recipe.batch.images // 2))
    return {"distance": "euclidean"}.get(key)


def chord_length(dim: int) -> float:
    """The average Manhattan distance of unit rows of `dim` coordinates whose Euclidean distance is 1."""
    return math.sqrt(2 * dim / math.pi)


def check_loss(recipe: Any) -> None:
    """Refuse a loss that does not fit its other settings, the mining or the batch."""
    loss, mining, images = recipe.loss, recipe.mining.name, recipe.batch.images
    if loss.margin == SOFT and loss.name != "triplet":
        raise LookalikeError(
            f"loss.margin = 'soft': the margin of {loss.name} must be a number; only the triplet loss has a soft one"
        )
    if loss.margin == SOFT and mining == "semi-hard":
        others = ", ".join(name for name in MININGS if name != mining)
        raise LookalikeError(
            "mining.name = 'semi-hard': semi-hard triplets are limited by the margin, which loss.margin = 'soft' does "
            f"not have; use {others}"
        )
    if isinstance(loss.margin, float) and loss.margin > (most := _farthest(loss.distance, recipe.model.dim)):
        raise LookalikeError(
            f"loss.margin = {loss.margin:g}: it must be at most {most:g}, the largest {loss.distance} distance of unit "
            "vectors"
        )
    if loss.shots is not None and loss.shots >= images:
        raise LookalikeError(
            f"loss.shots = {loss.shots}: it must be below batch.images = {images}, so that every class has an image "
            f"left as a query; use 1 to {images - 1}"
        )


def _farthest(distance: str, dim: int) -> float:
    """The largest distance of two unit rows."""
    return {"euclidean": 2.0, "squared-euclidean": 4.0, "cosine": 2.0}.get(distance, 2 * math.sqrt(dim))
