"""Answers compared with the truth: precision, recall and F1.

truth, answers: (n,) integer codes from 0 to classes - 1. -1 means "none of them": an image of an unknown class in
`truth`, the answer unknown in `answers`. So an image of an unknown class that is answered with a class lowers that
class's precision, and an image answered unknown lowers its own class's recall.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ClassScores:
    """Values for each class, (c,): float64, nan where undefined; support int64, the images that belong to it.

    precision is undefined for a class that was never answered, recall for a class without images, and F1 where both
    are.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray

    def macro(self) -> dict[str, float | None]:
        """precision, recall and f1 averaged over the classes for which they are defined; None if there are none."""
        return {name: _mean(getattr(self, name)) for name in ("precision", "recall", "f1")}


def class_scores(truth: np.ndarray, answers: np.ndarray, classes: int) -> ClassScores:
    """Precision, recall and F1 of each class; F1 = 2 right / (answered + belonging).

    truth, answers: (n,) integer codes. Raises ValueError for codes outside -1 ... classes - 1, and for other shapes.
    """
    truth, answers = _codes(truth, answers, classes)
    right = np.bincount(truth[truth == answers] + 1, minlength=classes + 1)[1:]
    support = np.bincount(truth + 1, minlength=classes + 1)[1:]
    answered = np.bincount(answers + 1, minlength=classes + 1)[1:]
    return ClassScores(_share(right, answered), _share(right, support), _share(2 * right, answered + support), support)


def _codes(truth: np.ndarray, answers: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    truth, answers = np.asarray(truth), np.asarray(answers)
    if truth.ndim != 1 or truth.shape != answers.shape:
        raise ValueError(
            f"truth has shape {truth.shape} and answers has {answers.shape}: give two arrays of one length"
        )
    for name, codes in (("truth", truth), ("answers", answers)):
        if codes.size and (codes.dtype.kind not in "iu" or codes.min() < -1 or codes.max() >= classes):
            raise ValueError(f"{name} {codes.dtype} from {codes.min()} to {codes.max()}: give -1 to {classes - 1}")
    return truth.astype(np.int64), answers.astype(np.int64)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def _mean(values: np.ndarray) -> float | None:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None
