"""The calibrations of a collection: JSON files in thresholds/, written, read and checked; and the one for a decision.

A query, an index and a calibration must be of the same model: another one is refused with both digests. If only the
rows have changed since, the calibration is used with a warning. A collection may come from a stranger, so every field
is checked.
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
from .rank import DecisionRule

if TYPE_CHECKING:
    from ...store.version.store import Store

_MOST = 1 << 53
_LATER = {"pretrained"}  # fields that older files lack
_COUNTED = ("chosen_on", "measured_on", "false_accepts", "false_rejects")
_ENTRY = {"threshold", "chosen_on", "measured_on", "failed"}


def write_calibration(folder: Path, calibration: Calibration) -> CalibrationEntry:
    """Publish the calibration below `folder`/thresholds and return its entry for the manifest."""
    content = json.dumps(calibration.to_json(), indent=1, allow_nan=False).encode()
    file = publish_new(folder, "thresholds", ".json", content)
    return CalibrationEntry(file.file, file.size, file.sha256, calibration.by, calibration.version, calibration.model)


def read_calibration(store: "Store", by: str) -> Calibration | None:
    """The newest calibration for `by`, or None. Raises LookalikeError if it is of another model."""
    entries = [entry for entry in store.content.calibrations if entry.by == by]
    if not entries:
        return None
    model = store.model.digest if store.model else None
    if entries[-1].model != model:
        raise LookalikeError(
            f"{store.path} was calibrated for model {entries[-1].model}, but its model is {model}: calibrate it again"
        )
    return _read(store.file(entries[-1]), entries[-1].sha256, by)


@lru_cache(32)
def _read(path: Path, sha256: str, by: str) -> Calibration:
    """The calibration in a file with this SHA-256. Raises Damaged for other content, or another decision rule."""
    kinds = {field.name: getattr(field.type, "__name__", str(field.type)) for field in fields(Calibration)}
    calibration = Calibration(**_read_fields(path, kinds))
    if calibration.by != by or calibration.k < 1:
        raise _not_a_calibration(path, f"it is by {calibration.by!r:.40}, k = {calibration.k}")
    if problem := _problem_in_words(calibration):
        raise _not_a_calibration(path, problem)
    return calibration


def _problem_in_words(calibration: Calibration) -> str:
    """Why the calibration cannot be described, such as a missing count; empty if it can."""
    try:
        str(calibration)
    except (LookalikeError, LookupError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        return f"its counts are incomplete: {one_line(error)[:200]}"
    return ""


def threshold_of(store: "Store", rule: DecisionRule) -> Calibration | None:
    """The calibration for a decision rule, or None; warns once if it may no longer be valid."""
    calibration = read_calibration(store, rule.by)
    if calibration is None:
        return None
    if rule.by == "knn" and (calibration.k, calibration.weights) != (rule.k, rule.weights):
        _warn(
            f"{store.path} was calibrated with k={calibration.k} and {calibration.weights} weights, not k={rule.k} and "
            f"{rule.weights}: the bound of its threshold may not hold"
        )
    # An outdated linear head has its own warning, which says what to do: one is enough.
    if _changed(store, calibration) and not (rule.by == "linear" and outdated(store)):
        _warn(
            f"{store.path} has changed since version {calibration.version}, which was calibrated for {rule.by}: the "
            "bound of its threshold may not hold"
        )
    return calibration


def chosen_on(calibration: Calibration | None, source: str | os.PathLike[str] | None) -> str | None:
    """The warning if `source` is evaluated at a threshold that was chosen on its images, else None."""
    if calibration is None or source is None or calibration.source != os.path.realpath(source):
        return None
    return (
        f"the threshold was chosen on some images of {source}, so these false accepts and rejects are optimistic: use "
        "what `calibrate` measured on the others, or images of another source"
    )


def _changed(store: "Store", calibration: Calibration) -> bool:
    """Whether rows or the prototype rule changed since; rows that a rollback removed do not count."""
    added = store.layout.count_live(calibration.next_row, store.next_row)
    if added or store.rows != calibration.rows:
        return True
    return calibration.by != "knn" and prototypes_of(store) != calibration.prototypes


def prototypes_of(store: "Store") -> dict[str, Any]:
    """What determines the prototypes of a version, apart from its rows.

    Several prototypes per class are clusters that `index` computes again, so they move even if no row changes.
    """
    rule, entry = store.content.prototype_rule, store.content.prototypes
    table = entry.table.sha256 if rule.per_class > 1 and entry is not None else None
    return asdict(rule) | ({"table": table} if table else {})


def _warn(message: str) -> None:
    # Python shows a warning once per location and text.
    warnings.warn(message, LookalikeWarning, stacklevel=2)


def _read_fields(path: Path, kinds: Mapping[str, str]) -> dict[str, Any]:
    """The fields in `path`, which are of these `kinds` (annotations).

    Raises Damaged for another file, and LookalikeError for the format of a later release.
    """
    try:
        values = json.loads(path.read_bytes(), parse_constant=_refuse)
        if values.get("format") == 1:
            values = _from_format_1(values)
        version = values.get("format")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise _not_a_calibration(path, one_line(error)[:200]) from None
    if version != FORMAT:
        raise LookalikeError(f"{path} has format {version!r:.40}, but this release reads {FORMAT}: update lookalike")
    if (problem := _problem(values, kinds)) is not None:
        raise _not_a_calibration(path, problem)
    return dict(values)


def _not_a_calibration(path: Path, problem: str) -> Damaged:
    """The error for a file that does not hold a calibration."""
    return Damaged(f"{path} does not hold a calibration ({problem}): make another with `lookalike calibrate`")


def _from_format_1(values: dict[str, Any]) -> dict[str, Any]:
    """A calibration of the first format, which knew only the criterion "fpr"."""
    unchanged = {name: value for name, value in values.items() if name != "fpr"}
    criterion = {"criterion": "fpr", "target": values["fpr"], "of": "unknown", "per_class": False}
    rest = {
        "failed": None,
        "classes": {},
        "images": {},
        "false_accepts": values["measured_on"],
        "prototypes": asdict(PrototypeRule()),
    }
    return {**unchanged, **criterion, **rest, "format": FORMAT}


def _refuse(constant: str) -> Any:
    raise ValueError(f"it holds {constant}, which is not a number")


def _problem(values: dict[str, Any], kinds: Mapping[str, str]) -> str | None:
    """A description of the first field that is missing, unknown or has an invalid value."""
    if odd := sorted((set(kinds) - _LATER - set(values)) | (set(values) - set(kinds))):
        return f"field {odd[0]!r:.60} is {'missing' if odd[0] in kinds else 'unknown'}"
    for name, value in values.items():
        counted = name == "images" or (name in _COUNTED and value is not None)
        if not _fits(kinds[name], value) or (counted and not _are_numbers(value)):
            return f"{name} is {value!r:.60}"
    odd = [name for name, entry in values["classes"].items() if not _is_class_entry(entry)]
    return f"class {odd[0]!r:.60} has {values['classes'][odd[0]]!r:.60}" if odd else None


def _fits(kind: str, value: Any) -> bool:
    """Whether a value fits its annotation; a whole number fits float too."""
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


def _is_class_entry(entry: Any) -> bool:
    """Whether it is an entry of `classes`, the calibration of one class."""
    if not isinstance(entry, dict) or set(entry) != _ENTRY or not _is_number(entry["threshold"]):
        return False
    counted = (entry["chosen_on"], entry["measured_on"])
    failed = entry["failed"] is None or isinstance(entry["failed"], str)
    return failed and all(value is None or _are_numbers(value) for value in counted)
