"""Calibrations in a collection: JSON in thresholds/, written, read and checked, and which one holds for a decision.

A query, an index and a calibration must be of one model: another one is refused with both digests. A collection that
merely changed since answers, and says so once. Whoever made a collection wrote its files, so every field is checked.
"""

import json
import math
import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...store.errors import Damaged, LookalikeError, LookalikeWarning, one_line
from ...store.files.content import CalibrationEntry, PrototypeRule
from ...store.files.new_files import publish_new
from ..linear.stored import outdated
from .calibration import FORMAT, Calibration
from .rank import Way

if TYPE_CHECKING:
    from ...store.version.store import Store

_MOST = 1 << 53
_LATER = {"pretrained"}  # fields that older files lack
_COUNTED = ("chosen_on", "measured_on", "false_accepts", "false_rejects")
_OWN = {"threshold", "chosen_on", "measured_on", "failed"}


def write_calibration(folder: Path, calibration: Calibration) -> CalibrationEntry:
    """Publish the calibration below `folder`/thresholds and return its entry for the manifest."""
    content = json.dumps(calibration.to_json(), indent=1, allow_nan=False).encode()
    file = publish_new(folder, "thresholds", ".json", content)
    return CalibrationEntry(file.file, file.size, file.sha256, calibration.by, calibration.version, calibration.model)


def read_calibration(store: "Store", by: str) -> Calibration | None:
    """The newest calibration for `by`, None without one; LookalikeError where it is of another model."""
    entries = [entry for entry in store.content.calibrations if entry.by == by]
    if not entries:
        return None
    model = store.model.digest if store.model else None
    if entries[-1].model != model:
        raise LookalikeError(
            f"{store.path} was calibrated for model {entries[-1].model}, and its model is {model}: calibrate it again"
        )
    return _read(store.file(entries[-1]), entries[-1].sha256, by)


@lru_cache(32)
def _read(path: Path, sha256: str, by: str) -> Calibration:
    """The calibration in a file of this SHA-256; Damaged for another file, or one for another kind of decision."""
    kinds = {field.name: getattr(field.type, "__name__", str(field.type)) for field in fields(Calibration)}
    made = Calibration(**_read_fields(path, kinds))
    if made.by != by or made.k < 1 or (problem := _unsayable(made)):
        raise _unlike(path, f"it is by {made.by!r:.40}, k = {made.k}" if made.by != by or made.k < 1 else problem)
    return made


def _unsayable(made: Calibration) -> str:
    """Why the words on a calibration cannot be said, such as a count that is missing; empty where they can."""
    try:
        str(made)
    except (LookalikeError, LookupError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        return f"what it counts is not whole: {one_line(error)[:200]}"
    return ""


def threshold_of(store: "Store", way: Way) -> Calibration | None:
    """The calibration for deciding this way, None where there is none; warns once where it may not hold."""
    calibration = read_calibration(store, way.by)
    if calibration is None:
        return None
    if way.by == "knn" and (calibration.k, calibration.weights) != (way.k, way.weights):
        _warn(
            f"{store.path} was calibrated with k={calibration.k} and {calibration.weights} weights, not k={way.k} and "
            f"{way.weights}: its threshold may not keep its word"
        )
    # An outdated linear head says so itself, and what mends it: one warning is enough.
    if _changed(store, calibration) and not (way.by == "linear" and outdated(store)):
        _warn(f"{store.path} has changed since version {calibration.version}, where it was calibrated for {way.by}")
    return calibration


def chosen_on(calibration: Calibration | None, source: str | os.PathLike[str] | None) -> str | None:
    """The warning where `source` chose the threshold that it is to judge, else None."""
    if calibration is None or source is None or calibration.source != os.path.realpath(source):
        return None
    return (
        f"some images of {source} chose the threshold: what `calibrate` measured on the others, or images of another "
        "source, say more of it than these false accepts and rejects"
    )


def _changed(store: "Store", calibration: Calibration) -> bool:
    """Whether rows came or went since, or prototypes are made otherwise; rows that a rollback undid do not count."""
    came = store.layout.count_live(calibration.next_row, store.next_row)
    if came or store.rows != calibration.rows:
        return True
    return calibration.by != "knn" and prototypes_of(store) != calibration.prototypes


def prototypes_of(store: "Store") -> dict[str, Any]:
    """What decides where a version's prototypes lie, beside its rows.

    Several of a class are clusters that `index` makes anew, so that it moves them although no row came or went.
    """
    rule, entry = store.content.prototype_rule, store.content.prototypes
    table = entry.table.sha256 if rule.per_class > 1 and entry is not None else None
    return asdict(rule) | ({"table": table} if table else {})


def _warn(message: str) -> None:
    # Python shows a warning once per place and text.
    warnings.warn(message, LookalikeWarning, stacklevel=2)


def _read_fields(path: Path, kinds: Mapping[str, str]) -> dict[str, Any]:
    """The fields in `path`, which are of these `kinds` (annotations); Damaged for another file.

    LookalikeError for a format of a later release.
    """
    try:
        values = json.loads(path.read_bytes(), parse_constant=_refuse)
        if values.get("format") == 1:
            values = _from_format_1(values)
        found = values.get("format")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise _unlike(path, one_line(error)[:200]) from None
    if found != FORMAT:
        raise LookalikeError(f"{path} has format {found!r:.40}; this version reads {FORMAT}")
    if (problem := _problem(values, kinds)) is not None:
        raise _unlike(path, problem)
    return dict(values)


def _unlike(path: Path, problem: str) -> Damaged:
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
