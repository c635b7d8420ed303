"""The prototypes' file: comes back as it was written, and is refused where it is not what its entry promises."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.indexer.prototypes.sums import Sums, unit_means
from lookalike.indexer.prototypes.table import as_parquet, read_table
from lookalike.store.errors import Damaged
from lookalike.store.files.content import PrototypeRule


@pytest.fixture
def sums(rng):
    """Two sums of one class with an odd name, one of another."""
    anchors = rng.standard_normal((3, 4))
    anchors = (anchors / np.linalg.norm(anchors, axis=1, keepdims=True)).astype(np.float32)
    made = Sums(["a\udcff", "b"], np.array([0, 0, 1]), np.zeros((3, 4), np.int64), np.zeros(3, np.int64), anchors)
    rows = rng.standard_normal((9, 4))
    made.add(np.array([0, 0, 0, 0, 1, 1, 0, 0, 1]), (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("f4"))
    return made


@pytest.mark.parametrize(("window", "several"), [(0, False), (3, False), (0, True), (3, True)])
def test_it_comes_back(tmp_path, sums, window, several):
    if not several:
        sums.anchors = None
    windows = [np.array([2, 5, 7]), np.array([3])] if window else None
    path = tmp_path / "p.parquet"
    path.write_bytes(as_parquet(sums, unit_means(sums), windows))
    read = read_table(path, 4, PrototypeRule(window, 2 if several else 1))
    assert (read.sums.classes, read.sums.owners.tolist()) == (sums.classes, sums.owners.tolist())
    assert np.array_equal(read.sums.sums, sums.sums) and np.array_equal(read.sums.counts, sums.counts)
    assert np.array_equal(read.rows, unit_means(sums))
    assert read.window is None if windows is None else read.window.tolist() == [2, 3, 5, 7]
    assert read.sums.anchors is None if not several else np.array_equal(read.sums.anchors, sums.anchors)


@pytest.mark.parametrize("broken", ["anchor", "window", "dim", "type", "not a table"])
def test_another_file_is_refused(tmp_path, sums, broken):
    path = tmp_path / "p.parquet"
    path.write_bytes(as_parquet(sums, unit_means(sums), [np.array([1]), np.array([2])]))
    table = pq.read_table(path)
    if broken in ("anchor", "window"):
        pq.write_table(table.drop_columns([broken]), path)
    elif broken == "type":
        column = pa.array([[0.5] * 4] * 3, pa.list_(pa.float64(), 4))
        pq.write_table(table.set_column(3, "row", column), path)
    elif broken == "not a table":
        path.write_bytes(b"PAR1")
    with pytest.raises(Damaged, match=r"p\.parquet does not hold prototypes"):
        read_table(path, 5 if broken == "dim" else 4, PrototypeRule(1, 2))
