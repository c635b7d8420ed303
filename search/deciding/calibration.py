"""A calibration: the threshold, what it was chosen and measured on, the model it holds for, and all that in words."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..calibrating.thresholds.choose import criterion_of
from ..calibrating.thresholds.criterion import Criterion
from ..calibrating.thresholds.groups import enough_for_own
from ..calibrating.thresholds.sample import UNKNOWNS

FORMAT = 2
_NOTHING = "everything is unknown"
_MANY = 0.5
"""The share of known images refused from which a threshold is of little use."""


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
        return "\n".join(_lines(self))

    def over(self, classes: list[str]) -> "float | np.ndarray":
        """The threshold, or where classes have their own, one for each of `classes` (c,) float32."""
        if not self.classes:
            return self.threshold
        own = {name: entry["threshold"] for name, entry in self.classes.items()}
        return np.array([own.get(name, self.threshold) for name in classes], np.float32)


def _lines(made: Calibration) -> Iterator[str]:
    """What was chosen, what it promises, what was measured, and what to doubt, a line each."""
    chosen = made.chosen_on
    if chosen is None:
        yield f"threshold of classes that come later, by {made.by}: {made.threshold:.4f}, the smallest of all"
    elif made.failed:
        yield f"all other classes: {'never' if made.threshold < 0 else 'always'} answered; {made.failed}"
    elif made.threshold < 0:
        yield f"no threshold keeps {made.criterion} {made.target:g}: {_unknown(made)} lie upon a class; {_NOTHING}"
    else:
        others = " for all other classes" if made.classes else ""
        yield f"threshold {made.threshold:.4f} by {made.by}{others}: {_promise(made, chosen)}"
    yield from (_of_class(made, name, entry) for name, entry in made.classes.items())
    if made.per_class and not made.classes:
        criterion = _criterion(made)
        of = {"known": "known images", "unknown": _unknown(made), "both": "images"}[criterion.of]
        yield (
            f"no class has enough images for a threshold of its own: some {enough_for_own(criterion)} {of} near it, "
            "and as many near the others, are needed"
        )
    if made.measured_on:
        yield f"measured on others: {_measured(made, made.measured_on)}"
    for name in ("false_accepts", "false_rejects"):
        if (counted := getattr(made, name)) and counted != made.measured_on:
            yield _share(made, counted, name)
    yield from _doubts(made)


def _unknown(made: Calibration) -> str:
    """What the images are called that were to be answered unknown."""
    return "stand-ins" if made.unknowns == UNKNOWNS[1] else "unknown images"


def _criterion(made: Calibration) -> Criterion:
    asked: dict[str, Any] = {made.criterion.replace("-", "_"): made.target}
    return criterion_of(**asked, of=made.of if made.criterion == "conformal" else "known")


def _of_class(made: Calibration, name: str, entry: dict[str, Any]) -> str:
    if entry["failed"] or entry["threshold"] < 0:
        answered = "never" if entry["threshold"] < 0 else "always"
        return f"  {name}: {answered} answered; {entry['failed'] or f'{_unknown(made)} lie upon it'}"
    return f"  {name}: {entry['threshold']:.4f}; {_promise(made, entry['chosen_on'])}"


def _promise(made: Calibration, chosen: dict[str, Any]) -> str:
    """What was seen and what follows from it."""
    together = ", all classes together" if made.classes else ""
    if made.criterion == "precision":
        return (
            f"{chosen['right']} of {chosen['accepted']} answers right, so at least {chosen['bound']:.2%} of all (95 % "
            f"sure{together})"
        )
    if made.criterion == "f-beta":
        return (
            f"F-beta {chosen['rate']:.4f}, the best: {chosen['right']} of {chosen['accepted']} answers right, "
            f"{chosen['known']} images of known classes; nothing is promised"
        )
    event = "false_rejects" if "false_rejects" in chosen else "false_accepts"
    words = {"false_rejects": ("known images", "refused"), "false_accepts": (_unknown(made), "accepted")}[event]
    seen = f"of {chosen['images']} {words[0]} {chosen[event]} {words[1]}"
    if event == "false_accepts" and made.unknowns == UNKNOWNS[1]:
        return f"{seen}, so at most {chosen['bound']:.3g} of all such (95 % sure{together}), not of unknown images"
    if made.criterion == "conformal":
        return f"{seen}, so on average at most {chosen['bound']:.3g} of those to come (conformal)"
    return f"{seen}, so at most {chosen['bound']:.3g} of all (95 % sure{together})"


def _measured(made: Calibration, measured: dict[str, Any]) -> str:
    if made.criterion == "f-beta":
        return f"F-beta {measured['rate']:.4f} ({measured['low']:.4f} to {measured['high']:.4f})"
    return _share(made, measured, next(name for name in measured if name != "images"))


def _share(made: Calibration, counted: dict[str, Any], name: str) -> str:
    said = {
        "right": "answers right",
        "false_accepts": f"{_unknown(made)} accepted",
        "false_rejects": "known images refused",
    }
    return (
        f"{counted[name]} of {counted['images']} {said[name]} "
        f"({counted['rate']:.2%}, {counted['low']:.2%} to {counted['high']:.2%})"
    )


def _doubts(made: Calibration) -> Iterator[str]:
    """What a reader should know before trusting it."""
    known, unknown = made.images.get("known", 0), made.images.get("unknown", 0)
    if made.criterion in ("precision", "f-beta"):
        share = f"{unknown / (known + unknown):.0%} of all images are"
        stand_in = made.unknowns == UNKNOWNS[1] and unknown > 0
        yield f"this holds where {share} {'such stand-ins' if stand_in else 'unknown'}, as here"
    if made.unknowns == UNKNOWNS[1]:
        yield (
            "unknowns: trained classes, the collection's own ranked as if it lacked them. Stand-ins are optimistic: of "
            "classes that the model was not trained on many times as many may be accepted; give some, under labels "
            "of their own"
        )
    if made.unknowns == UNKNOWNS[0] and made.pretrained:
        yield (
            "the model began with ImageNet's weights: what looks like its 1,000 classes is not wholly unknown to it, "
            "under whatever label"
        )
    refused = made.false_rejects
    if refused and refused["rate"] > _MANY and made.criterion == "fpr":
        yield (
            f"{refused['rate']:.0%} of the known images are refused: {_unknown(made)} lie as near; a better model "
            "mends that, or more of these images where few chose, but not another seed"
        )
    kinds = ("unlabelled", "copies", "stored", "seen_in_training", "rejected")
    aside = {name.replace("_", " "): made.images.get(name, 0) for name in kinds}
    aside["of classes that the model was trained on and the collection lacks"] = made.images.get("trained", 0)
    if any(aside.values()):
        yield "left aside: " + ", ".join(f"{count} {name}" for name, count in aside.items() if count)
