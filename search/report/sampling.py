"""Drawing a few from many, by class and by seed: what a figure shows of a large collection."""

import numpy as np


def stratified(codes: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Ascending places of at most `most` rows, drawn so that classes keep their shares and none is lost.

    codes: (n,) integers, -1 (no label) being a class of its own. One row of each class comes first, as far as `most`
    goes; the others follow in proportion. Equal arguments give equal places.
    """
    if len(codes) <= most:
        return np.arange(len(codes))
    order = np.random.default_rng(seed).permutation(len(codes))
    shuffled = codes[order]
    by_class = np.argsort(shuffled, kind="stable")
    _, starts, sizes = np.unique(shuffled[by_class], return_index=True, return_counts=True)
    turn = np.empty(len(codes))
    turn[by_class] = np.arange(len(codes)) - np.repeat(starts, sizes)
    size = np.empty(len(codes))
    size[by_class] = np.repeat(sizes, sizes)
    first = np.argsort(np.where(turn == 0, 0.0, (turn + 0.5) / size), kind="stable")[:most]
    return np.sort(order[first])


def some_of_each(codes: np.ndarray, wanted: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Ascending places (m,) int64 of at most `most` rows of each `wanted` (w,) among `codes` (n,), drawn by `seed`."""
    generator = np.random.default_rng(seed)
    kept = [np.empty(0, np.int64)]
    for code in wanted:
        places = np.flatnonzero(codes == code)
        kept.append(places if len(places) <= most else generator.choice(places, most, replace=False))
    return np.sort(np.concatenate(kept))
