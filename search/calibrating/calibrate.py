"""Calibration: rank a labelled source, choose the threshold on a part of it, measure it on the others, store it.

Which images count and which are unknown: `labelled`. What a criterion promises and why it holds: `thresholds`.
"""

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...measures.separation import separation
from ...store.changing.writer import writing
from ...store.disk.lock import writer_lock
from ...store.errors import Busy, LookalikeError, LookalikeWarning
from ...store.progress import Progress
from ..deciding.calibration import Calibration
from ..deciding.calibration_file import prototypes_of, write_calibration
from ..deciding.rank import Way, refuse_no_classes
from ..deciding.separated import to_classes, warn_of_overlap
from ..linear.stored import keep_head
from ..neighbours.ready import check_whole
from ..view import View
from .labelled import Labelled, Roles, candidates, labels_in, ranked_sample, read_labelled, roles, without_foreign
from .labelled_source import LabelledSource
from .thresholds.choose import Chosen, choose
from .thresholds.criterion import Criterion
from .thresholds.sample import UNKNOWNS

if TYPE_CHECKING:
    from ...store.changing.writer import Writer
    from ...store.version.store import Store
    from ..linear.head import Head


def calibrate(
    view: View,
    source: LabelledSource,
    criterion: Criterion,
    *,
    by: str,
    per_class: bool,
    k: int,
    weights: str,
    seed: int,
    progress: Progress,
    cache: bool = True,
) -> Calibration:
    """Choose and publish the threshold, or thresholds, for `by` that keep `criterion`; by "linear" the head with it.

    LookalikeError, and nothing is stored: a source without labels, too few images for the bound (it says how many are
    missing), a target that these images cannot reach, or a collection without classes; one that cannot be written, or
    got another model meanwhile. Warns where the classes overlap so much that no threshold can keep its word.

    Others may write while it measures: what it stores is then of the version that was shown, as if they had come after;
    else of the version that it makes. One who writes at the end is waited for, which `progress` is told.
    """
    way = Way(by, k, weights)
    seed = check_whole("seed", seed, 0)
    with writer_lock(view.store.path):
        pass  # a folder that cannot be written, or is being written to, says so before any work
    refuse_no_classes(view)
    labels = labels_in(view, source)
    try:
        _refuse_hopeless(view, source, labels, criterion, seed)
    except LookalikeError:
        candidates(view, source, progress)  # where all are known, more images of this kind would not help
        raise
    _refuse_known(view, source, criterion, seed, progress)
    labelled = read_labelled(view, source, progress, cache)
    cast = _checked_roles(view, source, labelled.labels.tolist(), criterion, seed)
    head = view.fit_head(progress) if by == "linear" and view.store.classes else None
    sample, images = ranked_sample(view, labelled, cast, way)
    _warn_of_stand_ins(source, cast, criterion)
    nobody = [np.empty(0, np.int64)] * len(labelled.labels)
    distances, codes, names = to_classes(view, labelled.vectors, labelled.labels, nobody, by)
    warn_of_overlap(separation(distances, codes), names)
    chosen = choose(sample, criterion, len(view.store.classes), per_class=per_class, seed=seed, images=images)
    wish = {"per_class": per_class, "seed": seed, "source": os.path.realpath(source)}
    made = _record(view, criterion, chosen, way, unknowns=cast.unknowns, images=_counts(labelled, cast), **wish)
    return _published(view, made, head, progress)


def _warn_of_stand_ins(source: LabelledSource, cast: Roles, criterion: Criterion) -> None:
    """One line where a promise about unknown images rests on images of known classes."""
    if cast.unknowns == UNKNOWNS[1] and criterion.of != "known":
        warnings.warn(
            f"{source} has no image of a class that neither the collection nor the model knows: images of trained "
            "classes stand in for these, and what is promised of them does not hold for unknown images",
            LookalikeWarning,
            stacklevel=4,
        )


def _published(view: View, made: Calibration, head: "Head | None", progress: Progress) -> Calibration:
    """Store what was measured on top of the newest version; LookalikeError where that has another model.

    Where nobody wrote meanwhile it is of the version that it makes, which differs by nothing else.
    """
    with _write_when_free(view.store, progress) as writer:
        model = writer.base.model.digest if writer.base.model else None
        if model != made.model:
            raise LookalikeError(
                f"{view.store.path} got model {model} while it was calibrated for model {made.model}: calibrate again"
            )
        if head is not None:
            keep_head(writer, view.store, head)
        if writer.base.version == made.version:
            made = replace(made, version=made.version + 1)
        writer.add_calibration(write_calibration(view.store.path, made))
        writer.commit()
        return made


