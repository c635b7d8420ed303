"""What each loss can be told in a recipe's [loss], what it does when told nothing, and what it cannot do.

Light on purpose: a recipe is checked against this without loading torch. A loss takes its own keys and refuses the
others; what it takes and is not told is settled here, so that the resolved recipe says it.
"""

import difflib
import math
import warnings
from collections.abc import Set
from dataclasses import replace
from typing import Any

from ...store.errors import LookalikeError, LookalikeWarning

LOSSES = {
    "triplet": ("margin", "distance", "scale"),
    "contrastive": ("margin", "distance"),
    "pairs": (),
    "prototypical": ("shots", "scale"),
    "softmax": ("scale",),
}
"""The keys each loss takes, besides its name."""
SETTINGS = ("margin", "distance", "shots", "scale", "options")
"""All keys of [loss] besides the name."""
MINED = ("triplet",)
"""The losses that choose among the triplets of a batch, and so take mining.name."""
PML = "pml:"
"""What the name of a loss of pytorch-metric-learning begins with; these take `options`."""
DISTANCES = ("euclidean", "squared-euclidean", "cosine", "manhattan")
MININGS = ("all", "hard", "semi-hard", "distance-weighted", "facenet-mix", "random")
SOFT = "soft"
UNMINED = ("semi-hard", "all")
"""The mining where none is said: with a number for a margin; with a soft one, where semi-hard triplets cannot end."""
MARGINS = {
    "triplet": {"euclidean": 0.2, "squared-euclidean": 0.2, "cosine": 0.1, "manhattan": 0.2},
    "contrastive": {"euclidean": 1.0, "squared-euclidean": 1.0, "cosine": 0.5, "manhattan": 1.0},
}
"""Margins for unit rows; the Manhattan ones are in `chord_length`."""
SCALES = {"triplet": 10.0, "prototypical": 10.0, "softmax": 16.0}
"""For unit rows; the triplet loss has one with a soft margin alone, and with Manhattan distances by `chord_length`."""
SHOTS = 5
"""Images of support, or half of a class's images in a batch where that is less."""


