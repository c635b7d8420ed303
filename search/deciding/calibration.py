"""A calibration: the threshold, what it was chosen and measured on, and its description in words."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..calibrating.thresholds.choose import criterion_of
from ..calibrating.thresholds.criterion import Criterion
from ..calibrating.thresholds.groups import enough_for_own
from ..calibrating.thresholds.sample import UNKNOWNS

FORMAT = 2
_MANY = 0.5
"""The share of refused known images above which a threshold is of little use."""


@dataclass(frozen=True)
class Calibration:
    """The threshold that `Collection.calibrate` chose, and what it was chosen and measured on.

    `str` gives the same as text, one fact per line.

    Attributes
    ----------
    by, k, weights : str, int, str
        The decision rule that the threshold is for: "prototype", "knn" or "linear"; k and weights are those of "knn".
    criterion, target, of : str, float, str
        "fpr", "precision", "f-beta" or "conformal", its target, and the images it is about: "known", "unknown" or
        "both".
    per_class : bool
        Whether classes with enough images have thresholds of their own.
    threshold : float
        A distance in [0, 2]. An image whose nearest class is farther away is answered unknown. Below zero all images
        are. With `per_class` it is the threshold of all classes that are not in `classes`.
    failed : str or None
        Why there is no useful `threshold`.
    classes : dict
        With `per_class`: for each class with its own threshold a dict with the keys threshold, chosen_on, measured_on
        and failed.
    unknowns : str or None
        "unknown classes" (labels that are neither in the collection nor among the training classes of the model),
        "trained classes" (stand-ins, which give optimistic results), or None if there was no image of either.
    images : dict
        Numbers of known and unknown images, and of those left aside: unlabelled, copies, stored (in the collection
        already), seen_in_training (the model was trained on them), rejected.
    chosen_on, measured_on : dict or None
        Counts and the rate, with its bound on the images that chose the threshold, and its 95 % interval on the others.
        measured_on is None if all images were needed to choose.
    false_accepts, false_rejects : dict or None
        Unknown images accepted and known images refused, with 95 % intervals.
    source, seed : str, int
        The labelled images, and the random seed that split them.
    version : int
        The version of the collection that has this calibration first, or, if others wrote meanwhile, the version that
        was measured.
    next_row, rows, prototypes : int, int, dict
        The state of the collection when it was calibrated; prototypes is its prototype rule.
    model : str or None
        The digest of the model.
    pretrained : bool
        Whether the model started from ImageNet weights, and so knows classes beyond its training classes.

    Examples
    --------
    >>> calibration = Calibration(
    ...     by="prototype", k=10, weights="uniform", criterion="fpr", target=0.05, of="unknown", per_class=False,
    ...     threshold=0.61, failed=None, classes={}, unknowns="unknown classes", images={"known": 80, "unknown": 120},
    ...     chosen_on={"images": 60, "false_accepts": 0, "rate": 0.0, "bound": 0.0487}, measured_on=None,
    ...     false_accepts=None, false_rejects=None, source="shots", seed=0, version=3, next_row=500, rows=500,
    ...     prototypes={}, model=None,
    ... )
    >>> calibration.threshold
    0.61
    >>> print(calibration)  # doctest: +NORMALIZE_WHITESPACE
    threshold 0.6100 by prototype: 0 of 60 unknown images were accepted, so at most 0.0487 of all will be
    (95 % confidence)
    >>> calibration.over(["cat", "dog"])
    0.61
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
        """The threshold or, if classes have their own, the threshold of each of `classes`, (c,) float32."""
        if not self.classes:
            return self.threshold
        by_class = {name: entry["threshold"] for name, entry in self.classes.items()}
        return np.array([by_class.get(name, self.threshold) for name in classes], np.float32)


def _lines(calibration: Calibration) -> Iterator[str]:
    """Lines on what was chosen, what it guarantees, what was measured, and what to be careful about."""
    chosen = calibration.chosen_on
    if chosen is None:
        yield f"threshold {calibration.threshold:.4f} by {calibration.by} for classes added later, the smallest of all"
    elif calibration.failed:
        answered = "never" if calibration.threshold < 0 else "always"
        yield f"all other classes are {answered} answered: {calibration.failed}"
    elif calibration.threshold < 0:
        yield (
            f"no threshold reaches {calibration.criterion} {calibration.target:g}, because {_unknown(calibration)} are "
            "at distance 0 from a class: every answer is unknown"
        )
    else:
        others = " for all other classes" if calibration.classes else ""
        yield f"threshold {calibration.threshold:.4f} by {calibration.by}{others}: {_promise(calibration, chosen)}"
    yield from (_of_class(calibration, name, entry) for name, entry in calibration.classes.items())
    if calibration.per_class and not calibration.classes:
        criterion = _criterion(calibration)
        of = {"known": "known images", "unknown": _unknown(calibration), "both": "images"}[criterion.of]
        yield (
            f"no class has enough images for a threshold of its own: about {enough_for_own(criterion)} {of} near the "
            "class, and as many near the other classes, are needed"
        )
    if calibration.measured_on:
        yield f"measured on other images: {_measured(calibration, calibration.measured_on)}"
    for name in ("false_accepts", "false_rejects"):
        if (counted := getattr(calibration, name)) and counted != calibration.measured_on:
            yield _share(calibration, counted, name)
    yield from _doubts(calibration)


