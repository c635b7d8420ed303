"""The images of a labelled source that count for a calibration, their roles, and the nearest class of each.

An image counts if it is labelled, is not in the collection, and was not used to train the model. Of copies one counts,
because a bound needs independent images. An image is unknown if its label is neither in the collection nor among the
training classes of the model. If there are no unknown images, images of training classes stand in for them, ranked as
if the collection did not have their class; the model has learned to tell these classes apart, so this is optimistic.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...measures.distances import distance_of
from ...store.errors import LookalikeError
from ...store.progress import Progress
from ...store.version.lookups import codes_of
from ..deciding.rank import DecisionRule, Ranked, rank, rank_without_class
from ..view import View
from .labelled_source import LabelledSource
from .thresholds.sample import UNKNOWNS, Sample


@dataclass(frozen=True)
class Labelled:
    """The images of a source that count: vectors (n, d), labels (n,), and the number of others of each kind."""

    vectors: np.ndarray
    labels: np.ndarray
    aside: dict[str, int]


def labels_in(view: View, source: LabelledSource) -> list[str]:
    """The labels in a source, before any image is read. Raises LookalikeError if there are none."""
    labels = [label for label in view.images.labels(source) if label is not None]
    if not labels:
        raise LookalikeError(
            f"{source} has no labelled images: give a folder with one folder per class, or a table with a column of "
            "labels, which is called label or named with --label-column"
        )
    return labels


@dataclass(frozen=True)
class Candidates:
    """The labels of the images that may count, after their contents were read and before any is encoded.

    stored: number of others that are in the collection. seen: number of others that the model was trained on.
    """

    labels: list[str]
    stored: int
    seen: int

    @property
    def others(self) -> str:
        """The others in words; empty if there are none."""
        counts = ((self.stored, "in the collection already"), (self.seen, "ones that the model was trained on"))
        return " and ".join(f"{count} are {what}" for count, what in counts if count)


def candidates(view: View, source: LabelledSource, progress: Progress) -> Candidates:
    """Read the contents of a source before any is encoded. Raises LookalikeError if all of them are known."""
    contents = view.images.contents(source, progress)
    first = {content: (label, seen) for label, content, seen in reversed(contents) if content and label is not None}
    stored = view.store.find_contents(list(first)) >= 0
    new = [label for (label, seen), known in zip(first.values(), stored, strict=True) if not known and not seen]
    trained = sum(seen for (_, seen), known in zip(first.values(), stored, strict=True) if not known)
    if first and not new:
        raise _all_known(source)
    return Candidates(new, int(stored.sum()), trained)


def _all_known(source: LabelledSource) -> LookalikeError:
    return LookalikeError(
        f"every image of {source} is in the collection, or the model was trained on it: calibration needs images that "
        "neither has seen; keep some images of each class out of `embed` and `train`, in another folder, and give that"
    )


def read_labelled(view: View, source: LabelledSource, progress: Progress, cache: bool = True) -> Labelled:
    """Encode a source. Raises LookalikeError if no labelled image can be read, or all are known already."""
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
    """The roles of n images, (n,) bool each; a known image may be a stand-in for an unknown one as well.

    known: ranked normally. standing: ranked as if its class were not in the collection. unknown: its class is not in
    the collection. unknowns: which of UNKNOWNS the last two are, None if there can be none.
    """

    known: np.ndarray
    standing: np.ndarray
    unknown: np.ndarray
    unknowns: str | None

    def count(self, of: str) -> int:
        """How many images of "known" classes, of "unknown" ones, or of "both" the sample will have."""
        known, unknown = int(self.known.sum()), int(self.standing.sum() + self.unknown.sum())
        return {"known": known, "unknown": unknown, "both": known + unknown}[of]


def roles(view: View, labels: Sequence[str], *, mixed: bool, seed: int) -> Roles:
    """The roles of images with these labels.

    If there are no unknown images, each known image is also a stand-in. If the share of unknown images matters
    (`mixed`), a random half of the known images are stand-ins instead.
    """
    classes = view.store.classes
    known = _among(labels, classes)
    none = np.zeros(len(known), bool)
    foreign = _foreign(view, labels)
    if foreign.any():
        return Roles(known, none, foreign, UNKNOWNS[0])
    standing, unknown = known if len(classes) > 1 else none, ~known
    if mixed:
        half = np.random.default_rng([seed, 1]).permutation(np.flatnonzero(standing))[: int(standing.sum()) // 2]
        standing = np.isin(np.arange(len(known)), half)
        known = known & ~standing
    return Roles(known, standing, unknown, UNKNOWNS[1] if len(classes) > 1 or unknown.any() else None)


def without_foreign(view: View, labels: Sequence[str]) -> list[str]:
    """The `labels` that are in the collection or among the training classes of the model."""
    return [label for label, foreign in zip(labels, _foreign(view, labels), strict=True) if not foreign]


def _foreign(view: View, labels: Sequence[str]) -> np.ndarray:
    """(n,) bool: the labels that are neither in the collection nor among the training classes of the model."""
    return ~_among(labels, [*view.store.classes, *view.images.training_classes])


def ranked_sample(view: View, labelled: Labelled, cast: Roles, rule: DecisionRule) -> tuple[Sample, np.ndarray]:
    """The sample of all images in their roles, each with its nearest class, and the image (m,) int64 of each entry.

    Codes are indices into `store.classes`. An image that is also a stand-in has two entries.
    """
    sample = _joined(
        _known(view, labelled, cast.known, rule),
        _left_out(view, labelled, cast.standing, rule),
        _unknown(view, labelled, cast.unknown, rule),
    )
    return sample, np.concatenate([np.flatnonzero(which) for which in (cast.known, cast.standing, cast.unknown)])


def _among(labels: Iterable[str], classes: Sequence[str]) -> np.ndarray:
    """(n,) bool: which labels are among `classes`; np.isin would compare every label with every class."""
    known = set(classes)
    return np.array([label in known for label in labels], bool)


def _known(view: View, labelled: Labelled, which: np.ndarray, rule: DecisionRule) -> Sample:
    codes = codes_of(labelled.labels[which].tolist(), view.store.classes)
    return _sample(view, rank(view, labelled.vectors[which], None, rule), codes)


def _unknown(view: View, labelled: Labelled, which: np.ndarray, rule: DecisionRule) -> Sample:
    return _sample(view, rank(view, labelled.vectors[which], None, rule))


def _left_out(view: View, labelled: Labelled, which: np.ndarray, rule: DecisionRule) -> Sample:
    labels = labelled.labels[which].tolist()
    return _sample(view, rank_without_class(view, labelled.vectors[which], labels, rule))


def _sample(view: View, ranked: Ranked, truth: np.ndarray | None = None) -> Sample:
    if truth is None:
        truth = np.full(len(ranked.scores), -1, np.int64)
    if not ranked.scores.size:
        return Sample(np.full(len(truth), np.inf, np.float32), np.full(len(truth), -1, np.int64), truth)
    codes, present = ranked.codes[:, 0], ranked.codes[:, 0] >= 0
    nearest = np.append(codes_of(ranked.classes, view.store.classes), -1)[codes]
    return Sample(np.where(present, distance_of(ranked.scores[:, 0]), np.float32(np.inf)), nearest, truth)


def _joined(*samples: Sample) -> Sample:
    return Sample(
        *(np.concatenate([getattr(sample, name) for sample in samples]) for name in ("distances", "nearest", "truth"))
    )
