"""Measures of all scores at once: the simple forms that the tests hold the measures of large collections against."""

import numpy as np

from lookalike.measures.curve import Curve, Sorted, summed
from lookalike.measures.ranking import found_of_truth
from lookalike.measures.verification import allowed_accepts, auc_between, pairs_of, roc


def auc(scores: np.ndarray, same: np.ndarray) -> float | None:
    """The chance that a same pair scores above a different one, ties counting half; None where a kind is missing.

    scores: (n,) float. same: (n,) bool. ValueError for NaN and other shapes.
    """
    scores, same = pairs_of(scores, same)
    return auc_between(scores[same], scores[~same])


def tpr_at_fpr(scores: np.ndarray, same: np.ndarray, fpr: float) -> float | None:
    """The largest TPR of any threshold whose FPR is <= fpr (no interpolation); None where a kind is missing.

    scores: (n,) float. same: (n,) bool. ValueError for NaN, other shapes and fpr outside [0, 1].
    """
    scores, same = pairs_of(scores, same)
    accepts, rejects = scores[same], np.sort(scores[~same])
    allowed = allowed_accepts(len(rejects), fpr)
    if not len(accepts) or not len(rejects):
        return None
    if allowed == len(rejects):
        return 1.0
    # One more false accept would be too many, so the threshold lies above the first different pair that must stay out.
    return float(np.mean(accepts > rejects[len(rejects) - 1 - allowed]))


def eer(scores: np.ndarray, same: np.ndarray) -> float | None:
    """The equal error rate: where the ROC's line meets FPR = 1 - TPR; None where a kind is missing.

    scores: (n,) float. same: (n,) bool. ValueError for NaN and other shapes.
    """
    fpr, tpr, _ = roc(scores, same)
    if np.isnan(fpr[-1]) or np.isnan(tpr[-1]):
        return None
    excess = fpr - (1 - tpr)  # rises from -1 to 1
    after = int(np.argmax(excess >= 0))
    share = excess[after - 1] / (excess[after - 1] - excess[after])
    return float(fpr[after - 1] + share * (fpr[after] - fpr[after - 1]))


def curve_of(scores: np.ndarray, same: np.ndarray, fprs: tuple[float, ...] = (1e-3,), points: int = 300) -> Curve:
    """The curve of scores (n,) float that fit into memory; same (n,) bool. ValueError for NaN and other shapes."""
    scores, same = pairs_of(scores, same)
    accepts, rejects = np.sort(scores[same]), np.sort(scores[~same])
    return summed([Sorted(accepts, rejects)], len(accepts), len(rejects), fprs, points)


def recall_at_k(
    neighbours: np.ndarray,
    truth: np.ndarray,
    scores: np.ndarray | None = None,
    truth_scores: np.ndarray | None = None,
) -> float | None:
    """The share of the true k nearest rows (nq, k) that were found, averaged over queries; None without any true row.

    The arguments and errors are those of `found_of_truth`, which gives the counts for each query.
    """
    found, of = found_of_truth(neighbours, truth, scores, truth_scores)
    asked = of > 0
    return float(np.mean(found[asked] / of[asked])) if asked.any() else None
