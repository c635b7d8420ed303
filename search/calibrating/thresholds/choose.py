"""From images to thresholds: split the images, choose on one part, measure on the other."""

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
    """One or several thresholds, with what they were chosen and measured on.

    threshold: of every class without its own. cut: how it was chosen, None if every class has its own. by_class: class
    code to how its threshold was chosen. measured_on, measured_by_class: the error on images that did not choose, over
    all of them and for each class of `by_class`. false_accepts: unknown images accepted, false_rejects: known images
    refused, both on images that did not choose, with 95 % intervals. Measures are None if there were no images for
    them.
    """

    threshold: float
    cut: Cut | None
    by_class: dict[int, Cut]
    measured_on: dict[str, Any] | None
    measured_by_class: dict[int, dict[str, Any] | None]
    false_accepts: dict[str, Any] | None
    false_rejects: dict[str, Any] | None

    def thresholds(self, classes: int) -> np.ndarray:
        """The threshold of each class, (classes,) float32, as `decide` takes them."""
        values = np.full(classes, self.threshold, np.float32)
        values[list(self.by_class)] = [cut.threshold for cut in self.by_class.values()]
        return values


def criterion_of(
    fpr: float | None = None,
    precision: float | None = None,
    f_beta: float | None = None,
    conformal: float | None = None,
    of: str = "known",
) -> Criterion:
    """The criterion that was given, or `fpr=0.01`. Raises LookalikeError for two of them, or for an invalid value.

    of: what `conformal` bounds, "known" images refused or "unknown" images accepted.
    """
    options = {"fpr": fpr, "precision": precision, "f-beta": f_beta, "conformal": conformal}
    given = {name: float(value) for name, value in options.items() if value is not None}
    if len(given) > 1:
        both = " and ".join(f"{name} {value:g}" for name, value in given.items())
        raise LookalikeError(f"{both} cannot be met by one threshold: give only one of {', '.join(options)}")
    if of != "known" and conformal is None:
        raise LookalikeError(f"of is {of!r}, which is for conformal only: give conformal too")
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

    classes: number of classes; codes in `sample` lie below it. per_class: give each class with enough images its own
    threshold, see `groups`. images: (n,) int64, equal numbers for an image that is in `sample` twice (known, and as a
    stand-in for an unknown one): if it chooses in one role it does not measure in the other. Raises LookalikeError for
    too few images (it says how many more are needed), and if no threshold meets the criterion.
    """
    concerned = np.random.default_rng(seed).permutation(np.flatnonzero(sample.of(criterion.of)))
    part = criterion.part(len(concerned))
    choosing = sample.take(concerned[:part])
    images = np.arange(len(sample)) if images is None else images
    measuring = sample.take(~np.isin(images, images[concerned[:part]]))
    groups = Groups(None, [])
    if per_class:
        groups = grouped(criterion, _expected(sample.take(concerned[part:]), classes, part))
    cut, by_class = _cuts(criterion, choosing, groups, classes)
    if all(each.failed for each in (cut, *by_class.values()) if each):
        raise LookalikeError(str((cut or next(iter(by_class.values()))).failed))
    return _measured(cut, by_class, criterion, measuring, classes)


def _expected(others: Sample, classes: int, part: int) -> np.ndarray:
    """How many of `part` images are expected near each class, (classes,) float, judging by the other part."""
    near = others.nearest[others.nearest >= 0]
    return np.bincount(near, minlength=classes) * (part / max(1, len(others)))


def _cuts(criterion: Criterion, choosing: Sample, groups: Groups, classes: int) -> tuple[Cut | None, dict[int, Cut]]:
    """The cut of the shared group, if there is one, and the cut of each class that has its own."""
    by_class = {code: _cut(criterion, choosing, mask_of([code], classes), groups.number) for code in groups.singles}
    if not by_class:
        return criterion.choose(choosing), {}
    if groups.shared is None:
        return None, by_class
    return _cut(criterion, choosing, mask_of(groups.shared, classes), groups.number), by_class


def _cut(criterion: Criterion, choosing: Sample, mask: np.ndarray, groups: int) -> Cut:
    count, needed = int(choosing.near(mask).sum()), criterion.needed(groups)
    if count < needed:  # only by chance: twice as many were expected
        return Cut(
            criterion.vacuous, {"images": count}, f"{needed} nearby images are needed, but there were only {count}"
        )
    return criterion.choose(choosing, mask, groups)


def _measured(
    cut: Cut | None, by_class: dict[int, Cut], criterion: Criterion, measuring: Sample, classes: int
) -> Chosen:
    useful = [each.threshold for each in by_class.values() if not each.failed]
    chosen = Chosen(cut.threshold if cut else min(useful), cut, by_class, None, {}, None, None)
    accepted = accepts(measuring.distances, np.append(chosen.thresholds(classes), np.nan)[measuring.nearest])
    return replace(
        chosen,
        measured_on=criterion.measure(measuring, accepted),
        measured_by_class={code: criterion.measure(measuring, accepted, mask_of([code], classes)) for code in by_class},
        false_accepts=rate("false_accepts", accepted[~measuring.known]),
        false_rejects=rate("false_rejects", ~accepted[measuring.known]),
    )
