"""The way from images to thresholds: split them, choose on one part, measure on the other. `calibrate` publishes it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....store.errors import LookalikeError
from ...deciding.rule import accepts
from .conformal import Conformal
from .criterion import Criterion
from .cut import Cut, rate
from .f_beta import FBeta
from .fpr import FalseAcceptRate
from .groups import Groups, grouped, mask_of
from .precision import Precision
from .sample import Sample

DEFAULT_FPR = 0.01


@dataclass(frozen=True)
class Chosen:
    """One threshold, or several, with what they were chosen and measured on.

    threshold: for every class without its own. cut: how it was chosen; None where every class has its own. own: class
    code to how its threshold was chosen. measured_on, own_measured: the error on images that did not choose, over all
    and for each class of `own`. false_accepts: unknown images accepted, false_rejects: known images refused, on images
    that did not choose, with 95 % intervals. Measures are None where there was nothing to measure on.
    """

    threshold: float
    cut: Cut | None
    own: dict[int, Cut]
    measured_on: dict[str, Any] | None
    own_measured: dict[int, dict[str, Any] | None]
    false_accepts: dict[str, Any] | None
    false_rejects: dict[str, Any] | None

    def thresholds(self, classes: int) -> np.ndarray:
        """One a class, (classes,) float32, as `decide` takes them."""
        values = np.full(classes, self.threshold, np.float32)
        values[list(self.own)] = [cut.threshold for cut in self.own.values()]
        return values


def criterion_of(
    fpr: float | None = None,
    precision: float | None = None,
    f_beta: float | None = None,
    conformal: float | None = None,
    of: str = "known",
) -> Criterion:
    """The one criterion that is asked for, `fpr=0.01` where none is; LookalikeError for two, or for a wrong value.

    of: what `conformal` is about, "known" images refused or "unknown" ones accepted.
    """
    asked = {"fpr": fpr, "precision": precision, "f-beta": f_beta, "conformal": conformal}
    given = {name: float(value) for name, value in asked.items() if value is not None}
    if len(given) > 1:
        said = " and ".join(f"{name} {value:g}" for name, value in given.items())
        raise LookalikeError(f"{said} cannot be kept by one threshold: give one of {', '.join(asked)}")
    if of != "known" and conformal is None:
        raise LookalikeError(f"of {of} says what conformal bounds: give conformal too")
    if conformal is not None:
        return Conformal(given["conformal"], of)
    name, value = next(iter(given.items()), ("fpr", DEFAULT_FPR))
    kinds: dict[str, type[FalseAcceptRate | Precision | FBeta]]
    kinds = {"fpr": FalseAcceptRate, "precision": Precision, "f-beta": FBeta}
    return kinds[name](value)


def choose(
    sample: Sample,
    criterion: Criterion,
    classes: int,
    *,
    per_class: bool = False,
    seed: int = 0,
    images: np.ndarray | None = None,
) -> Chosen:
    """Choose on a random part of the images and measure on all others; the same seed gives the same parts.

    classes: how many there are; codes in `sample` lie below it. per_class: a threshold of its own for each class with
    enough images, see `groups`. images: (n,) int64, equal where one image is in `sample` twice (known, and standing in
    for the unknown): where it chooses it does not measure, in either role. LookalikeError with too few images (it says
    how many are missing), and where no threshold does what is asked.
    """
    concerned = np.random.default_rng(seed).permutation(np.flatnonzero(sample.of(criterion.of)))
    part = criterion.part(len(concerned))
    choosing = sample.take(concerned[:part])
    images = np.arange(len(sample)) if images is None else images
    measuring = sample.take(~np.isin(images, images[concerned[:part]]))
    groups = Groups(None, [])
    if per_class:
        groups = grouped(criterion, _expected(sample.take(concerned[part:]), classes, part))
    cut, own = _cuts(criterion, choosing, groups, classes)
    if all(made.failed for made in (cut, *own.values()) if made):
        raise LookalikeError(str((cut or next(iter(own.values()))).failed))
    return _measured(cut, own, criterion, measuring, classes)


def _expected(others: Sample, classes: int, part: int) -> np.ndarray:
    """How many of `part` images should come near each class, (classes,) float, by those of the other part."""
    near = others.nearest[others.nearest >= 0]
    return np.bincount(near, minlength=classes) * (part / max(1, len(others)))


def _cuts(criterion: Criterion, choosing: Sample, groups: Groups, classes: int) -> tuple[Cut | None, dict[int, Cut]]:
    """For the shared group, if there is one, and for each class by itself."""
    own = {code: _cut(criterion, choosing, mask_of([code], classes), groups.number) for code in groups.singles}
    if not own:
        return criterion.choose(choosing), {}
    if groups.shared is None:
        return None, own
    return _cut(criterion, choosing, mask_of(groups.shared, classes), groups.number), own


def _cut(criterion: Criterion, choosing: Sample, mask: np.ndarray, groups: int) -> Cut:
    count, needed = int(choosing.near(mask).sum()), criterion.needed(groups)
    if count < needed:  # by chance: as many again were expected
        return Cut(criterion.vacuous, {"images": count}, f"{count} images came near, and {needed} are needed")
    return criterion.choose(choosing, mask, groups)


def _measured(cut: Cut | None, own: dict[int, Cut], criterion: Criterion, measuring: Sample, classes: int) -> Chosen:
    kept = [made.threshold for made in own.values() if not made.failed]
    made = Chosen(cut.threshold if cut else min(kept), cut, own, None, {}, None, None)
    accepted = accepts(measuring.distances, np.append(made.thresholds(classes), np.nan)[measuring.nearest])
    return replace(
        made,
        measured_on=criterion.measure(measuring, accepted),
        own_measured={code: criterion.measure(measuring, accepted, mask_of([code], classes)) for code in own},
        false_accepts=rate("false_accepts", accepted[~measuring.known]),
        false_rejects=rate("false_rejects", ~accepted[measuring.known]),
    )
