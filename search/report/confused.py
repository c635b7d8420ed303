"""Which classes the matrices show where there are too many: those confused most, then those that lie closest."""

import numpy as np

from .material import Material
from .sampling import some_of_each, stratified

MOST_CLASSES = 20
_PER_CLASS = 100
_SAMPLE = 4000


def shown_classes(material: Material) -> list[str]:
    """At most MOST_CLASSES names, sorted: all, or those with most wrong answers and then with the closest means."""
    classes = material.store.classes
    if len(classes) <= MOST_CLASSES:
        return classes
    mistakes = dict.fromkeys(classes, 0)
    truth, nearest = material.questions.labels[material.known], np.array(material.answers.nearest, dtype=object)
    for label, answer in zip(truth, nearest[material.known], strict=True):
        if answer is not None and label != answer:
            mistakes[label] += 1
            mistakes[answer] += 1
    closeness = _closeness(material)
    order = sorted(classes, key=lambda name: (-mistakes[name], -closeness.get(name, -1.0), name))
    return sorted(order[:MOST_CLASSES])


def stored_of(material: Material, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (m, d) and places in `names` (m,) of stored rows of these classes, at most 100 of each."""
    store = material.store
    rows = store.live_rows()
    codes = store.codes(rows)
    code_of = {name: code for code, name in enumerate(store.classes)}
    wanted = np.array([code_of[name] for name in names], np.int64)
    chosen = some_of_each(codes, wanted, _PER_CLASS, material.seed)
    place = np.full(len(store.classes), -1, np.int64)
    place[wanted] = np.arange(len(wanted))
    return store.gather(rows[chosen]), place[codes[chosen]]


def _closeness(material: Material) -> dict[str, float]:
    """The score of each class's mean over a sample with the nearest other class's mean."""
    store = material.store
    rows = store.live_rows()
    codes = store.codes(rows)
    rows, codes = rows[codes >= 0], codes[codes >= 0]
    chosen = stratified(codes, _SAMPLE, material.seed)
    present, places = np.unique(codes[chosen], return_inverse=True)
    means = np.zeros((len(present), store.dim or 0))
    np.add.at(means, places, store.gather(rows[chosen]))
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    scores = means @ means.T
    np.fill_diagonal(scores, -np.inf)
    return {store.classes[code]: score for code, score in zip(present, scores.max(axis=1), strict=True)}
