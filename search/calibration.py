"""A calibration: the threshold, what it was chosen and measured on, and the model it holds for; JSON in thresholds/.

A query, an index and a calibration must be of one model: another one is refused with both digests. A collection that
merely changed since answers, and says so once.
"""

import json
import os
import secrets
import warnings
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..store.content import CalibrationEntry
from ..store.errors import LookalikeError, LookalikeWarning, one_line
from ..store.publish import publish
from .calibration_file import FORMAT, read_fields, unlike
from .rank import Way
from .stored_head import outdated

if TYPE_CHECKING:
    from ..store.store import Store

UNKNOWNS = ("unknown classes", "trained classes")


@dataclass(frozen=True)
class Calibration:
    """What `calibrate` chose and measured.

    criterion: "fpr", "precision", "f-beta" or "conformal", and the target aimed at; of: the images it is about,
    "known", "unknown" or "both". threshold: a distance; a nearest class farther away than it is answered unknown, below
    zero everything is. classes: with `per_class`, name to the threshold of each class that has its own, with what it
    was chosen and measured on, and why where none keeps its word (`failed`); `threshold` is that of all others,
    `failed` why there is none.

    unknowns: "unknown classes" (labels neither in the collection nor among the model's training classes), "trained
    classes" (stand-ins, optimistic), or None where there was no image of either. images: how many known and unknown
    ones there were, and others left aside: unlabelled, copies, stored in the collection already, seen_in_training (the
    model learned from them), rejected. chosen_on, measured_on: counts,
    the rate, and its bound or, on images that did not choose, its 95 % interval; measured_on is None where every image
    was needed to choose. false_accepts: unknown images accepted, false_rejects: known images refused, with 95 %
    intervals. version: the one that has it first, or where others wrote meanwhile the one that was measured. next_row,
    rows, prototypes (their rule): the collection when calibrated. pretrained: whether the model began with ImageNet's
    weights, and so knows classes that no list of its training classes names.
    """

    by: str
    k: int
    weights: str
    criterion: str
    target: float
    of: str
    per_class: bool
    threshold: float
    failed: str | None
    classes: dict[str, dict[str, Any]]
    unknowns: str | None
    images: dict[str, int]
    chosen_on: dict[str, Any] | None
    measured_on: dict[str, Any] | None
    false_accepts: dict[str, Any] | None
    false_rejects: dict[str, Any] | None
    source: str
    seed: int
    version: int
    next_row: int
    rows: int
    prototypes: dict[str, int]
    model: str | None
    format: int = FORMAT
    pretrained: bool = False

    def to_json(self) -> dict[str, Any]:
        """The fields as one JSON object."""
        return asdict(self)

    def __str__(self) -> str:
        from .calibration_words import lines

        return "\n".join(lines(self))

    def over(self, classes: list[str]) -> "float | np.ndarray":
        """The threshold, or where classes have their own, one for each of `classes` (c,) float32."""
        if not self.classes:
            return self.threshold
        own = {name: entry["threshold"] for name, entry in self.classes.items()}
        return np.array([own.get(name, self.threshold) for name in classes], np.float32)


def write_calibration(folder: Path, calibration: Calibration) -> CalibrationEntry:
    """Publish the calibration below `folder`/thresholds and return its entry for the manifest."""
    name = f"thresholds/{secrets.token_hex(8)}.json"
    path = folder / name
    published = publish(path, json.dumps(calibration.to_json(), indent=1, allow_nan=False).encode())
    return CalibrationEntry(
        name, published.size, published.sha256, calibration.by, calibration.version, calibration.model
    )


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
    made = Calibration(**read_fields(path, kinds))
    if made.by != by or made.k < 1 or (problem := _unsayable(made)):
        raise unlike(path, f"it is by {made.by!r:.40}, k = {made.k}" if made.by != by or made.k < 1 else problem)
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
