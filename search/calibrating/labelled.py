"""A labelled source made ready to calibrate: which of its images count, and the nearest class of each.

Images count that are labelled, that neither the collection holds nor the model was trained on, and once each: copies
are not independent, and a bound counts independent images. Unknown ones are those whose label is neither in the
collection nor among the model's training classes. Where there are none, images of classes the model was trained on
stand in, ranked as if the collection did not have their class; the model has learned to tell these classes apart, so
that is optimistic.

Labels alone say how many images count at most, and in which role, before any is read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...measures.distances import distance_of
from ...store.errors import LookalikeError
from ...store.progress import Progress
from ..deciding.rank import Ranked, Way, rank, rank_without_class
from ..view import View
from .labelled_source import LabelledSource
from .thresholds.sample import UNKNOWNS, Sample


@dataclass(frozen=True)
class Labelled:
    """The images of a source that count: vectors (n, d), labels (n,), and how many others there were of each kind."""

    vectors: np.ndarray
    labels: np.ndarray
    aside: dict[str, int]


def labels_in(view: View, source: LabelledSource) -> list[str]:
    """The labels that a source lists, before any image is read; LookalikeError where there is none."""
    labels = [label for label in view.images.labels(source) if label is not None]
    if not labels:
        raise LookalikeError(
            f"{source} has no labelled images: calibration needs class folders or a column of labels, which is called "
            "label or named with --label-column"
        )
    return labels


@dataclass(frozen=True)
class Candidates:
    """What is known of a source's images once they were read, and none encoded: labels of those that may count.

    stored: how many others the collection holds already. seen: how many others the model was trained on.
    """

    labels: list[str]
    stored: int
    seen: int

    @property
    def others(self) -> str:
        """The others in words; empty where there is none."""
        counts = ((self.stored, "in the collection already"), (self.seen, "ones that the model was trained on"))
        return " and ".join(f"{count} are {what}" for count, what in counts if count)


def candidates(view: View, source: LabelledSource, progress: Progress) -> Candidates:
    """Look at the contents of a source before any is encoded; LookalikeError where every one of them is known."""
    looked = view.images.contents(source, progress)
    first = {content: (label, seen) for label, content, seen in reversed(looked) if content and label is not None}
    stored = view.store.find_contents(list(first)) >= 0
    new = [label for (label, seen), known in zip(first.values(), stored, strict=True) if not known and not seen]
    trained = sum(seen for (_, seen), known in zip(first.values(), stored, strict=True) if not known)
    if first and not new:
        raise _all_known(source)
    return Candidates(new, int(stored.sum()), trained)


def _all_known(source: LabelledSource) -> LookalikeError:
    return LookalikeError(
        f"every image of {source} is in the collection, or the model was trained on it: calibration needs images that "
        "neither has seen; keep some of each class out of `embed` and `train`, in a folder of their own, and give that"
    )


def read_labelled(view: View, source: LabelledSource, progress: Progress, cache: bool = True) -> Labelled:
    """Encode a source; LookalikeError where no labelled image can be read, or none is new to collection and model."""
    encoded = view.images.encode_source(source, progress, cache=cache)
    kept = np.array([label is not None for label in encoded.labels], bool)
    if not kept.any():
        raise LookalikeError(f"{source} has no labelled image that can be read ({encoded.why_rejected})")
    unlabelled = int((~kept).sum())
    first: dict[str, int] = {}
    for i, content in enumerate(encoded.contents):
        if content is not None and kept[i]:
            kept[i] = first.setdefault(content, i) == i
    copies = len(kept) - unlabelled - int(kept.sum())
    stored = np.flatnonzero(view.store.find_contents(list(first)) >= 0)
    kept[np.array(list(first.values()), np.int64)[stored]] = False
    learned = kept & encoded.seen
    kept &= ~learned
    if not kept.any():
        raise _all_known(source)
    aside = {"unlabelled": unlabelled, "copies": copies, "stored": len(stored), "seen_in_training": int(learned.sum())}
    aside["rejected"] = encoded.rejected
    return Labelled(encoded.vectors[kept], np.array(encoded.labels, dtype=object)[kept], aside)


@dataclass(frozen=True)
class Roles:
    """What each of n images is ranked as, (n,) bool each; a known one may stand in for an unknown one as well.

    known: by its own class. standing: as if its class were not there. unknown: of a class that is not there. unknowns:
    which of UNKNOWNS these are, None where there can be none.
    """

    known: np.ndarray
    standing: np.ndarray
    unknown: np.ndarray
    unknowns: str | None

    def count(self, of: str) -> int:
        """How many the sample will hold of "known" images, of "unknown" ones, or of "both"."""
        known, unknown = int(self.known.sum()), int(self.standing.sum() + self.unknown.sum())
        return {"known": known, "unknown": unknown, "both": known + unknown}[of]


def roles(view: View, labels: Sequence[str], *, mixed: bool, seed: int) -> Roles:
    """What labelled images (n) are ranked as.

    Without unknown images each known one stands in as well, next to itself, or where the `mixed` share of unknown
    images matters a random half of them, in its own stead.
    """
    classes = view.store.classes
    known = _among(labels, classes)
    nobody = np.zeros(len(known), bool)
    foreign = _foreign(view, labels)
    if foreign.any():
        return Roles(known, nobody, foreign, UNKNOWNS[0])
    standing, unknown = known if len(classes) > 1 else nobody, ~known
    if mixed:
        half = np.random.default_rng([seed, 1]).permutation(np.flatnonzero(standing))[: int(standing.sum()) // 2]
        standing = np.isin(np.arange(len(known)), half)
        known = known & ~standing
    return Roles(known, standing, unknown, UNKNOWNS[1] if len(classes) > 1 or unknown.any() else None)


def without_foreign(view: View, labels: Sequence[str]) -> list[str]:
    """Those of `labels` that the collection has or the model was trained on."""
    return [label for label, foreign in zip(labels, _foreign(view, labels), strict=True) if not foreign]


def _foreign(view: View, labels: Sequence[str]) -> np.ndarray:
    """(n,) bool: which labels are neither in the collection nor among the model's training classes."""
    return ~_among(labels, [*view.store.classes, *view.images.training_classes])


