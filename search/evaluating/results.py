"""What `Collection.evaluate` returns. A measure is None where it is undefined, such as a mean over no images."""

from dataclasses import dataclass, field

from ...store.record import WHEN_MEASURED, Record, json_name


@dataclass(frozen=True, eq=False)
class UnknownScores(Record):
    """The images of a source whose label the collection does not have.

    Attributes
    ----------
    queries : int
        How many there are.
    auroc : float or None
        Area under the ROC curve of telling known from unknown images by distance.
    false_accepts, false_rejects : float or None
        Share of the unknown images given a label, and of the known ones answered unknown, at the calibrated threshold.
    """

    queries: int
    auroc: float | None
    false_accepts: float | None
    false_rejects: float | None


@dataclass(frozen=True, eq=False)
class PairCounts(Record):
    """How many pairs of images share a class, and how many do not."""

    same: int
    different: int


@dataclass(frozen=True, eq=False)
class Verification(Record):
    """Same or different, over all pairs of the source's labelled images: AUC, equal error rate, TPR at each FPR."""

    pairs: PairCounts
    auc: float | None
    eer: float | None
    tpr_at_fpr_1e_1: float | None = field(metadata=json_name("tpr_at_fpr_1e-1"))
    tpr_at_fpr_1e_2: float | None = field(metadata=json_name("tpr_at_fpr_1e-2"))
    tpr_at_fpr_1e_3: float | None = field(metadata=json_name("tpr_at_fpr_1e-3"))
    tpr_at_fpr_1e_4: float | None = field(metadata=json_name("tpr_at_fpr_1e-4"))


@dataclass(frozen=True, eq=False)
class RetrievalScores(Record):
    """The images of known classes as queries against all stored rows: recall@k, MAP@R and R-precision."""

    recall_at_1: float | None
    recall_at_5: float | None
    recall_at_10: float | None
    map_at_r: float | None
    r_precision: float | None


@dataclass(frozen=True, eq=False)
class MacroScores(Record):
    """Precision, recall and F1 averaged over the classes where they are defined."""

    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, eq=False)
class ScoresOfClass(Record):
    """Precision, recall and F1 of one class with `images` images in the source."""

    images: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, eq=False)
class Confusion(Record):
    """How many images of `label` got `answer`; the answer is None where nothing was near."""

    label: str
    answer: str | None
    images: int


@dataclass(frozen=True, eq=False)
class Classification(Record):
    """Nearest classes of the images of known classes, the threshold ignored; `confusion` has right answers too."""

    macro: MacroScores
    classes: dict[str, ScoresOfClass]
    confusion: tuple[Confusion, ...]


@dataclass(frozen=True, eq=False)
class Spread(Record):
    """A measure over the classes held out in turn: mean and standard deviation over `splits` classes."""

    mean: float | None
    std: float | None
    splits: int


@dataclass(frozen=True, eq=False)
class OpenSet(Record):
    """Known against unknown images: how many, AUROC, OSCR, and the errors at the calibrated threshold.

    held_out_classes: the same measures with each class of the collection held out in turn, by the distances that
    `held_out_by` names. The model may have been trained on those classes, so they are optimistic.
    """

    known: int
    unknown: int
    auroc: float | None
    oscr: float | None
    false_accepts: float | None
    false_rejects: float | None
    held_out_by: str
    held_out_classes: dict[str, Spread]


@dataclass(frozen=True, eq=False)
class Distances(Record):
    """Mean distances of pairs within a class and between classes, and the gap between the two means."""

    within: float | None
    between: float | None
    gap: float | None


@dataclass(frozen=True, eq=False)
class OverlappingPair(Record):
    """Images of `label` are as near to the class `passes_for`: least error of one threshold, and its lower bound."""

    label: str
    passes_for: str
    error: float
    low: float


@dataclass(frozen=True, eq=False)
class SeparationCheck(Record):
    """Whether classes overlap so much that no threshold can separate them: the least error and its lower bound.

    pairs: the pairs of classes whose least error is above `limit`, worst first.
    """

    overlapping: bool
    limit: float
    images: int
    error: float | None
    low: float | None
    pairs: tuple[OverlappingPair, ...]


@dataclass(frozen=True, eq=False)
class Details(Record):
    """What `full` adds, in the order in which `lookalike evaluate --full` prints it."""

    verification: Verification
    retrieval: RetrievalScores
    classification: Classification
    open_set: OpenSet
    distances: Distances
    separation: SeparationCheck


@dataclass(frozen=True, eq=False)
class FewShotScore(Record):
    """Mean accuracy over `episodes` episodes of `way` classes with `shots` examples each, `low` to `high` at 95 %.

    queries: images of each class that are classified per episode, at most. classes: how many could be drawn from.
    """

    way: int
    shots: int
    queries: int
    episodes: int
    classes: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class EvaluateResult(Record):
    """A labelled source measured against a collection; also a mapping with the fields of `evaluate --json`.

    Attributes
    ----------
    queries, rejected_images : int
        Images that were measured, and images that cannot be read.
    recall_at_1, map_at_r, accuracy : float or None
        Retrieval, and the nearest class, of images whose class the collection has; the threshold is ignored.
    auc, tpr_at_fpr_1e_3 : float or None
        Same or different over all pairs of the source's labelled images ("tpr_at_fpr_1e-3" in JSON).
    interclass_distance : float or None
        Mean distance between the prototypes of different classes.
    unknown : UnknownScores or None
        Images whose label the collection does not have; None without any.
    details : Details or None
        Only with `full`, otherwise None and absent from the mapping.
    episodes : tuple of FewShotScore or None
        Only with `episodes`, otherwise None and absent from the mapping.
    """

    queries: int
    rejected_images: int
    recall_at_1: float | None
    map_at_r: float | None
    accuracy: float | None
    auc: float | None
    tpr_at_fpr_1e_3: float | None = field(metadata=json_name("tpr_at_fpr_1e-3"))
    interclass_distance: float | None
    unknown: UnknownScores | None
    details: Details | None = field(default=None, metadata=WHEN_MEASURED)
    episodes: tuple[FewShotScore, ...] | None = field(default=None, metadata=WHEN_MEASURED)
