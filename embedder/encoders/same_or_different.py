"""Same or different: the distance up to which two images count as the same, chosen and measured on validation images.

The threshold is the distance at which false accepts and false rejects of all pairs are equally frequent (the equal
error rate). Half of the images of each class choose it, and the pairs of the other half measure it. If there are too
few images for pairs of both kinds, all images do both, and that is recorded. All of them also chose which step of the
training was kept, and if the encoder was trained on their classes, it separates other classes less well: the errors
hold for such images.

Pairs share images, so n images tell less than n (n - 1) / 2 independent pairs would. A mean over all pairs varies no
more than a mean over disjoint pairs, if all pairs are a mean of such sets (Hoeffding, "Probability inequalities for
sums of bounded random variables", 1963, section 5). If no image is in more than D pairs, D + 1 sets of disjoint pairs
contain them all (Vizing 1964), with equally many in each (McDiarmid 1972). The intervals are those of as many
independent trials.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...measures.distances import distance_of
from ...measures.intervals import clopper_pearson
from ...measures.scores import correct
from ...measures.verification import roc


@dataclass(frozen=True)
class SameOrDifferent:
    """A threshold and its errors.

    threshold: the distance up to which pairs count as the same. false_accept_rate: the share of `different_pairs` up to
    the threshold. false_reject_rate: the share of `same_pairs` beyond it. low and high: the 95 % intervals. images,
    classes: the number of images and classes in the pairs. trained: whether the encoder was trained on these classes.
    apart: whether other images chose the threshold.
    """

    threshold: float
    false_accept_rate: float
    false_accept_low: float
    false_accept_high: float
    different_pairs: int
    false_reject_rate: float
    false_reject_low: float
    false_reject_high: float
    same_pairs: int
    images: int
    classes: int
    trained: bool
    apart: bool

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The threshold and its errors, in lines that fit a terminal."""
        known = "which it was trained on: expect more errors for others" if self.trained else "unseen in training"
        hint = "" if self.apart else "; too optimistic, since the same images chose the distance"
        return [
            f"two images count as the same class up to distance {self.threshold:.3f}; at that distance",
            f"  {self._share('accept', self.different_pairs)} pairs of different classes count as the same",
            f"  {self._share('reject', self.same_pairs)} pairs of one class count as different",
            f"  (measured on {self.images:,} images of {self.classes} classes, {known}{hint})",
        ]

    def _share(self, error: str, pairs: int) -> str:
        rate, low, high = (getattr(self, f"false_{error}_{name}") for name in ("rate", "low", "high"))
        return f"{rate:.2%} of {pairs:,} (95 %: {low:.2%} to {high:.2%})"

    def __str__(self) -> str:
        accepts = _percent(self.false_accept_rate, self.false_accept_low, self.false_accept_high)
        rejects = _percent(self.false_reject_rate, self.false_reject_low, self.false_reject_high)
        known = "that it was trained on; expect more errors for others" if self.trained else "unseen in training"
        hint = "" if self.apart else "; too optimistic, since the same images chose the threshold"
        return (
            f"false accepts: {accepts} of {self.different_pairs:,} pairs of two classes; false rejects: {rejects} of "
            f"{self.same_pairs:,} pairs of one class (from {self.images:,} images of {self.classes} classes {known}; "
            f"intervals from pairs that share no image{hint})"
        )


def choose_threshold(vectors: np.ndarray, codes: np.ndarray, *, trained: bool, seed: int) -> SameOrDifferent | None:
    """Choose a threshold on unit rows (n, d) with classes (n,) and measure it; None if a kind of pair is missing."""
    first, second = _halves(codes, seed)
    apart = _both_kinds(codes[first]) and _both_kinds(codes[second])
    if not apart:
        first = second = np.arange(len(codes))
    if not _both_kinds(codes):
        return None
    threshold = equal_error_distance(*_pairs(vectors[first], codes[first]))
    return _measured(threshold, vectors[second], codes[second], trained=trained, apart=apart)


def equal_error_distance(scores: np.ndarray, same: np.ndarray) -> float:
    """The distance, a float32 value, at which the larger of the two error rates of pairs is smallest.

    scores: (n,) inner products. same: (n,) bool, with both kinds. The distance is midway between two scores that occur,
    so that rounding does not decide any pair.
    """
    fpr, tpr, cuts = roc(scores, same)
    best = 1 + int(np.argmin(np.maximum(fpr, 1 - tpr)[1:]))  # the first point accepts nothing
    below = cuts[best + 1] if best + 1 < len(cuts) else cuts[best]
    return float(distance_of(np.array((cuts[best] + below) / 2)))


def _halves(codes: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ascending positions of two halves, with each class divided as evenly as possible."""
    shuffled = np.random.default_rng([seed, 3]).permutation(len(codes))
    ordered = shuffled[np.argsort(codes[shuffled], kind="stable")]
    place = np.arange(len(codes)) - np.searchsorted(codes[ordered], codes[ordered])
    return np.sort(ordered[place % 2 == 0]), np.sort(ordered[place % 2 == 1])


def _both_kinds(codes: np.ndarray) -> bool:
    counts = np.unique(codes, return_counts=True)[1]
    return len(counts) > 1 and int(counts.max()) > 1


def _pairs(vectors: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores of all pairs i < j, and whether they are of one class."""
    upper = np.triu(np.ones((len(codes), len(codes)), bool), 1)
    return correct(vectors @ vectors.T, vectors, vectors)[upper], (codes[:, None] == codes)[upper]


def _measured(
    threshold: float, vectors: np.ndarray, codes: np.ndarray, *, trained: bool, apart: bool
) -> SameOrDifferent:
    scores, same = _pairs(vectors, codes)
    accepted = distance_of(scores) <= np.float32(threshold)
    counts = np.unique(codes, return_counts=True)[1]
    accept = _rate(int(accepted[~same].sum()), int((~same).sum()), len(codes) - int(counts.min()))
    reject = _rate(int((~accepted[same]).sum()), int(same.sum()), int(counts.max()) - 1)
    return SameOrDifferent(
        threshold,
        *(*accept, int((~same).sum())),
        *(*reject, int(same.sum())),
        images=len(codes),
        classes=len(counts),
        trained=trained,
        apart=apart,
    )


def _rate(events: int, pairs: int, most: int) -> tuple[float, float, float]:
    """The rate among all pairs and its 95 % interval, rounded outwards, if no image is in more than `most` pairs."""
    disjoint = max(1, pairs // (most + 1))
    low = clopper_pearson(events * disjoint // pairs, disjoint)[0]
    high = clopper_pearson(-(-events * disjoint // pairs), disjoint)[1]
    return events / pairs, low, high


def _percent(rate: float, low: float, high: float) -> str:
    return f"{rate:.2%} ({low:.2%} to {high:.2%})"
