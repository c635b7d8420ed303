"""Lookup tables of a stranger whose hashes fit: they may answer wrongly, and never end or mislead the process."""

import numpy as np
import pyarrow as pa
import pytest

from lookalike import Collection, LookalikeError
from lookalike.store.version.store import Store

from .forging import edited, forge

N = 40


@pytest.fixture
def shop(tmp_path):
    rows = np.eye(N, 64, dtype=np.float32)
    with Collection.create(tmp_path / "shop") as made:
        made.add(rows, [str(i) for i in range(N)], [f"c{i % 3}" for i in range(N)])
    return tmp_path / "shop"


def changed(batch, name, array):
    columns = {column: batch.column(column) for column in batch.schema.names}
    return pa.RecordBatch.from_arrays(list((columns | {name: array}).values()), names=list(columns))


def codes(batch):
    label = batch.column("label")
    indices = pa.array(np.full(len(label), 1_000_000, np.int32))
    return pa.DictionaryArray.from_arrays(indices, label.dictionary, safe=False)


FORGED = {
    "codes": lambda b: changed(b, "label", codes(b)),
    "positions": lambda b: changed(b, "key_at", pa.array(np.full(N, 10**9, np.int32))),
    "negative positions": lambda b: changed(b, "key_at", pa.array(np.full(N, -5, np.int32))),
    "positions that come twice": lambda b: changed(b, "key_at", pa.array(np.zeros(N, np.int32))),
    "rows": lambda b: changed(b, "row", pa.array(np.arange(N)[::-1].copy())),
    "negative rows": lambda b: changed(b, "row", pa.array(np.arange(N) - 3)),
    "hashes": lambda b: changed(b, "key_hash", pa.array(np.arange(N)[::-1].astype(np.uint64))),
    "types": lambda b: changed(b, "width", pa.array(["x"] * N)),
    "nulls": lambda b: changed(b, "key", pa.array([None] * N, pa.large_string())),
    "a column less": lambda b: b.drop_columns(["source"]),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_leads_out_of_a_table_is_refused_in_one_line(shop, what):
    with Store.open(shop) as store:
        name = store.content.runs[0].file
    batch = pa.ipc.open_file((shop / name).read_bytes()).get_batch(0)
    stream = pa.BufferOutputStream()
    forged = FORGED[what](batch)
    with pa.ipc.new_file(stream, forged.schema.with_metadata({b"contents": b"0"})) as writer:
        writer.write_batch(forged)
    forge(shop, name, stream.getvalue().to_pybytes())
    with Store.open(shop) as store, pytest.raises(LookalikeError, match="is not a lookup table") as refused:
        store.keys(np.arange(3))
    assert "\n" not in str(refused.value)


def test_offsets_beyond_their_buffer_are_refused(shop):
    with Store.open(shop) as store:
        name = store.content.runs[0].file
    whole = (shop / name).read_bytes()
    offsets = np.frombuffer(pa.ipc.open_file(whole).get_batch(0).column("key").buffers()[1], np.int64)[: N + 1]
    assert whole.count(offsets.tobytes()) == 1
    forge(shop, name, whole.replace(offsets.tobytes(), (offsets + np.where(np.arange(N + 1) > 5, 2**31, 0)).tobytes()))
    with Store.open(shop) as store, pytest.raises(LookalikeError, match=r"is not a lookup table: .*offset"):
        store.keys(np.arange(3))


def test_edits_do_edit():
    rng = np.random.default_rng(0)
    data = bytes(500)
    assert all(len(edited(data, rng)) == 500 for _ in range(50))
    assert sum(edited(data, rng) != data for _ in range(50)) > 40
