"""What the tests of the store share: random unit rows, and parts' rows made of them."""

import numpy as np
import pytest
from lookalike.store.parts import Rows


@pytest.fixture
def units():
    """units(n, d, seed=0): random unit rows."""

    def make(n: int, d: int = 8, seed: int = 0) -> np.ndarray:
        rows = np.random.default_rng(seed).standard_normal((n, d))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    return make


@pytest.fixture
def part_rows(units):
    """part_rows(keys, labels=None, contents=None, source="s"): the rows of a part with vectors of 8 dimensions."""

    def make(keys, labels=None, contents=None, source="s", d=8, seed=0) -> Rows:
        none = [None] * len(keys)
        numbers = list(range(len(keys)))
        return Rows(
            keys, units(len(keys), d, seed), labels or none, contents or none, numbers, none, source, numbers, none
        )

    return make
