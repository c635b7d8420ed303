"""N-way K-shot episodes: how well classes are told apart from a few examples of each.

Each episode draws `way` classes, with `shots` images of each as its support and up to `queries` others as queries. A
query is answered with the class whose prototype, the mean of its support, has the least squared Euclidean distance.
Published accuracies are computed this way, while a collection scales its prototypes to length 1. Vinyals et al.,
"Matching networks for one shot learning", 2016; Snell, Swersky and Zemel, "Prototypical networks for few-shot
learning", 2017, section 3.1, whose interval over 600 episodes is the mean +- 1.96 standard errors.
"""

from dataclasses import dataclass

import numpy as np

from .pairs import sorted_by_class


@dataclass(frozen=True)
class Episodes:
    """Mean accuracy over episodes; low and high are its 95 % interval, classes is the number of drawable classes."""

    way: int
    shots: int
    queries: int
    episodes: int
    classes: int
    accuracy: float
    low: float
    high: float


def drawable(codes: np.ndarray, shots: int) -> np.ndarray:
    """The classes (c,) that an episode can draw, rising: codes (n,) with more than `shots` images; -1 is none."""
    classes, sizes = np.unique(np.asarray(codes), return_counts=True)
    return classes[(classes >= 0) & (sizes > shots)]


def episodes(
    vectors: np.ndarray,
    codes: np.ndarray,
    way: int = 5,
    shots: int = 1,
    queries: int = 15,
    count: int = 600,
    seed: int = 0,
) -> Episodes:
    """The accuracy over `count` episodes; in each, every class counts the same.

    vectors: (n, d) float32 unit rows. codes: (n,) integer classes, -1 is left out. queries: at most that many per
    class; a class with fewer images uses all those that are not its support. Equal arguments give equal episodes. An
    exact tie goes to the class drawn first, which is random. Raises ValueError for a way below 2, other counts below 1,
    and fewer than `way` classes with more than `shots` images.
    """
    rows, sorted_codes = sorted_by_class(vectors, codes)
    classes = drawable(sorted_codes, shots)
    _check(way, shots, queries, count, len(classes))
    places = [np.arange(*np.searchsorted(sorted_codes, [code, code + 1])) for code in classes]
    rng = np.random.default_rng([seed, way, shots])
    accuracies = np.empty(count)
    for i in range(count):
        drawn = [rng.permuted(places[j])[: shots + queries] for j in rng.choice(len(places), way, replace=False)]
        accuracies[i] = _accuracy(
            [rows[rows_of_class[:shots]] for rows_of_class in drawn],
            [rows[rows_of_class[shots:]] for rows_of_class in drawn],
        )
    mean, error = float(accuracies.mean()), float(accuracies.std(ddof=1)) / count**0.5 if count > 1 else 1.0
    low, high = max(0.0, mean - 1.96 * error), min(1.0, mean + 1.96 * error)
    return Episodes(way, shots, queries, count, len(classes), mean, low, high)


def _accuracy(supports: list[np.ndarray], queries: list[np.ndarray]) -> float:
    """The share of queries that are nearest to the prototype of their own class, averaged over classes."""
    prototypes = np.stack([support.mean(axis=0, dtype=np.float64) for support in supports])
    halves = np.square(prototypes).sum(axis=1) / 2  # |q - c|^2 is least where q.c - |c|^2 / 2 is largest
    nearest = (np.concatenate(queries) @ prototypes.T - halves).argmax(axis=1)
    sizes = [len(batch) for batch in queries]
    right = nearest == np.repeat(np.arange(len(queries)), sizes)
    return float(np.mean(np.add.reduceat(right, np.cumsum([0, *sizes[:-1]])) / sizes))


def _check(way: int, shots: int, queries: int, count: int, classes: int) -> None:
    for name, value, least in (("way", way, 2), ("shots", shots, 1), ("queries", queries, 1), ("count", count, 1)):
        if value < least:
            raise ValueError(f"{name} is {value}: it must be at least {least}")
    if classes < way:
        raise ValueError(f"{classes} classes have more than {shots} images: {way}-way episodes need {way}")
