"""A labelled source as a collection sees it: what `evaluate` measures."""

from dataclasses import dataclass

import numpy as np

from ...store.errors import LookalikeError
from ...store.progress import Progress
from ...store.work.forks import cached_property
from ..calibrating.labelled_source import LabelledSource
from ..deciding.calibration import Calibration
from ..deciding.calibration_file import threshold_of
from ..deciding.classify import decisions
from ..deciding.decisions import Decisions
from ..deciding.rank import DecisionRule
from ..deciding.separated import to_classes
from ..neighbours.own_picture import rows_of_contents
from ..view import View


@dataclass(frozen=True)
class Evaluation:
    """n images of a source, and what the collection says to each, its own content left out.

    vectors: (n, d) float32 unit rows. labels: (n,) texts, "" without one. contents: SHA-256 in hex, or None. codes:
    (n,) int64, the class's place in `store.classes`, -1 for a class that the collection does not have and for no label.
    own: for each the stored rows of its content. made: the decisions, at `calibration` where there is one. rejected:
    images of the source that cannot be read. seen: how many of the others the model was trained on.
    """

    view: View
    source: LabelledSource | str
    vectors: np.ndarray
    labels: np.ndarray
    contents: list[str | None]
    codes: np.ndarray
    own: list[np.ndarray]
    made: Decisions
    calibration: Calibration | None
    rejected: int
    seen: int

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def known(self) -> np.ndarray:
        """(n,) bool: the images whose class the collection has, be it without their own content.

        An image that is all of its class has no right answer, and counts neither as known nor as unknown.
        """
        store = self.view.store
        held = np.bincount(store.codes(store.live_rows()) + 1, minlength=len(store.classes) + 1)
        whose = np.repeat(np.arange(len(self)), [len(rows) for rows in self.own])
        mine = store.codes(np.concatenate([np.empty(0, np.int64), *self.own])) == self.codes[whose]
        return (self.codes >= 0) & (held[self.codes + 1] > np.bincount(whose[mine], minlength=len(self)))

    @property
    def unknown(self) -> np.ndarray:
        """(n,) bool: the images with a label that the collection does not have."""
        return (self.labels != "") & (self.codes < 0)

    @property
    def label_codes(self) -> np.ndarray:
        """(n,) int64: codes of the source's own labels, also of those the collection lacks; -1 without a label."""
        return np.unique(np.append(self.labels, "").astype(str), return_inverse=True)[1][:-1] - 1

    @cached_property
    def to_classes(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """(distances (m, c), codes (m,), names (c,)) of the known images to the classes: see `separated`."""
        return to_classes(self.view, self.vectors, self.labels, self.own, self.made.by)


def ask_source(
    view: View, source: LabelledSource, rule: DecisionRule, progress: Progress, cache: bool = True
) -> Evaluation:
    """Encode a source and let the collection answer each image.

    LookalikeError for a source without labels, and a collection without classes.
    """
    images = view.images.encode_source(source, progress, cache=cache)
    labels = np.array([label or "" for label in images.labels], dtype=object)
    if not len(labels):
        rejected = images.why_rejected and f" ({images.why_rejected})"
        raise LookalikeError(f"{source} has no readable image{rejected}, so nothing can be measured")
    if not (labels != "").any():
        raise LookalikeError(
            f"{source} has no labels, so nothing can be measured: give class folders or a column of labels, which is "
            "called label or named with --label-column"
        )
    store = view.store
    place = {name: code for code, name in enumerate(store.classes)}
    own = rows_of_contents(store, images.contents)
    calibration = threshold_of(store, rule)
    return Evaluation(
        view=view,
        source=source,
        vectors=images.vectors,
        labels=labels,
        contents=images.contents,
        codes=np.array([place.get(label, -1) for label in labels], np.int64),
        own=own,
        made=decisions(view, images.vectors, own, rule, calibration, progress),
        calibration=calibration,
        rejected=images.rejected,
        seen=int(images.seen.sum()),
    )
