"""Whether a source has enough images to calibrate with, which is checked before any image is encoded.

Labels alone say how many images there are at most in each role; contents then say how many of these count. Both checks
come before the encoding, which takes minutes.
"""

from collections.abc import Sequence
from contextlib import suppress

from ...store.errors import LookalikeError
from ...store.progress import Progress
from ..view import View
from .labelled import Roles, candidates, labels_in, roles, without_foreign
from .labelled_source import LabelledSource
from .thresholds.criterion import Criterion
from .thresholds.sample import UNKNOWNS


def check_enough(view: View, source: LabelledSource, criterion: Criterion, seed: int, progress: Progress) -> None:
    """Raise LookalikeError if the labels, or the images that are new to collection and model, are too few."""
    labels = labels_in(view, source)
    try:
        _check_labels(view, source, labels, criterion, seed)
    except LookalikeError:
        candidates(view, source, progress)  # if every image is known, the error says that instead
        raise
    new = candidates(view, source, progress)
    try:
        _check_labels(view, source, new.labels, criterion, seed)
    except LookalikeError as error:
        if not new.others:
            raise
        raise LookalikeError(f"{error}; of its other images {new.others}, and do not count") from None


def checked_roles(view: View, source: LabelledSource, labels: Sequence[str], criterion: Criterion, seed: int) -> Roles:
    """The roles of images with these labels. Raises LookalikeError if they are too few or have no unknown images."""
    cast = roles(view, labels, mixed=criterion.of == "both", seed=seed)
    _check_unknowns(view, source, criterion, cast.unknowns)
    count = cast.count(criterion.of)
    if cast.unknowns != UNKNOWNS[1] or criterion.of != "unknown":
        criterion.part(count)
        return cast
    try:
        criterion.part(count, called="stand-ins")
    except LookalikeError as error:
        raise LookalikeError(
            f"{source} has no images of unknown classes: add some, in folders of their own. Images of known classes "
            f"can stand in for them, which is optimistic, and {error}"
        ) from None
    return cast


def _check_labels(view: View, source: LabelledSource, labels: Sequence[str], criterion: Criterion, seed: int) -> None:
    """Raise LookalikeError if there are too few images, whichever of them turn out to be unreadable or copies.

    One image of an unknown class keeps all others from being stand-ins, but it may turn out to be unreadable. So the
    labels are refused only if they would be too few without such images too.
    """
    try:
        checked_roles(view, source, labels, criterion, seed)
    except LookalikeError:
        with suppress(LookalikeError):
            checked_roles(view, source, without_foreign(view, labels), criterion, seed)
            return
        raise


def _check_unknowns(view: View, source: LabelledSource, criterion: Criterion, unknowns: str | None) -> None:
    """Raise LookalikeError if a criterion needs unknown images and the source has none that it can use."""
    if unknowns is None and criterion.of != "known":
        raise LookalikeError(
            f"{view.store.path} has one class only, so no class can stand in for unknown ones: give images of classes "
            "that the collection does not have"
        )
    if unknowns == UNKNOWNS[1] and (criterion.name, criterion.of) == ("conformal", "unknown"):
        raise LookalikeError(
            f"{source} has no images of classes that neither the collection nor the model knows: conformal of unknown "
            "needs them; conformal of known does not"
        )
