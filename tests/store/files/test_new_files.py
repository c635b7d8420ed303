import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.store.files.content import FileEntry
from lookalike.store.files.new_files import parquet_bytes, publish_array, publish_new, random_name


@pytest.mark.parametrize("content", [b"abc", memoryview(b"abc"), lambda file: file.write(b"abc")])
def test_the_entry_says_what_was_published(tmp_path, content):
    entry = publish_new(tmp_path, "deleted", ".bin", content)
    assert entry == FileEntry(entry.file, 3, hashlib.sha256(b"abc").hexdigest())
    assert entry.file.startswith("deleted/") and entry.file.endswith(".bin")
    assert (tmp_path / entry.file).read_bytes() == b"abc"


def test_every_name_is_new(tmp_path):
    assert len({random_name("vectors", ".parquet") for _ in range(100)}) == 100
    entries = {publish_new(tmp_path, "vectors", ".x", b"").file for _ in range(5)}
    assert len(entries) == len(list((tmp_path / "vectors").iterdir())) == 5


def test_arrays_and_tables_are_read_back(tmp_path):
    rows, table = np.arange(7) ** 2, pa.table({"a": [1, 2, None], "b": ["x", "", "z"]})
    assert (np.load(tmp_path / publish_array(tmp_path, "row_maps", ".npy", rows).file) == rows).all()
    entry = publish_new(tmp_path, "rejects", ".parquet", parquet_bytes(table, compression="zstd"))
    assert pq.read_table(tmp_path / entry.file).equals(table)
    assert pq.read_metadata(tmp_path / entry.file).row_group(0).column(0).compression == "ZSTD"
