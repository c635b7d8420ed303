"""What the values of a recipe may be: one check for each key, and the checks of values that must fit together."""

from collections.abc import Mapping
from typing import Any

from ...store import checks
from ...store.errors import LookalikeError
from ..backbones import SMALLEST
from .losses import check_loss


def choice(choices: list[Any] | None, what: str = "") -> dict[str, Any]:
    """Metadata of a key that takes one of `choices`, or any text where `choices` is None."""
    return {"choices": choices, "what": what}


def number(kind: type, low: float, high: float) -> dict[str, Any]:
    """Metadata of a key that takes a number of `kind` from low to high, both included."""
    return {"kind": kind, "low": low, "high": high}


def checked_value(key: str, value: Any, rule: Mapping[str, Any]) -> Any:
    """The value as the recipe stores it. Raises LookalikeError for a value that the key cannot have."""
    if "check" in rule:
        return rule["check"](key, value)
    if "kind" in rule:
        return _checked_number(key, value, rule)
    return _checked_choice(key, value, rule["choices"], rule["what"])


def _checked_number(key: str, value: Any, rule: Mapping[str, Any]) -> int | float:
    low, high = rule["low"], rule["high"]
    if rule["kind"] is int:
        whole = isinstance(value, float) and value.is_integer()
        return checks.whole_number(key, int(value) if whole else value, low, high)
    if not is_number(value) or not low <= value <= high:
        raise LookalikeError(f"{key} is {checks.quoted(value)}: it must be a number from {low:g} to {high:g}")
    return float(value)


def is_number(value: Any) -> bool:
    """Whether a value is an int or a float, and not a boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _checked_choice(key: str, value: Any, choices: list[Any] | None, what: str) -> Any:
    if choices is None:
        if isinstance(value, str) and value:
            return value
        raise LookalikeError(f"{key} is {checks.quoted(value)}: it must be {what}")
    if isinstance(choices[0], str):
        return checked_name(key, value, choices)
    for known in choices:
        if type(known) is type(value) and known == value:
            return known
    raise LookalikeError(f"{key} is {checks.quoted(value)}: it must be {' or '.join(map(_as_toml, choices))}")


def checked_name(key: str, value: Any, names: list[str]) -> str:
    """A value that must be one of `names`. Raises LookalikeError that suggests a similar name, or lists them all."""
    near = checks.did_you_mean(str(value), names)
    if near and value not in names:
        raise LookalikeError(f"unknown {key} {checks.quoted(value)}{near} The choices are {', '.join(names)}")
    return checks.choice(key, value, names)


def _as_toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def validation_classes(key: str, value: Any) -> float | tuple[str, ...]:
    """A share from 0 to below 1, or two or more different class names. Raises LookalikeError for anything else."""
    if isinstance(value, list | tuple):
        if len(value) == 1 and isinstance(value[0], str):
            raise LookalikeError(
                f"{key} is {list(value)}: with one class every image finds its own class, which measures nothing; name "
                f"two or more classes, or set {key}=0 to validate on a tenth of the images of every class"
            )
        if value and all(isinstance(name, str) for name in value) and len(set(value)) == len(value):
            return tuple(value)
    elif is_number(value) and 0 <= value < 1:
        return float(value)
    raise LookalikeError(
        f"{key} is {checks.quoted(value)}: it must be a share of the classes (from 0 to below 1) or a list of "
        "different class names"
    )


def check_together(recipe: Any) -> None:
    """Refuse values that are valid alone and cannot be combined."""
    model, image = recipe.model, recipe.image
    check_loss(recipe)
    if model.pretrained and model.backbone != "efficientnet-lite0":
        raise LookalikeError(
            f"model.pretrained = true: there are no pretrained weights for {model.backbone}; use efficientnet-lite0"
        )
    if model.pretrained and image.channels != 3:
        raise LookalikeError(
            f"image.channels = {image.channels}: the pretrained efficientnet-lite0 needs 3 channels (RGB)"
        )
    smallest = SMALLEST[model.backbone]
    if image.size < smallest:
        raise LookalikeError(f"image.size = {image.size}: {model.backbone} needs at least {smallest} pixels")