def ranked_sample(view: View, labelled: Labelled, cast: Roles, way: Way) -> tuple[Sample, np.ndarray]:
    """The images with their nearest class, in their roles, and which image (m,) int64 each of these is.

    Codes are places in `store.classes`. An image that stands in next to itself is there twice.
    """
    sample = _joined(
        _known(view, labelled, cast.known, way),
        _left_out(view, labelled, cast.standing, way),
        _unknown(view, labelled, cast.unknown, way),
    )
    return sample, np.concatenate([np.flatnonzero(which) for which in (cast.known, cast.standing, cast.unknown)])


def _among(labels: Iterable[str], classes: Sequence[str]) -> np.ndarray:
    """(n,) bool; np.isin compares each label with each class where they are objects."""
    there = set(classes)
    return np.array([label in there for label in labels], bool)


def _known(view: View, labelled: Labelled, which: np.ndarray, way: Way) -> Sample:
    codes = _codes(view, labelled.labels[which].tolist())
    return _sample(view, rank(view, labelled.vectors[which], None, way), codes)


def _unknown(view: View, labelled: Labelled, which: np.ndarray, way: Way) -> Sample:
    return _sample(view, rank(view, labelled.vectors[which], None, way))


def _left_out(view: View, labelled: Labelled, which: np.ndarray, way: Way) -> Sample:
    labels = labelled.labels[which].tolist()
    return _sample(view, rank_without_class(view, labelled.vectors[which], labels, way))


def _sample(view: View, ranked: Ranked, truth: np.ndarray | None = None) -> Sample:
    if truth is None:
        truth = np.full(len(ranked.scores), -1, np.int64)
    if not ranked.scores.size:
        return Sample(np.full(len(truth), np.inf, np.float32), np.full(len(truth), -1, np.int64), truth)
    codes, found = ranked.codes[:, 0], ranked.codes[:, 0] >= 0
    nearest = np.append(_codes(view, ranked.classes), -1)[codes]
    return Sample(np.where(found, distance_of(ranked.scores[:, 0]), np.float32(np.inf)), nearest, truth)


def _codes(view: View, names: list[str]) -> np.ndarray:
    place = {name: code for code, name in enumerate(view.store.classes)}
    return np.array([place[name] for name in names], np.int64)


def _joined(*samples: Sample) -> Sample:
    return Sample(
        *(np.concatenate([getattr(sample, name) for sample in samples]) for name in ("distances", "nearest", "truth"))
    )
