"""How good an embedding is, on images that were kept out of training: recall@1 and MAP@R of each against all others."""

import warnings
from dataclasses import asdict, dataclass

import numpy as np

from ..measures.distances import class_distances
from ..measures.retrieval import retrieval
from ..store.errors import LookalikeError, LookalikeWarning

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
    """Give (training, validation) positions, ascending, of images with these labels (n,) of strings.

    wanted: names of two or more classes to keep out, or the share of classes to, drawn by `seed`; 0 keeps out a tenth
    of every class's images. A share is two classes at least, since one class alone always finds itself: recall 1,
    learned or not. Of fewer than four classes it keeps out a tenth of the images, with a LookalikeWarning.
    LookalikeError where a name is not there, or fewer than two classes would be left.
    """
    names = sorted(set(labels.tolist()))
    if isinstance(wanted, float) and wanted > 0 and 2 <= len(names) < 4:
        warnings.warn(
            f"data.validation_classes = {wanted:g}: of {len(names)} classes none can be spared for validation; a tenth "
            "of every class's images is kept out instead (0 asks for that)",
            LookalikeWarning,
        )
        wanted = 0
    if wanted == 0:
        held = _tenth(labels, names, seed)
    else:
        held = np.isin(labels, _classes_out(names, wanted, seed))
    if len(set(labels[~held].tolist())) < 2:
        raise LookalikeError(
            f"data.validation_classes = {_shown(wanted)} leaves {len(set(labels[~held].tolist()))} of {len(names)} "
            "classes to train on; two or more are needed"
        )
    return np.flatnonzero(~held), np.flatnonzero(held)


def _classes_out(names: list[str], wanted: float | tuple[str, ...], seed: int) -> list[str]:
    if isinstance(wanted, tuple):
        missing = sorted(set(wanted) - set(names))
        if missing:
            raise LookalikeError(f"data.validation_classes: no class {missing[0]!r} among {', '.join(names[:20])}")
        return list(wanted)
    count = max(2, round(wanted * len(names)))
    drawn = np.random.default_rng([seed, 1]).permutation(len(names))[:count]
    return [names[i] for i in drawn]


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
    """Give at most `most` of the positions, evenly."""
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
