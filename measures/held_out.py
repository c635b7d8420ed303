"""Each class held out in turn: how a collection without the class would answer its images, from distances alone."""

from collections.abc import Iterator

import numpy as np

from .open_set import auroc, oscr


def held_out_classes(
    distances: np.ndarray, codes: np.ndarray, cuts: np.ndarray | None = None
) -> Iterator[tuple[int, dict[str, float | None]]]:
    """(class, its open-set measures) for each class that occurs, as if the collection did not have the class.

    distances: (n, c) of images to each class, inf without a neighbour. codes: (n,) the class of each image, -1 is left
    out. cuts: (c,) the distance up to which a class is answered, nan where it always is; without cuts, the errors at a
    threshold are undefined. The measures are auroc, oscr, false_accepts (the share of the class's images that are
    answered with another class) and false_rejects (of the other classes' images, answered unknown). An embedder that
    was trained on the class separates it better than a new one, so they are optimistic. Yields nothing for a single
    class.
    """
    kept = codes >= 0
    distances, codes = distances[kept], codes[kept]
    if distances.shape[1] < 2 or not len(codes):
        return
    first = distances.argmin(axis=1)
    rest = distances.copy()
    rest[np.arange(len(codes)), first] = np.inf
    second = rest.argmin(axis=1)
    for out in np.unique(codes).tolist():
        answers = np.where(first == out, second, first)
        # The answer may still be the class itself where no other class is near to anything.
        nearest = np.where(answers == out, np.inf, distances[np.arange(len(codes)), answers])
        yield out, _measures(nearest, answers, codes, codes != out, cuts)


def _measures(
    nearest: np.ndarray, answers: np.ndarray, codes: np.ndarray, known: np.ndarray, cuts: np.ndarray | None
) -> dict[str, float | None]:
    right = (answers == codes)[known]
    measures = {
        "auroc": auroc(nearest[known], nearest[~known]),
        "oscr": oscr(nearest[known], right, nearest[~known]),
        "false_accepts": None,
        "false_rejects": None,
    }
    if cuts is not None:
        accepted = np.isfinite(nearest) & (np.isnan(cuts[answers]) | (nearest <= cuts[answers]))
        measures["false_accepts"] = _share(accepted[~known])
        measures["false_rejects"] = _share(~accepted[known])
    return measures


def _share(events: np.ndarray) -> float | None:
    return float(events.mean()) if len(events) else None
