"""The classes that the matrices show where there are too many: those confused most, then the closest ones."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from sklearn.neighbors import NearestNeighbors

from ....store.version.lookups import codes_of
from ...linear import forked  # noqa: F401  (for what it does in forked children)
from ..material import Material
from ..sampling import some_of_each, stratified

MOST_CLASSES = 20
_PER_CLASS, _SAMPLE = 100, 4000


def shown_classes(material: Material) -> list[str]:
    """At most MOST_CLASSES names, sorted: all, or both ends of the most frequent mistakes, then the closest pairs."""
    classes = material.store.classes
    if len(classes) <= MOST_CLASSES:
        return classes
    chosen: dict[str, None] = {}
    for pair in (*_confused(material), *_closest(material)):
        chosen.update(dict.fromkeys(pair))
        if len(chosen) >= MOST_CLASSES:
            break
    return sorted(list(chosen)[:MOST_CLASSES])


def stored_of(material: Material, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (m, d) and places in `names` (m,) of stored rows of these classes, at most 100 of each."""
    store = material.store
    rows = store.live_rows()
    codes = store.codes(rows)
    wanted = codes_of(names, store.classes)
    chosen = some_of_each(codes, wanted, _PER_CLASS, material.seed)
    place = np.full(len(store.classes), -1, np.int64)
    place[wanted] = np.arange(len(wanted))
    return store.gather(rows[chosen]), place[codes[chosen]]


def _confused(material: Material) -> list[tuple[str, str]]:
    """Pairs of classes where one was nearest to images of the other, the most frequent first."""
    mistakes: Counter[tuple[str, str]] = Counter()
    for label, near, known in zip(material.questions.labels, material.answers.nearest, material.known, strict=True):
        if known and near is not None and near != label:
            mistakes[min(label, near), max(label, near)] += 1
    return sorted(mistakes, key=lambda pair: (-mistakes[pair], pair))


def _closest(material: Material) -> Iterator[tuple[str, str]]:
    """Each class of a sample with the one whose mean is nearest to its own, the closest pairs first."""
    store = material.store
    rows = store.live_rows()
    codes = store.codes(rows)
    rows, codes = rows[codes >= 0], codes[codes >= 0]
    chosen = stratified(codes, _SAMPLE, material.seed)
    present, places = np.unique(codes[chosen], return_inverse=True)
    means = np.zeros((len(present), store.dim or 0))
    np.add.at(means, places, store.gather(rows[chosen]))
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    distances, nearest = _nearest_others(means)
    for place in np.argsort(distances, kind="stable"):
        yield store.classes[present[place]], store.classes[present[nearest[place]]]


def _nearest_others(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(distances (c,), places (c,)) of the row nearest to each of two or more unit rows (c, d), itself left out."""
    distances, places = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(means).kneighbors()
    return distances[:, 0], places[:, 0]
