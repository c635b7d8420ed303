"""Same or different: the ROC curve of scored pairs, and the AUC.

Scores (n,) float are larger for pairs that look more alike; `same` (n,) bool tells which pairs are of one class. A pair
is accepted if its score is >= the threshold. Ties are exact: equal scores count half in the AUC, and no threshold
separates them. -inf and inf are valid scores; NaN is refused. If one of the two kinds is missing, a measure is None.
Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 2006.
"""

import numpy as np

_STEP = 1 << 20  # look-ups at once: their positions are int64, twice as large as the scores themselves


def roc(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(fpr, tpr, thresholds): every point of the ROC curve, from accepting nothing to accepting all.

    scores: (n,) float. same: (n,) bool. Returns three (p,) float64: thresholds falling from inf, fpr and tpr rising
    from 0 to 1; fpr is nan without different pairs, tpr without same ones. Raises ValueError for NaN and other shapes.
    """
    scores, same = pairs_of(scores, same)
    order = np.argsort(-scores, kind="stable")
    scores, same = scores[order], same[order]
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if len(scores) else np.empty(0, np.int64)
    accepted_same = np.concatenate([[0], np.cumsum(same)[last]])
    accepted = np.concatenate([[0], last + 1])
    thresholds = np.concatenate([[np.inf], scores[last]])
    return _share(accepted - accepted_same), _share(accepted_same), thresholds


def auc_between(higher: np.ndarray, lower: np.ndarray) -> float | None:
    """The chance that a value of `higher` is above one of `lower`, ties counting half; None if one is empty.

    higher: (n,) float. lower: (m,) float. The Mann-Whitney statistic, counted in integers. Raises ValueError for NaN.
    """
    higher, lower = np.sort(_numbers(higher)), np.sort(_numbers(lower))
    if not len(higher) or not len(lower):
        return None
    return twice_wins(higher, lower) / (2 * len(higher) * len(lower))


def twice_wins(higher: np.ndarray, lower: np.ndarray) -> int:
    """Twice the number of (h, l) with h > l, plus the number with h == l. higher (n,), lower (m,): sorted, rising."""
    if len(higher) > len(lower):  # look the fewer up among the many
        return 2 * len(higher) * len(lower) - twice_wins(lower, higher)
    total = 0
    for first in range(0, len(higher), _STEP):
        batch = higher[first : first + _STEP]
        total += int(np.searchsorted(lower, batch, "left").sum() + np.searchsorted(lower, batch, "right").sum())
    return total


def allowed_accepts(different: int, fpr: float) -> int:
    """The most false accepts among this many different pairs with a rate <= fpr.

    Raises ValueError for fpr outside [0, 1].
    """
    if not 0 <= fpr <= 1:
        raise ValueError(f"fpr is {fpr}: it must be from 0 to 1")
    allowed = int(fpr * different)
    # 0.29 * 100 is 28.999...: the rate itself decides.
    return allowed + 1 if allowed < different and (allowed + 1) / different <= fpr else allowed


def pairs_of(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`scores` as floats and `same` as bools, both (n,). Raises ValueError for NaN and other shapes."""
    scores, same = _numbers(scores), np.asarray(same)
    if scores.shape != same.shape or (same.dtype != bool and same.size):
        raise ValueError(f"scores {scores.shape} and same {same.shape} {same.dtype}: give one bool for each score")
    return scores, same.astype(bool)


def _numbers(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype != np.float32:  # float32 is kept: it is exact, and half the memory
        values = values.astype(np.float64)
    if values.ndim != 1:
        raise ValueError(f"values have shape {values.shape}: give a one-dimensional array")
    if np.isnan(values).any():
        raise ValueError(f"value {int(np.argmax(np.isnan(values)))} is NaN, which cannot be ordered")
    return values


def _share(counts: np.ndarray) -> np.ndarray:
    return counts / counts[-1] if counts[-1] else np.full(len(counts), np.nan)
