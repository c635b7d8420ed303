"""Calibration: rank a labelled source, choose the threshold on one part of it, measure it on the other, store it.

`labelled` says which images count and which are unknown, `enough` how many are needed, and `thresholds` what each
criterion guarantees and why.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...measures.separation import Separation, separation
from ...store.changing.writer import writing
from ...store.checks import whole_number
from ...store.disk.lock import writer_lock
from ...store.errors import Busy, LookalikeError, LookalikeWarning
from ...store.progress import Progress
from ..deciding.calibration import Calibration
from ..deciding.calibration_file import prototypes_of, write_calibration
from ..deciding.rank import DecisionRule, refuse_no_classes
from ..deciding.separated import to_classes, warn_of_overlap
from ..linear.stored import keep_head
from ..view import View
from .enough import check_enough, checked_roles
from .labelled import Labelled, Roles, ranked_sample, read_labelled
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
    """Choose and store the threshold, or thresholds, for `by` that meet `criterion`; for "linear" the head as well.

    Raises LookalikeError, and stores nothing, for a source without labels, too few images (it says how many more are
    needed), a target that these images cannot reach, or a collection without classes, which cannot be written, or which
    got another model meanwhile. Warns if the classes overlap so much that no threshold is reliable.

    Others may write during the measurement: the calibration then has the version that was measured, as if they had
    written later; else it has the version that storing it creates. If another process is writing at the end, it waits
    and says so by `progress`.
    """
    rule = DecisionRule(by, k, weights)
    seed = whole_number("seed", seed, 0)
    _check_writable(view)
    refuse_no_classes(view)
    check_enough(view, source, criterion, seed, progress)

    labelled = read_labelled(view, source, progress, cache)
    cast = checked_roles(view, source, labelled.labels.tolist(), criterion, seed)
    _warn_of_stand_ins(source, cast, criterion)

    head = view.fit_head(progress) if by == "linear" else None
    sample, images = ranked_sample(view, labelled, cast, rule)
    warn_of_overlap(*_separation(view, labelled, by))

    chosen = choose(sample, criterion, len(view.store.classes), per_class=per_class, seed=seed, images=images)
    options = {"per_class": per_class, "seed": seed, "source": os.path.realpath(source)}
    facts = {"unknowns": cast.unknowns, "images": _counts(labelled, cast)}
    return _publish(view, _record(view, criterion, chosen, rule, **facts, **options), head, progress)


def _check_writable(view: View) -> None:
    """Raise LookalikeError, before any work, if the folder cannot be written or another process is writing."""
    with writer_lock(view.store.path):
        pass


def _warn_of_stand_ins(source: LabelledSource, cast: Roles, criterion: Criterion) -> None:
    """Warn if a bound about unknown images is computed from images of known classes."""
    if cast.unknowns == UNKNOWNS[1] and criterion.of != "known":
        warnings.warn(
            f"{source} has no images of classes that neither the collection nor the model knows: images of trained "
            "classes stand in for these, and the bound does not hold for images of unknown classes",
            LookalikeWarning,
            stacklevel=4,
        )


def _separation(view: View, labelled: Labelled, by: str) -> tuple[Separation, list[str]]:
    """How well the classes are separated, and their names in the order of their codes."""
    excluded = [np.empty(0, np.int64)] * len(labelled.labels)
    distances, codes, names = to_classes(view, labelled.vectors, labelled.labels, excluded, by)
    return separation(distances, codes), names


def _publish(view: View, calibration: Calibration, head: "Head | None", progress: Progress) -> Calibration:
    """Store the calibration in a new version. Raises LookalikeError if the newest version has another model.

    If nobody wrote meanwhile, the calibration has the number of the new version, which differs in nothing else.
    """
    with _write_when_free(view.store, progress) as writer:
        model = writer.base.model.digest if writer.base.model else None
        if model != calibration.model:
            raise LookalikeError(
                f"{view.store.path} got model {model} while it was calibrated for model {calibration.model}: calibrate "
                "again"
            )
        if head is not None:
            keep_head(writer, view.store, head)
        if writer.base.version == calibration.version:
            calibration = replace(calibration, version=calibration.version + 1)
        writer.add_calibration(write_calibration(view.store.path, calibration))
        writer.commit()
        return calibration


@contextmanager
def _write_when_free(store: "Store", progress: Progress) -> "Iterator[Writer]":
    """Become the writer, however long another process writes: minutes of work are done and must not be lost."""
    with ExitStack() as stack:
        while True:
            try:
                writer = stack.enter_context(writing(store))
                break
            except Busy as busy:
                progress(0, None, f"measured; waiting to store the calibration: {busy}")
        yield writer


def _counts(labelled: Labelled, cast: Roles) -> dict[str, int]:
    counts = {"known": cast.count("known"), "unknown": cast.count("unknown"), **labelled.aside}
    if cast.unknowns == UNKNOWNS[0]:  # of classes that the model was trained on but the collection lacks
        counts["trained"] = len(labelled.labels) - cast.count("both")
    return counts


def _record(view: View, criterion: Criterion, chosen: Chosen, rule: DecisionRule, **facts: Any) -> Calibration:
    """The calibration with the state of the collection; `facts` are further fields."""
    store = view.store
    classes = {
        store.classes[code]: {
            "threshold": cut.threshold,
            "chosen_on": cut.chosen_on,
            "measured_on": chosen.measured_by_class[code],
            "failed": cut.failed,
        }
        for code, cut in sorted(chosen.by_class.items())
    }
    return Calibration(
        by=rule.by,
        k=rule.k,
        weights=rule.weights,
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
