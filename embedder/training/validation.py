"""How good an embedding is, on images that were kept out of training: recall@1 and MAP@R of each against all others."""

import warnings
from dataclasses import asdict, dataclass

import numpy as np

from ...measures.distances import class_distances
from ...measures.retrieval import retrieval
from ...store.errors import LookalikeError, LookalikeWarning

MOST = 5000
"""The most images that are scored: each of them is compared with every other."""


@dataclass(frozen=True)
class Scores:
    """recall_at_1, map_at_r: shares, None if no class has two images. spread: 1 - |mean vector|², 0 if all are equal.

    within, between: the mean distances of pairs of one class and of two classes. gap: their difference. They are None
    if there is no such pair.
    """

    recall_at_1: float | None
    map_at_r: float | None
    spread: float
    within: float | None
    between: float | None
    gap: float | None

    def to_json(self) -> dict[str, float | None]:
        """Give plain values."""
        return asdict(self)


def split(labels: np.ndarray, wanted: float | tuple[str, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ascending (training, validation) positions, int64, of images with these labels (n,) of strings.

    wanted: the names of two or more classes to keep for validation, or a share of the classes, drawn with `seed`; 0
    keeps a tenth of the images of every class. A share is at least two classes, because images of one class alone
    always have recall 1. Classes with one image are not drawn, and the drawn classes hold at most half of the images,
    unless the share is larger. If that is not possible, a tenth of the images is kept, with a LookalikeWarning. Raises
    LookalikeError for an unknown name, and if fewer than two classes would be left.
    """
    names = sorted(set(labels.tolist()))
    if len(names) < 2:
        found = repr(names[0]) if names else "none"
        raise LookalikeError(f"the images have {len(names)} class ({found}): a training needs two or more")
    held = _held_classes(labels, names, wanted, seed) if wanted else None
    if held is None:
        held = _tenth(labels, names, seed)
    if len(set(labels[~held].tolist())) < 2:
        raise LookalikeError(
            f"data.validation_classes = {_shown(wanted)} leaves {len(set(labels[~held].tolist()))} of {len(names)} "
            "classes for training, which needs two or more"
        )
    return np.flatnonzero(~held), np.flatnonzero(held)


def _held_classes(
    labels: np.ndarray, names: list[str], wanted: float | tuple[str, ...], seed: int
) -> np.ndarray | None:
    """Which of the images (n,) belong to the classes to keep; None, with a warning, if none can be spared."""
    if isinstance(wanted, tuple):
        missing = sorted(set(wanted) - set(names))
        if missing:
            raise LookalikeError(
                f"data.validation_classes: there is no class {missing[0]!r}; the classes are {', '.join(names[:20])}"
            )
        return np.isin(labels, list(wanted))
    drawn, why = [], f"{len(names)} classes are too few to keep some for validation"
    if len(names) >= 4:
        drawn = _drawn(labels, names, max(2, round(wanted * len(names))), seed)
        why = f"no two classes with images to compare hold half of the {len(labels)} images or less"
    if drawn:
        return np.isin(labels, drawn)
    warnings.warn(
        f"data.validation_classes = {wanted:g}: {why}; a tenth of the images of every class is used instead, as with 0",
        LookalikeWarning,
    )
    return None


def _drawn(labels: np.ndarray, names: list[str], count: int, seed: int) -> list[str]:
    """Up to `count` classes in a random order; while they hold too many images, the largest one is dropped.

    Empty if fewer than two are left, or no class with two images remains for training.
    """
    sizes = dict(zip(*np.unique(labels, return_counts=True), strict=True))
    order = [names[i] for i in np.random.default_rng([seed, 1]).permutation(len(names)) if sizes[names[i]] > 1]
    comparable = len(order)
    # Half of the images, or what as many classes of equal size would hold where a larger share is asked for.
    most = max(len(labels) // 2, len(labels) * count // len(names))
    while sum(sizes[name] for name in order[:count]) > most:
        order.remove(max(order[:count], key=lambda name: sizes[name]))
    drawn = order[:count]
    enough = len(drawn) >= 2 and (len(drawn) < comparable or comparable == len(names))
    return drawn if enough else []


def _tenth(labels: np.ndarray, names: list[str], seed: int) -> np.ndarray:
    """Keep a tenth of every class, but at least two images if four remain (a single one has no partner to find)."""
    held = np.zeros(len(labels), dtype=bool)
    generator = np.random.default_rng([seed, 2])
    for name in names:
        members = generator.permutation(np.flatnonzero(labels == name))
        count = max(len(members) // 10, 2 if len(members) >= 6 else 0)
        held[members[:count]] = True
    return held


def _shown(wanted: float | tuple[str, ...]) -> str:
    return str(list(wanted)) if isinstance(wanted, tuple) else f"{wanted:g}"


def thinned(positions: np.ndarray, most: int = MOST) -> np.ndarray:
    """At most `most` of the positions (n,), evenly spaced."""
    if len(positions) <= most:
        return positions
    return positions[np.linspace(0, len(positions) - 1, most).round().astype(np.int64)]


def spread(vectors: np.ndarray) -> float:
    """1 - |mean vector|² of unit rows (n, d): 0 where all agree, and without rows."""
    return 1.0 - float(np.square(vectors.mean(axis=0, dtype=np.float64)).sum()) if len(vectors) else 0.0


def score(vectors: np.ndarray, codes: np.ndarray) -> Scores:
    """Score unit rows (n, d) with class codes (n,): each row is a query to all others, except in classes of one row."""
    scores = retrieval(vectors, codes, vectors, codes, own=np.arange(len(codes))[:, None])
    return Scores(scores.recall_at(1), scores.map_at_r(), spread(vectors), *class_distances(vectors, codes))
