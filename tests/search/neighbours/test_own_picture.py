"""The stored rows of a content, copies under other keys too: against a plain loop."""

import numpy as np
import pytest

from lookalike import Collection
from lookalike.search.neighbours.own_picture import rows_of_contents

from ..conftest import clusters
from ..evaluating.test_evaluate import add_with_contents
from ..stub import content


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_contents_against_a_loop(tmp_path, seed):
    """Over several runs of lookups, with rows that are gone, contents asked for twice, unknown ones and none."""
    rng = np.random.default_rng(seed)
    with Collection.create(tmp_path / "shop") as shop:
        numbers = rng.integers(0, 12, 40)
        for first in range(0, 40, 8):
            vectors, labels = clusters(first, 8)
            add_with_contents(shop, vectors, labels, numbers[first : first + 8], prefix=f"{first}-")
        gone = rng.choice(40, 9, replace=False)
        shop.remove([f"{row // 8 * 8}-{row % 8}" for row in gone])
        asked = [*rng.integers(0, 16, 20).tolist(), None]
        found = rows_of_contents(shop._view.store, [None if number is None else content(number) for number in asked])
        for number, rows in zip(asked, found, strict=True):
            expected = [row for row in range(40) if numbers[row] == number and row not in gone]
            assert rows.tolist() == expected and rows.dtype == np.int64
        assert rows_of_contents(shop._view.store, []) == []
        assert [rows.tolist() for rows in rows_of_contents(shop._view.store, [None])] == [[]]
    with Collection.create(tmp_path / "empty") as empty:
        assert [rows.tolist() for rows in rows_of_contents(empty._view.store, [content(1)])] == [[]]