def _unknown(calibration: Calibration) -> str:
    """The name of the images whose right answer is unknown."""
    return "stand-ins" if calibration.unknowns == UNKNOWNS[1] else "unknown images"


def _criterion(calibration: Calibration) -> Criterion:
    options: dict[str, Any] = {calibration.criterion.replace("-", "_"): calibration.target}
    return criterion_of(**options, of=calibration.of if calibration.criterion == "conformal" else "known")


def _of_class(calibration: Calibration, name: str, entry: dict[str, Any]) -> str:
    if entry["failed"] or entry["threshold"] < 0:
        answered = "never" if entry["threshold"] < 0 else "always"
        reason = entry["failed"] or f"{_unknown(calibration)} are at distance 0 from it"
        return f"  {name} is {answered} answered: {reason}"
    return f"  {name}: {entry['threshold']:.4f}; {_promise(calibration, entry['chosen_on'])}"


def _promise(calibration: Calibration, chosen: dict[str, Any]) -> str:
    """What was counted, and what it guarantees."""
    sure = "(95 % confidence" + (", for all classes together)" if calibration.classes else ")")
    if calibration.criterion == "precision":
        return (
            f"{chosen['right']} of {chosen['accepted']} answers were right, so at least {chosen['bound']:.2%} of all "
            f"will be {sure}"
        )
    if calibration.criterion == "f-beta":
        return (
            f"it has the best F-beta, {chosen['rate']:.4f}: {chosen['right']} of {chosen['accepted']} answers were "
            f"right, with {chosen['known']} images of known classes; it guarantees nothing"
        )
    event = "false_rejects" if "false_rejects" in chosen else "false_accepts"
    words = {"false_rejects": ("known images", "refused"), "false_accepts": (_unknown(calibration), "accepted")}[event]
    count = f"{chosen[event]} of {chosen['images']} {words[0]} were {words[1]}"
    if event == "false_accepts" and calibration.unknowns == UNKNOWNS[1]:
        return f"{count}, so at most {chosen['bound']:.3g} of all stand-ins will be {sure}, not of unknown images"
    if calibration.criterion == "conformal":
        return f"{count}, so on average at most {chosen['bound']:.3g} of new ones will be (conformal)"
    return f"{count}, so at most {chosen['bound']:.3g} of all will be {sure}"


def _measured(calibration: Calibration, measured: dict[str, Any]) -> str:
    if calibration.criterion == "f-beta":
        return f"F-beta {measured['rate']:.4f} (between {measured['low']:.4f} and {measured['high']:.4f})"
    return _share(calibration, measured, next(name for name in measured if name != "images"))


def _share(calibration: Calibration, counted: dict[str, Any], name: str) -> str:
    events = {
        "right": "answers were right",
        "false_accepts": f"{_unknown(calibration)} were accepted",
        "false_rejects": "known images were refused",
    }
    return (
        f"{counted[name]} of {counted['images']} {events[name]} "
        f"({counted['rate']:.2%}, between {counted['low']:.2%} and {counted['high']:.2%})"
    )


def _doubts(calibration: Calibration) -> Iterator[str]:
    """What a reader should know before relying on it."""
    known, unknown = calibration.images.get("known", 0), calibration.images.get("unknown", 0)
    if calibration.criterion in ("precision", "f-beta"):
        kind = "stand-ins" if calibration.unknowns == UNKNOWNS[1] and unknown > 0 else "unknown"
        yield f"this is valid for images of which {unknown / (known + unknown):.0%} are {kind}, as in this source"
    if calibration.unknowns == UNKNOWNS[1]:
        yield (
            "unknowns: trained classes. Images of the collection's own classes stood in for unknown ones, ranked as if "
            "the collection lacked their class. That is optimistic: of classes that the model was not trained on, many "
            "times as many images may be accepted. Add images of such classes to the source, with their own labels"
        )
    if calibration.unknowns == UNKNOWNS[0] and calibration.pretrained:
        yield (
            "the model started from ImageNet weights: images that look like ImageNet's 1,000 classes are not fully "
            "unknown to it, whatever their label"
        )
    refused = calibration.false_rejects
    if refused and refused["rate"] > _MANY and calibration.criterion == "fpr":
        yield (
            f"{refused['rate']:.0%} of the known images are refused, because {_unknown(calibration)} are as near: a "
            "better model helps, or more of these images if there were few, but not another seed"
        )
    kinds = ("unlabelled", "copies", "stored", "seen_in_training", "rejected")
    aside = {name.replace("_", " "): calibration.images.get(name, 0) for name in kinds}
    aside["of classes that the model was trained on but the collection lacks"] = calibration.images.get("trained", 0)
    if any(aside.values()):
        yield "left aside: " + ", ".join(f"{count} {name}" for name, count in aside.items() if count)
