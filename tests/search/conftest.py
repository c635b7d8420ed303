"""Small collections of vectors with known neighbours."""

import numpy as np
import pytest

from lookalike import Collection


def unit(matrix: np.ndarray) -> np.ndarray:
    """Float32 rows of length 1."""
    return (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)


def clusters(seed: int, n: int, d: int = 8, classes: int = 4, spread: float = 0.6) -> tuple[np.ndarray, list[str]]:
    """n unit rows around `classes` centres, and their labels "c0", "c1", ..."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(1000).normal(size=(classes, d))
    codes = rng.integers(0, classes, n)
    return unit(centres[codes] + spread * rng.normal(size=(n, d))), [f"c{code}" for code in codes]


@pytest.fixture
def shop(tmp_path):
    """A collection of 60 labelled rows, keys k0 ... k59, no index yet, no model."""
    vectors, labels = clusters(0, 60)
    with Collection.create(tmp_path / "shop") as collection:
        collection.add(vectors, [f"k{i}" for i in range(60)], labels)
        collection.raw = (vectors, labels)
        yield collection
