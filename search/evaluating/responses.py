"""A labelled source and how the collection answers its images: what `evaluate` and the report measure."""

from dataclasses import dataclass

import numpy as np

from ...store.errors import LookalikeError
from ...store.progress import Progress
from ...store.version.lookups import codes_of
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
class Responses:
    """n images of a source and the collection's answer to each, without the image's own content.

    vectors: (n, d) float32 unit rows. labels: (n,) texts, "" without one. contents: SHA-256 in hex, or None. codes:
    (n,) int64, positions of the labels in `store.classes`, -1 for a class that the collection does not have and for no
    label. excluded_rows: for each image the stored rows of its content. answers: the decisions, at `calibration` where
    there is one. rejected: how many images of the source cannot be read. seen: how many of the others the model was
    trained on.
    """

    view: View
    source: LabelledSource | str
    vectors: np.ndarray
    labels: np.ndarray
    contents: list[str | None]
    codes: np.ndarray
    excluded_rows: list[np.ndarray]
    answers: Decisions
    calibration: Calibration | None
    rejected: int
    seen: int

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def known(self) -> np.ndarray:
        """(n,) bool: the images whose class the collection has, apart from their own content.

        An image that is the only one of its class has no right answer, and counts neither as known nor as unknown.
        """
        store = self.view.store
        class_sizes = np.bincount(store.codes(store.live_rows()) + 1, minlength=len(store.classes) + 1)
        image = np.repeat(np.arange(len(self)), [len(rows) for rows in self.excluded_rows])
        excluded = np.concatenate([np.empty(0, np.int64), *self.excluded_rows])
        of_own_class = store.codes(excluded) == self.codes[image]
        excluded_counts = np.bincount(image[of_own_class], minlength=len(self))
        known: np.ndarray = (self.codes >= 0) & (class_sizes[self.codes + 1] > excluded_counts)
        return known

    @property
    def unknown(self) -> np.ndarray:
        """(n,) bool: the images with a label that the collection does not have."""
        unknown: np.ndarray = (self.labels != "") & (self.codes < 0)
        return unknown

    @property
    def label_codes(self) -> np.ndarray:
        """(n,) int64: codes of the source's labels, also of those that the collection lacks; -1 without a label."""
        return np.unique(np.append(self.labels, "").astype(str), return_inverse=True)[1][:-1] - 1

    @cached_property
    def to_classes(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """(distances (m, c), codes (m,), names (c,)) of the known images to the classes; see `separated`."""
        return to_classes(self.view, self.vectors, self.labels, self.excluded_rows, self.answers.by)


def responses_to(
    view: View, source: LabelledSource, rule: DecisionRule, progress: Progress, cache: bool = True
) -> Responses:
    """Encode a source and let the collection answer each image.

    Raises LookalikeError for a source without labels and for a collection without classes.
    """
    images = view.images.encode_source(source, progress, cache=cache)
    labels = np.array([label or "" for label in images.labels], dtype=object)
    if not len(labels):
        rejected = images.why_rejected and f" ({images.why_rejected})"
        raise LookalikeError(f"{source} has no image that can be read{rejected}, so nothing can be measured")
    if not (labels != "").any():
        raise LookalikeError(
            f"{source} has no labels, so nothing can be measured: give class folders, or a column of labels that is "
            "called label or named with --label-column"
        )
    store = view.store
    excluded_rows = rows_of_contents(store, images.contents)
    calibration = threshold_of(store, rule)
    return Responses(
        view=view,
        source=source,
        vectors=images.vectors,
        labels=labels,
        contents=images.contents,
        codes=codes_of(labels, store.classes),
        excluded_rows=excluded_rows,
        answers=decisions(view, images.vectors, excluded_rows, rule, calibration, progress),
        calibration=calibration,
        rejected=images.rejected,
        seen=int(images.seen.sum()),
    )
