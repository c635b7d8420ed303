"""A labelled source, decoded once to the size of the recipe: uint8 pixels in a temporary file, mapped into memory.

The system keeps as much of it in memory as there is room for, so a training set may be larger than the memory.
"""

import tempfile
from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...store.disk.publish import plain_errors
from ...store.errors import LookalikeError
from ...store.progress import Progress, silent
from ...store.work.fragments import cut
from ..encoders.training_images import NO_MARKS, mark
from ..images.image import Image, image_or_rejection
from ..images.preprocessing import Preprocessing
from ..images.processes.decoders import FEW, decode, for_encoder
from ..images.rejected import Rejected
from ..sources import Record, Source
from ..sources.class_names import ClassNames
from ..syncing.notes import in_words, link_notes


@dataclass(frozen=True)
class TrainingSet:
    """images: uint8 (n, size, size, channels). labels: n strings. unlabelled, rejected: numbers of images left out.

    marks: (n,) int64, the mark of each image's content (see `training_images`); empty if unknown. reasons: how many
    images were rejected, by reason, the most frequent first. notes: sentences on other things that were left out.
    """

    images: np.ndarray
    labels: list[str]
    unlabelled: int = 0
    rejected: int = 0
    marks: NDArray[np.int64] = field(default_factory=lambda: NO_MARKS)
    reasons: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_training_set(
    source: Source, preprocessing: Preprocessing, scratch: Path, progress: Progress = silent
) -> TrainingSet:
    """Decode every labelled image of a source, in its order; `scratch` is a folder with room for the pixels.

    Raises LookalikeError if the source cannot be used, if no image is labelled and readable, and if only images of one
    class are readable.
    """
    labels: list[str] = []
    marks = array("q")
    seen = unlabelled = 0
    reasons: Counter[str] = Counter()
    classes = ClassNames()
    with (
        plain_errors(f"write pixels below {scratch}"),
        tempfile.TemporaryFile(dir=scratch) as file,
    ):
        for records in cut(source.records(), FEW):
            labelled = [record for record in records if record.label is not None]
            images = [image_or_rejection(source, record.locator) for record in labelled]
            outcomes = decode([i.data if isinstance(i, Image) else i for i in images], for_encoder(preprocessing))
            for record, image, outcome in zip(labelled, images, outcomes, strict=True):
                if isinstance(outcome, Rejected) or isinstance(image, Rejected):
                    reasons[next(each.reason for each in (image, outcome) if isinstance(each, Rejected))] += 1
                else:
                    marks.append(mark(image.sha256))
                    file.write(np.ascontiguousarray(outcome.pixels).data)
                    labels.append(str(record.label))
                    classes.add(record.label)
            unlabelled += _count_unlabelled(source, records, reasons)
            seen += len(records)
            progress(seen, None, "images read")
        if not labels:
            raise _nothing(source, unlabelled, reasons)
        if reasons and len(set(labels)) == 1:
            raise _one_class(source, labels[0], reasons)
        classes.warn(source.name)
        file.flush()
        shape = (len(labels), preprocessing.size, preprocessing.size, preprocessing.channels)
        return TrainingSet(
            np.memmap(file, np.uint8, "r", shape=shape),
            labels,
            unlabelled,
            reasons.total(),
            np.array(marks, dtype=np.int64),
            dict(reasons.most_common()),
            source.notes() + link_notes(reasons),
        )


def _count_unlabelled(source: Source, records: list[Record], reasons: Counter[str]) -> int:
    """How many records have no label; those without a file, such as links to class folders, count as rejected."""
    count = 0
    for record in records:
        if record.label is not None:
            continue
        image = image_or_rejection(source, record.locator) if record.size is None else None
        if isinstance(image, Rejected):
            reasons[image.reason] += 1
        else:
            count += 1
    return count


def _nothing(source: Source, unlabelled: int, reasons: Counter[str]) -> LookalikeError:
    """The error for a source without a labelled image that can be read."""
    why = f": {in_words(reasons)}" if reasons else ""
    links = "".join(f"; {note}" for note in link_notes(reasons))
    labels = "; use class folders, a metadata.csv or a label column for labels" if unlabelled or not reasons else ""
    return LookalikeError(
        f"{source.name} has nothing to train on: {unlabelled} images have no label, and {reasons.total()} cannot be "
        f"read{why}{labels}{links}"
    )


def _one_class(source: Source, name: str, reasons: Counter[str]) -> LookalikeError:
    """The error for a source in which the images of all other classes cannot be read, such as those behind links."""
    links = "".join(f"; {note}" for note in link_notes(reasons))
    return LookalikeError(
        f"{source.name}: all readable images belong to one class ({name!r}), and a training needs two or more; "
        f"{reasons.total():,} cannot be read: {in_words(reasons)}{links}"
    )