def loss_name(key: str, value: Any) -> str:
    """Give the name of one of our losses, or of one of pytorch-metric-learning, which is not looked for yet."""
    if isinstance(value, str) and (value in LOSSES or (value.startswith(PML) and value[len(PML) :].isidentifier())):
        return value
    close = difflib.get_close_matches(str(value), LOSSES, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    listed = f"{', '.join(LOSSES)}, and {PML}NAME for a loss of pytorch-metric-learning"
    raise LookalikeError(f"{key} = {value!r}: the choices are {listed}{hint}")


def margin(key: str, value: Any) -> float | str:
    """Give a number, or "soft"."""
    if value == SOFT:
        return SOFT
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0.001 <= value <= 1000:
        raise LookalikeError(f"{key} = {value!r}: it is a number from 0.001 to 1000, or {SOFT}")
    return float(value)


def options(key: str, value: Any) -> dict[str, Any]:
    """Give a table of numbers, booleans and texts."""
    if not isinstance(value, dict):
        raise LookalikeError(f"{key} = {value!r}: it is a table of options, such as {{ alpha = 32 }}")
    for name, each in value.items():
        if not isinstance(each, (int, float, str)) or (isinstance(each, float) and not math.isfinite(each)):
            raise LookalikeError(f"{key}.{name} = {each!r}: an option is a number, true, false or a text")
    return dict(value)


def settled(recipe: Any, given: Set[str], *, mined: bool = False) -> Any:
    """Give the recipe with its loss's keys said, and those of other losses None; `given` are those it was told.

    mined: whether it was told a mining. LookalikeError for a key, or a mining, that the loss does not take.
    """
    loss = recipe.loss
    taken = taken_by(loss.name, loss.margin)
    if mined and loss.name not in MINED:
        raise LookalikeError(
            f"mining.name = {recipe.mining.name!r}: the loss {loss.name} takes no mining; it goes with "
            f"{', '.join(MINED)} alone"
        )
    for key in sorted(given - {"name", *taken}):
        if loss.name == "triplet" and key == "scale":
            raise LookalikeError(f"loss.scale = {loss.scale!r}: it goes with loss.margin = 'soft', not {loss.margin!r}")
        listed = f"its keys are {', '.join(taken)}" if taken else "it has no settings"
        raise LookalikeError(f"loss.{key} = {getattr(loss, key)!r}: the loss {loss.name} takes no {key}; {listed}")
    values: dict[str, Any] = dict.fromkeys(SETTINGS)
    for key in sorted(taken):  # the distance before the margin
        values[key] = getattr(loss, key) if key in given else _default(recipe, key, values)
    mining = recipe.mining.name if mined else UNMINED[loss.margin == SOFT]
    mining = mining if loss.name in MINED else None
    return replace(recipe, loss=replace(loss, **values), mining=replace(recipe.mining, name=mining))


def leave_out_idle(values: dict[str, Any], changes: dict[str, Any], file: str) -> None:
    """Take out of a recipe file's `values`, known and possible ones, what has no use; both are nested by section.

    A file's settings of a loss go with that loss, its mining too: where `changes`, which may be anything yet, set
    another one, that one begins from its defaults. A key that the file's own loss has no use for is left out with a
    warning, so that a template need not be rewritten for each loss. `changes` are not touched: there a key without a
    use is a mistake.
    """
    loss, mining = values.get("loss", {}), values.get("mining", {})
    changed = changes.get("loss")
    changed = changed if isinstance(changed, dict) else {}
    own = loss.get("name", "triplet")
    if changed.get("name", own) != own:
        for key in SETTINGS:
            loss.pop(key, None)
        mining.clear()
        return
    said = changed.get("margin", loss.get("margin"))
    if own in MINED and "margin" in changed:
        if said != SOFT:
            loss.pop("scale", None)
        elif mining.get("name") == "semi-hard":  # which a soft margin cannot end
            mining.clear()
    _warn_of_idle(loss, mining, own, said, file)


def _warn_of_idle(loss: dict[str, Any], mining: dict[str, Any], name: str, margin: Any, file: str) -> None:
    taken = taken_by(name, margin)
    idle = [f"loss.{key} = {loss.pop(key)!r}" for key in SETTINGS if key in loss and key not in taken]
    if name not in MINED:
        idle += [f"mining.{key} = {mining.pop(key)!r}" for key in list(mining)]
    if idle:
        loss_said = f"the loss {name}" + (" without a soft margin" if name in MINED else "")
        message = f"{file}: left out, since {loss_said} has no use for it: {', '.join(idle)}"
        warnings.warn(message, LookalikeWarning, stacklevel=4)


def taken_by(name: str, margin: Any) -> tuple[str, ...]:
    """The keys of [loss] that a loss takes besides its name; a scale goes with a soft margin only."""
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
    """The Manhattan distance that unit rows of `dim` coordinates have on average at a Euclidean distance of 1."""
    return math.sqrt(2 * dim / math.pi)


def check_loss(recipe: Any) -> None:
    """Refuse what a loss cannot do with its other settings, with the mining or with the batch."""
    loss, mining, images = recipe.loss, recipe.mining.name, recipe.batch.images
    if loss.margin == SOFT and loss.name != "triplet":
        raise LookalikeError(f"loss.margin = 'soft': {loss.name} takes a number; the triplet loss takes soft")
    if loss.margin == SOFT and mining == "semi-hard":
        others = ", ".join(name for name in MININGS if name != mining)
        raise LookalikeError(
            f"mining.name = 'semi-hard': it ends at the margin, and loss.margin = 'soft' has none; {others} would work"
        )
    if isinstance(loss.margin, float) and loss.margin > (most := _farthest(loss.distance, recipe.model.dim)):
        raise LookalikeError(
            f"loss.margin = {loss.margin:g}: unit vectors are at most {most:g} apart in {loss.distance} distance"
        )
    if loss.shots is not None and loss.shots >= images:
        raise LookalikeError(
            f"loss.shots = {loss.shots}: of batch.images = {images} a class none would be left to ask with; "
            f"1 to {images - 1} would work"
        )


def _farthest(distance: str, dim: int) -> float:
    """The distance between opposite unit rows, or with Manhattan distances the largest there is."""
    return {"euclidean": 2.0, "squared-euclidean": 4.0, "cosine": 2.0}.get(distance, 2 * math.sqrt(dim))
