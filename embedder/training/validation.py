"""How good an embedding is, on images that were kept out of training: recall@1 and MAP@R of each against all others."""

import warnings
from dataclasses import asdict, dataclass

import numpy as np

from ...measures.distances import class_distances
from ...measures.retrieval import retrieval
from ...store.errors import LookalikeError, LookalikeWarning

MOST = 5000
"""Images scored at most: every one is compared with every other."""


@dataclass(frozen=True)
class Scores:
    """recall_at_1, map_at_r: shares, None where no class has two images. spread: 1 - |mean vector|², 0 if all agree.

    within, between: mean distance of the pairs of one class and of two, gap: how much farther the latter are; None
    where there is no such pair.
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
    """Give (training, validation) positions, int64, ascending, of images with these labels (n,) of strings.

    wanted: names of two or more classes to keep out, or the share of classes to, drawn by `seed`; 0 keeps out a tenth
    of every class's images. A share is two classes at least, since one class alone always finds itself: recall 1,
    learned or not; classes of one image are not drawn, and those drawn hold half of the images at most, unless a larger
    share was asked for. Where that cannot be it keeps out a tenth of the images, with a LookalikeWarning.
    LookalikeError where a name is not there, or fewer than two classes would be left.
    """
    names = sorted(set(labels.tolist()))
    if len(names) < 2:
        found = repr(names[0]) if names else "none"
        raise LookalikeError(f"the images are of {len(names)} class ({found}); two or more are needed to train on")
    held = _held_classes(labels, names, wanted, seed) if wanted else None
    if held is None:
        held = _tenth(labels, names, seed)
    if len(set(labels[~held].tolist())) < 2:
        raise LookalikeError(
            f"data.validation_classes = {_shown(wanted)} leaves {len(set(labels[~held].tolist()))} of {len(names)} "
            "classes to train on; two or more are needed"
        )
    return np.flatnonzero(~held), np.flatnonzero(held)


def _held_classes(
    labels: np.ndarray, names: list[str], wanted: float | tuple[str, ...], seed: int
) -> np.ndarray | None:
    """Which of the images (n,) are of the classes to keep out; None, with a warning, where none can be spared."""
    if isinstance(wanted, tuple):
        missing = sorted(set(wanted) - set(names))
        if missing:
            raise LookalikeError(f"data.validation_classes: no class {missing[0]!r} among {', '.join(names[:20])}")
        return np.isin(labels, list(wanted))
    drawn, why = [], f"of {len(names)} classes none can be spared for validation"
    if len(names) >= 4:
        drawn = _drawn(labels, names, max(2, round(wanted * len(names))), seed)
        why = f"of {len(labels)} images, no two classes with images to compare hold half or less"
    if drawn:
        return np.isin(labels, drawn)
    warnings.warn(
        f"data.validation_classes = {wanted:g}: {why}; a tenth of every class's images is kept out instead (0 asks for "
        "that)",
        LookalikeWarning,
    )
    return None


def _drawn(labels: np.ndarray, names: list[str], count: int, seed: int) -> list[str]:
    """Up to `count` classes in the seed's order; while they hold too many images, without the largest of them.

    Empty where that leaves fewer than two, or no class to train on that has two images.
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
    """Hold out a tenth of every class, two images at least where four are left (one alone has no partner to find)."""
    held = np.zeros(len(labels), dtype=bool)
    generator = np.random.default_rng([seed, 2])
    for name in names:
        own = generator.permutation(np.flatnonzero(labels == name))
        count = max(len(own) // 10, 2 if len(own) >= 6 else 0)
        held[own[:count]] = True
    return held


def _shown(wanted: float | tuple[str, ...]) -> str:
    return str(list(wanted)) if isinstance(wanted, tuple) else f"{wanted:g}"


def thinned(positions: np.ndarray, most: int = MOST) -> np.ndarray:
    """Give at most `most` of the positions (n,), evenly."""
    if len(positions) <= most:
        return positions
    return positions[np.linspace(0, len(positions) - 1, most).round().astype(np.int64)]


def spread(vectors: np.ndarray) -> float:
    """1 - |mean vector|² of unit rows (n, d): 0 where all agree, and without rows."""
    return 1.0 - float(np.square(vectors.mean(axis=0, dtype=np.float64)).sum()) if len(vectors) else 0.0


def score(vectors: np.ndarray, codes: np.ndarray) -> Scores:
    """Score unit rows (n, d) with class codes (n,): each row asks all others; classes of one row ask nothing."""
    found = retrieval(vectors, codes, vectors, codes, own=np.arange(len(codes))[:, None])
    return Scores(found.recall_at(1), found.map_at_r(), spread(vectors), *class_distances(vectors, codes))
