"""A calibration's file: JSON in thresholds/. Whoever made a collection wrote it, so that every field is looked at."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..store.content import PrototypeRule
from ..store.errors import Damaged, LookalikeError, one_line

FORMAT = 2
_MOST = 1 << 53
_LATER = {"pretrained"}  # fields that older files lack
_COUNTED = ("chosen_on", "measured_on", "false_accepts", "false_rejects")
_OWN = {"threshold", "chosen_on", "measured_on", "failed"}


def read_fields(path: Path, kinds: Mapping[str, str]) -> dict[str, Any]:
    """The fields in `path`, which are of these `kinds` (annotations); Damaged for another file.

    LookalikeError for a format of a later release.
    """
    try:
        values = json.loads(path.read_bytes(), parse_constant=_refuse)
        if values.get("format") == 1:
            values = _from_format_1(values)
        found = values.get("format")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise unlike(path, one_line(error)[:200]) from None
    if found != FORMAT:
        raise LookalikeError(f"{path} has format {found!r:.40}; this version reads {FORMAT}")
    if (problem := _problem(values, kinds)) is not None:
        raise unlike(path, problem)
    return dict(values)


def unlike(path: Path, problem: str) -> Damaged:
    """The error of a file that is no calibration."""
    return Damaged(f"{path} does not hold a calibration ({problem}): `lookalike calibrate` makes another")


def _from_format_1(values: dict[str, Any]) -> dict[str, Any]:
    """A calibration from when a false-accept rate was all that could be asked for."""
    kept = {name: value for name, value in values.items() if name != "fpr"}
    wish = {"criterion": "fpr", "target": values["fpr"], "of": "unknown", "per_class": False}
    rest = {
        "failed": None,
        "classes": {},
        "images": {},
        "false_accepts": values["measured_on"],
        "prototypes": asdict(PrototypeRule()),
    }
    return {**kept, **wish, **rest, "format": FORMAT}


def _refuse(constant: str) -> Any:
    raise ValueError(f"it holds {constant}, which is no number")


def _problem(values: dict[str, Any], kinds: Mapping[str, str]) -> str | None:
    """The first field that is missing, unknown or not what belongs there, in words."""
    if odd := sorted((set(kinds) - _LATER - set(values)) | (set(values) - set(kinds))):
        return f"field {odd[0]!r:.60} is {'missing' if odd[0] in kinds else 'not known'}"
    for name, value in values.items():
        counted = name == "images" or (name in _COUNTED and value is not None)
        if not _fits(kinds[name], value) or (counted and not _are_numbers(value)):
            return f"{name} is {value!r:.60}"
    odd = [name for name, entry in values["classes"].items() if not _is_own(entry)]
    return f"class {odd[0]!r:.60} has {values['classes'][odd[0]]!r:.60}" if odd else None


def _fits(kind: str, value: Any) -> bool:
    """Whether a value is what the annotation promises; a whole number also where any number is."""
    if value is None:
        return "None" in kind
    if kind.startswith("float"):
        return _is_number(value)
    if kind.startswith("int"):
        return isinstance(value, int) and _is_number(value) and value >= 0
    return type(value).__name__ == kind.split("[")[0].split(" ")[0]


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= _MOST and math.isfinite(value)


def _are_numbers(values: Any) -> bool:
    return isinstance(values, dict) and all(value is None or _is_number(value) for value in values.values())


def _is_own(entry: Any) -> bool:
    """Whether it is what `calibrate` says of a class by itself."""
    if not isinstance(entry, dict) or set(entry) != _OWN or not _is_number(entry["threshold"]):
        return False
    counted = (entry["chosen_on"], entry["measured_on"])
    failed = entry["failed"] is None or isinstance(entry["failed"], str)
    return failed and all(value is None or _are_numbers(value) for value in counted)
