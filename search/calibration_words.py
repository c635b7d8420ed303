"""A calibration in words: what was chosen, what it promises, what was measured, and what to doubt."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .calibration import UNKNOWNS
from .thresholds.choose import criterion_of
from .thresholds.criterion import Criterion
from .thresholds.groups import enough_for_own

if TYPE_CHECKING:
    from .calibration import Calibration


_NOTHING = "everything is unknown"
_MANY = 0.5
"""The share of known images refused from which a threshold is of little use."""


def lines(made: "Calibration") -> Iterator[str]:
    """One line after the other."""
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


def _unknown(made: "Calibration") -> str:
    """What the images are called that were to be answered unknown."""
    return "stand-ins" if made.unknowns == UNKNOWNS[1] else "unknown images"


def _criterion(made: "Calibration") -> Criterion:
    asked: dict[str, Any] = {made.criterion.replace("-", "_"): made.target}
    return criterion_of(**asked, of=made.of if made.criterion == "conformal" else "known")


def _of_class(made: "Calibration", name: str, entry: dict[str, Any]) -> str:
    if entry["failed"] or entry["threshold"] < 0:
        answered = "never" if entry["threshold"] < 0 else "always"
        return f"  {name}: {answered} answered; {entry['failed'] or f'{_unknown(made)} lie upon it'}"
    return f"  {name}: {entry['threshold']:.4f}; {_promise(made, entry['chosen_on'])}"


def _promise(made: "Calibration", chosen: dict[str, Any]) -> str:
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


def _measured(made: "Calibration", measured: dict[str, Any]) -> str:
    if made.criterion == "f-beta":
        return f"F-beta {measured['rate']:.4f} ({measured['low']:.4f} to {measured['high']:.4f})"
    return _share(made, measured, next(name for name in measured if name != "images"))


def _share(made: "Calibration", counted: dict[str, Any], name: str) -> str:
    said = {
        "right": "answers right",
        "false_accepts": f"{_unknown(made)} accepted",
        "false_rejects": "known images refused",
    }
    return (
        f"{counted[name]} of {counted['images']} {said[name]} "
        f"({counted['rate']:.2%}, {counted['low']:.2%} to {counted['high']:.2%})"
    )


def _doubts(made: "Calibration") -> Iterator[str]:
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
