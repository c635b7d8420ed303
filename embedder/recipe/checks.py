"""What a recipe's values may be: one check a key, and what must fit together."""

import difflib
from collections.abc import Mapping
from typing import Any

from ...store.errors import LookalikeError
from ..backbones import SMALLEST
from .losses import check_loss


def choice(choices: list[Any] | None, what: str = "") -> dict[str, Any]:
    """Metadata of a key that takes one of `choices`, or any text where None."""
    return {"choices": choices, "what": what}


def number(kind: type, low: float, high: float) -> dict[str, Any]:
    """Metadata of a key that takes a number of `kind` from low to high, both included."""
    return {"kind": kind, "low": low, "high": high}


def checked_value(key: str, value: Any, rule: Mapping[str, Any]) -> Any:
    """Give the value as its key keeps it; LookalikeError with key, value and choices where it cannot be."""
    if "check" in rule:
        return rule["check"](key, value)
    if "kind" in rule:
        return _checked_number(key, value, rule)
    return _checked_choice(key, value, rule["choices"], rule["what"])


def _checked_number(key: str, value: Any, rule: Mapping[str, Any]) -> int | float:
    kind, low, high = rule["kind"], rule["low"], rule["high"]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not low <= value <= high or (kind is int and value != int(value)):
        said = f"a whole number from {low:,} to {high:,}" if kind is int else f"a number from {low:g} to {high:g}"
        raise LookalikeError(f"{key} = {value!r:.60}: it is {said}")
    return kind(value)


def _checked_choice(key: str, value: Any, choices: list[Any] | None, what: str) -> Any:
    if choices is None:
        if isinstance(value, str) and value:
            return value
        raise LookalikeError(f"{key} = {value!r}: it is {what}")
    for known in choices:
        if type(known) is type(value) and known == value:
            return known
    close = difflib.get_close_matches(str(value), [str(c) for c in choices], n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    listed = ", ".join(str(c).lower() if isinstance(c, bool) else str(c) for c in choices)
    raise LookalikeError(f"{key} = {value!r}: the choices are {listed}{hint}")


def validation_classes(key: str, value: Any) -> float | tuple[str, ...]:
    """Give a share from 0 to below 1, or names of two classes or more, without doubles; LookalikeError for the rest."""
    if isinstance(value, (list, tuple)):
        if len(value) == 1 and isinstance(value[0], str):
            raise LookalikeError(
                f"{key} = {list(value)}: one class alone always finds itself and measures nothing; name two or more, "
                f"or set {key}=0 to keep out a tenth of every class's images"
            )
        if value and all(isinstance(name, str) for name in value) and len(set(value)) == len(value):
            return tuple(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1:
        return float(value)
    raise LookalikeError(
        f"{key} = {value!r}: it is a share of the classes (0 to below 1) or a list of different class names"
    )


def check_together(recipe: Any) -> None:
    """Refuse values that are possible alone and impossible together."""
    model, image = recipe.model, recipe.image
    check_loss(recipe)
    if model.pretrained and model.backbone != "efficientnet-lite0":
        raise LookalikeError(
            f"model.pretrained = true: {model.backbone} has no pretrained weights; efficientnet-lite0 has"
        )
    if model.pretrained and image.channels != 3:
        raise LookalikeError(f"image.channels = {image.channels}: pretrained efficientnet-lite0 takes 3 (RGB)")
    smallest = SMALLEST[model.backbone]
    if image.size < smallest:
        raise LookalikeError(f"image.size = {image.size}: {model.backbone} needs {smallest} pixels or more")
