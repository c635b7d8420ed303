import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather

from lookalike.store.errors import LookalikeError
from lookalike.store.foreign.columns.named_columns import Columns
from lookalike.store.foreign.vectors.arrow_files import ArrowVectors


def table_of(units, n=7):
    return pa.table({"n": range(n), "key": [f"k{i}" for i in range(n)], "emb": pa.array(list(units(n)))})


def save_file(table, path):
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


def save_stream(table, path):
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


SAVERS = [save_file, save_stream, feather.write_feather]


@pytest.mark.parametrize("save", SAVERS)
def test_files_and_streams_give_the_same_rows(tmp_path, units, save):
    save(table_of(units), str(tmp_path / "x.arrow"))
    file = ArrowVectors(tmp_path / "x.arrow", Columns(vector="emb"))
    assert file.rows == 7
    blocks = list(file.blocks(2))
    assert max(len(block.vectors) for block in blocks) == 2
    np.testing.assert_array_equal(np.concatenate([block.vectors for block in blocks]), units(7))
    assert [key for block in blocks for key in block.keys] == [f"k{i}" for i in range(7)]
    assert [n for block in blocks for n in block.extra.column("n").to_pylist()] == [*range(7)]


def test_the_first_feather_format_is_named(tmp_path):
    (tmp_path / "x.feather").write_bytes(b"FEA1" + bytes(100))
    with pytest.raises(LookalikeError, match="first Feather format, of 2016: write it as"):
        ArrowVectors(tmp_path / "x.feather")


@pytest.mark.parametrize("save", SAVERS[:2])
def test_any_damage_is_one_line_or_harmless(tmp_path, units, save):
    save(table_of(units), str(tmp_path / "whole.arrow"))
    whole = (tmp_path / "whole.arrow").read_bytes()
    refused = 0
    cuts = [whole[:size] for size in range(0, len(whole), 17)]
    for data in cuts + [whole[:at] + bytes([whole[at] ^ 0x81]) + whole[at + 1 :] for at in range(0, len(whole), 3)]:
        (tmp_path / "x.arrow").write_bytes(data)
        try:
            list(ArrowVectors(tmp_path / "x.arrow", Columns(vector="emb")).blocks(5))
        except LookalikeError as error:
            refused += 1
            assert "x.arrow" in str(error) and "\n" not in str(error)
    assert refused > 50
