import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.store.errors import LookalikeError
from lookalike.store.foreign.columns.named_columns import Columns
from lookalike.store.foreign.vectors.readers import open_vectors

ONE = [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("table", "columns", "message"),
    [
        (
            {"id": ["a"], "embedding": ONE},
            Columns(),
            "no column 'vector': give --vector-column embedding, which is list<",
        ),
        (
            {"emb": ONE, "z": ONE},
            Columns(),
            "give --vector-column emb; these could serve: emb (list<element: double>), z",
        ),
        ({"y": ONE, "z": ONE}, Columns(), "name one with --vector-column; these could serve: y (list"),
        ({"my emb": ONE}, Columns(), "give --vector-column 'my emb', which is"),
        ({"vector": ONE, "id": [1]}, Columns(key="idx"), "no column 'idx': give --key-column id"),
        (
            {"vector": ONE, "id": [1]},
            Columns(label="vector"),
            "column 'vector' is list<element: double>: labels are text",
        ),
        ({"id": [1], "emb": ONE}, Columns(vector="id"), "column 'id' is int64: vectors are a list of numbers; give"),
        ({"vector": ONE}, Columns(key="vector", vector="vector"), "column 'vector' is named for two purposes"),
        (
            {"f0": [1.0], "f1": [0.0]},
            Columns(),
            "its columns are f0 (double), f1 (double); join the 2 columns of numbers into one column of lists",
        ),
        ({f"c{i}": [1] for i in range(20)}, Columns(), "c7 (int64) and 12 more"),
    ],
)
def test_what_is_missing_is_said_with_what_could_serve(tmp_path, table, columns, message):
    pq.write_table(pa.table(table), tmp_path / "x.parquet")
    with pytest.raises(LookalikeError) as error:
        open_vectors(tmp_path / "x.parquet", columns)
    assert message in str(error.value)


def test_a_column_that_comes_twice_is_refused(tmp_path):
    table = pa.table([pa.array(ONE), pa.array(ONE), pa.array(["a"])], names=["vector", "vector", "key"])
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(LookalikeError, match="has 2 columns named 'vector': rename all but one"):
        open_vectors(tmp_path / "x.parquet")


def test_named_columns_are_taken_and_the_usual_ones_kept(tmp_path):
    table = {"vector": ["x"], "key": ["k"], "emb": ONE, "id": [7], "kind": [2.0]}
    pq.write_table(pa.table(table), tmp_path / "x.parquet")
    (block,) = open_vectors(tmp_path / "x.parquet", Columns(key="id", label="kind", vector="emb")).blocks(5)
    assert (block.vectors.tolist(), block.keys, block.labels) == (ONE, ["7"], ["2"])
    assert block.extra.to_pylist() == [{"vector": "x", "key": "k"}]