@contextmanager
def _write_when_free(store: "Store", progress: Progress) -> "Iterator[Writer]":
    """Become the one writer, however long another is: work of minutes is done, and must not be lost to them."""
    with ExitStack() as stack:
        while True:
            try:
                writer = stack.enter_context(writing(store))
                break
            except Busy as busy:
                progress(0, None, f"measured, and waits to be stored: {busy}")
        yield writer


def _refuse_hopeless(
    view: View, source: LabelledSource, labels: Sequence[str], criterion: Criterion, seed: int
) -> None:
    """LookalikeError where too few images can count, whichever of those with these labels turn out not to.

    An image of a class that nobody knows keeps all others from standing in, and may be a copy or no image at all. So
    the labels are refused only where they would be without such images too: the more of these, the more unknown ones.
    """
    try:
        _checked_roles(view, source, labels, criterion, seed)
    except LookalikeError:
        with suppress(LookalikeError):
            _checked_roles(view, source, without_foreign(view, labels), criterion, seed)
            return
        raise


def _refuse_known(view: View, source: LabelledSource, criterion: Criterion, seed: int, progress: Progress) -> None:
    """LookalikeError, before any image is encoded, where too few are left without those that are known already."""
    left = candidates(view, source, progress)
    try:
        _refuse_hopeless(view, source, left.labels, criterion, seed)
    except LookalikeError as error:
        if not left.others:
            raise
        raise LookalikeError(f"{error}; of its other images {left.others}, and do not count") from None


def _checked_roles(view: View, source: LabelledSource, labels: Sequence[str], criterion: Criterion, seed: int) -> Roles:
    """The roles of images with these labels; LookalikeError where they are too few or cannot stand for the unknown."""
    cast = roles(view, labels, mixed=criterion.of == "both", seed=seed)
    _refuse(view, source, criterion, cast.unknowns)
    try:
        criterion.part(cast.count(criterion.of))
    except LookalikeError as error:
        if cast.unknowns == UNKNOWNS[1] and criterion.of == "unknown":
            raise LookalikeError(f"{error}; those there are of trained classes, and would only stand in") from None
        raise
    return cast


def _counts(labelled: Labelled, cast: Roles) -> dict[str, int]:
    counts = {"known": cast.count("known"), "unknown": cast.count("unknown"), **labelled.aside}
    if cast.unknowns == UNKNOWNS[0]:  # of classes that the model was trained on and the collection lacks
        counts["trained"] = len(labelled.labels) - cast.count("both")
    return counts


def _refuse(view: View, source: LabelledSource, criterion: Criterion, unknowns: str | None) -> None:
    """Where unknown images are needed, there must be some, and for a conformal promise about them real ones."""
    if unknowns is None and criterion.of != "known":
        raise LookalikeError(
            f"{view.store.path} has one class only, so leaving a class out finds nothing: "
            "give images of classes that the collection does not have"
        )
    if unknowns == UNKNOWNS[1] and (criterion.name, criterion.of) == ("conformal", "unknown"):
        raise LookalikeError(
            f"{source} has no images of classes that neither the collection nor the model knows: conformal of unknown "
            "needs them; conformal of known does not"
        )


def _record(view: View, criterion: Criterion, chosen: Chosen, way: Way, **facts: Any) -> Calibration:
    """What was asked for and found; `facts` are fields as they are."""
    store = view.store
    classes = {
        store.classes[code]: {
            "threshold": cut.threshold,
            "chosen_on": cut.chosen_on,
            "measured_on": chosen.own_measured[code],
            "failed": cut.failed,
        }
        for code, cut in sorted(chosen.own.items())
    }
    return Calibration(
        by=way.by,
        k=way.k,
        weights=way.weights,
        criterion=criterion.name,
        target=criterion.target,
        of=criterion.of,
        threshold=chosen.threshold,
        failed=chosen.cut.failed if chosen.cut else None,
        classes=classes,
        chosen_on=chosen.cut.chosen_on if chosen.cut else None,
        measured_on=chosen.measured_on,
        false_accepts=chosen.false_accepts,
        false_rejects=chosen.false_rejects,
        version=store.version,
        next_row=store.next_row,
        rows=store.rows,
        prototypes=prototypes_of(store),
        model=store.model.digest if store.model else None,
        pretrained=view.images.pretrained,
        **facts,
    )
