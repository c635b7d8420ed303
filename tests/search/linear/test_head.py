"""A head as data: its logits, its file, and files that hold no head."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.search.linear.head import Head, as_parquet, read_head
from lookalike.store.errors import Damaged

NAMES = ["a", "%uDCFF", "caf\udce9", "z\n"]


def head(classes: int = 4, dim: int = 3) -> Head:
    rng = np.random.default_rng(0)
    weights, biases = rng.normal(size=(classes, dim)), rng.normal(size=classes)
    return Head(NAMES[:classes], weights.astype(np.float32), biases.astype(np.float32))


@pytest.mark.parametrize("classes", [1, 4])
def test_a_head_comes_back_as_it_was_written(tmp_path, classes):
    path = tmp_path / "head.parquet"
    path.write_bytes(as_parquet(head(classes)))
    read = read_head(path, 3)
    assert read.classes == NAMES[:classes]
    np.testing.assert_array_equal(read.weights, head(classes).weights)
    np.testing.assert_array_equal(read.biases, head(classes).biases)


def test_logits_are_of_the_classes_asked_for_in_their_order():
    made = head()
    query = np.array([[0.6, 0.0, 0.8]], np.float32)
    whole = query @ made.weights.T + made.biases
    logits = made.logits(query, ["z\n", "never seen", "a"])
    np.testing.assert_allclose(logits, [[whole[0, 3], -np.inf, whole[0, 0]]], rtol=1e-6)
    assert made.logits(query, []).shape == (1, 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop_columns("bias"),
        lambda table: table.set_column(2, "bias", table.column("bias").cast(pa.float64())),
        lambda table: table.set_column(2, "bias", pa.array([np.nan, 0, 0, 0], pa.float32())),
        lambda table: table.slice(0, 0),
        lambda table: table.rename_columns(["class", "weights", "other"]),
    ],
)
def test_another_file_is_refused(tmp_path, change):
    path = tmp_path / "head.parquet"
    path.write_bytes(as_parquet(head()))
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(Damaged, match="does not hold a linear head"):
        read_head(path, 3)


def test_another_dimension_and_no_parquet_are_refused(tmp_path):
    path = tmp_path / "head.parquet"
    path.write_bytes(as_parquet(head()))
    with pytest.raises(Damaged, match="of 4 dimensions"):
        read_head(path, 4)
    path.write_bytes(b"no")
    with pytest.raises(Damaged, match="does not hold a linear head"):
        read_head(path, 3)
