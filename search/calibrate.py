"""Calibration: rank a labelled source, choose the threshold on a part of it, measure it on the others, store it.

Which images count and which are unknown: `labelled`. What a criterion promises and why it holds: `thresholds`.
"""

from typing import TYPE_CHECKING, Any

from ..store.errors import LookalikeError
from ..store.progress import Progress
from .calibration import UNKNOWNS, Calibration, prototypes_of, write_calibration
from .labelled import ranked_sample, read_labelled
from .rank import Way
from .separated import separated, warn_of_overlap
from .stored_head import keep_head
from .thresholds.choose import Chosen, choose
from .thresholds.criterion import Criterion

if TYPE_CHECKING:
    from .collection import Collection


def calibrate(
    collection: "Collection",
    source: str,
    criterion: Criterion,
    *,
    by: str,
    per_class: bool,
    k: int,
    weights: str,
    seed: int,
    progress: Progress,
) -> Calibration:
    """Choose and publish the threshold, or thresholds, for `by` that keep `criterion`; by "linear" the head with it.

    LookalikeError, and nothing is stored: a source without labels, too few images for the bound (it says how many are
    missing), a target that these images cannot reach, or a collection without classes. Warns where the classes overlap
    so much that no threshold can keep its word.
    """
    way = Way(by, k, weights)
    with collection.store.write() as writer:  # a folder that cannot be written says so before any work
        labelled = read_labelled(collection, source, progress)
        head = collection.view.fit_head(progress) if by == "linear" and collection.store.classes else None
        sample, unknowns = ranked_sample(collection, labelled, way, mixed=criterion.of == "both", seed=seed)
        _refuse(collection, source, criterion, unknowns)
        warn_of_overlap(*separated(collection, labelled.vectors, labelled.labels))
        chosen = choose(sample, criterion, len(collection.store.classes), per_class=per_class, seed=seed)
        images = {"known": int(sample.known.sum()), "unknown": int((~sample.known).sum()), **labelled.aside}
        if unknowns == UNKNOWNS[0]:  # of classes that the model was trained on and the collection lacks
            images["trained"] = len(labelled.labels) - len(sample.truth)
        wish = {"per_class": per_class, "seed": seed, "source": source}
        made = _record(collection, criterion, chosen, way, unknowns=unknowns, images=images, **wish)
        if head is not None:
            keep_head(writer, collection.store, head)
        writer.add_calibration(write_calibration(collection.path, made))
        writer.commit()
    return made


def _refuse(collection: "Collection", source: str, criterion: Criterion, unknowns: str | None) -> None:
    """Where unknown images are needed, there must be some, and for a conformal promise about them real ones."""
    if unknowns is None and criterion.of != "known":
        raise LookalikeError(
            f"{collection.path} has one class only, so leaving a class out finds nothing: "
            "give images of classes that the collection does not have"
        )
    if unknowns == UNKNOWNS[1] and (criterion.name, criterion.of) == ("conformal", "unknown"):
        raise LookalikeError(
            f"{source} has no images of classes that neither the collection nor the model knows: conformal of unknown "
            "needs them; conformal of known does not"
        )


def _record(collection: "Collection", criterion: Criterion, chosen: Chosen, way: Way, **facts: Any) -> Calibration:
    """What was asked for and found; `facts` are fields as they are."""
    store = collection.store
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
        **facts,
    )
