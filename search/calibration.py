"""A calibration: the threshold, what it was chosen and measured on, and the model it holds for; JSON in thresholds/.

A query, an index and a calibration must be of one model: another one is refused with both digests. A collection that
merely changed since answers, and says so once.
"""

import json
import secrets
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..store.errors import LookalikeError, LookalikeWarning
from ..store.manifest import CalibrationEntry
from ..store.publish import publish
from .rank import Way

if TYPE_CHECKING:
    from ..store.store import Store

FORMAT = 1
UNKNOWNS = ("unknown classes", "trained classes")


@dataclass(frozen=True)
class Calibration:
    """What `calibrate` chose and measured.

    threshold: a distance; a nearest class farther away than it is answered unknown. fpr: the rate aimed at.
    unknowns: "unknown classes" (labels neither in the collection nor among the model's training classes) or
    "trained classes" (each class left out in turn, optimistic). chosen_on, measured_on: counts of unknown images, how
    many were accepted, the rate and its bound or interval; measured_on is None where every unknown image was needed
    to choose. false_rejects: known images refused, with a 95 % interval. version, next_row, rows: the collection's
    state when calibrated.
    """

    by: str
    k: int
    weights: str
    fpr: float
    threshold: float
    unknowns: str
    chosen_on: dict[str, Any]
    measured_on: dict[str, Any] | None
    false_rejects: dict[str, Any] | None
    source: str
    seed: int
    version: int
    next_row: int
    rows: int
    model: str | None
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """The fields as one JSON object."""
        return asdict(self)

    def __str__(self) -> str:
        chosen, measured, refused = self.chosen_on, self.measured_on, self.false_rejects
        lines = [
            f"threshold {self.threshold:.4f} by {self.by}: of {chosen['images']} unknown images "
            f"{chosen['false_accepts']} accepted, so at most {chosen['bound']:.3g} of all (95 % sure)"
        ]
        if self.threshold < 0:
            lines = [f"no threshold keeps fpr {self.fpr:g}: unknown images lie upon a class; everything is unknown"]
        if measured:
            lines.append(
                f"measured on {measured['images']} others: {measured['false_accepts']} accepted "
                f"({measured['rate']:.2%}, {measured['low']:.2%} to {measured['high']:.2%})"
            )
        if refused:
            lines.append(
                f"known images refused: {refused['false_rejects']} of {refused['images']} "
                f"({refused['rate']:.2%}, {refused['low']:.2%} to {refused['high']:.2%})"
            )
        if self.unknowns == UNKNOWNS[1]:
            lines.append(
                "unknowns: trained classes, each left out in turn, which is optimistic: "
                "give images of classes that the model was not trained on"
            )
        return "\n".join(lines)


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
    values = json.loads(store.file(entries[-1]).read_bytes())
    if values.get("format") != FORMAT:
        raise LookalikeError(f"{entries[-1].file} has format {values.get('format')!r}; this version reads {FORMAT}")
    return Calibration(**values)


def threshold_of(store: "Store", way: Way) -> float | None:
    """The calibrated threshold for deciding this way, None where there is none; warns once where it may not hold."""
    calibration = read_calibration(store, way.by)
    if calibration is None:
        return None
    if way.by == "knn" and (calibration.k, calibration.weights) != (way.k, way.weights):
        _warn(
            f"{store.path} was calibrated with k={calibration.k} and {calibration.weights} weights, not k={way.k} and "
            f"{way.weights}: its threshold may not keep its word"
        )
    if (store.next_row, store.rows) != (calibration.next_row, calibration.rows):
        _warn(f"{store.path} has changed since version {calibration.version}, where it was calibrated for {way.by}")
    return calibration.threshold


def _warn(message: str) -> None:
    # Python shows a warning once per place and text.
    warnings.warn(message, LookalikeWarning, stacklevel=2)
