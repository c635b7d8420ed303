"""Lookup tables of a stranger whose hashes fit: they may answer wrongly, and never end or mislead the process."""

import shutil

import numpy as np
import pyarrow as pa
import pytest

from lookalike import Collection, LookalikeError
from lookalike.store.run_check import check_run
from lookalike.store.store import Store

from .forging import edited, forge, in_child

N = 40
ASK = """
import sys
from pathlib import Path
import numpy as np
from lookalike.store.store import Store
from lookalike.store.errors import LookalikeError
sys.path.insert(0, sys.argv[1])
from forging import edited, forge
folder, seed, edits = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
rng = np.random.default_rng(seed)
with Store.open(folder) as store:
    name = store.content.runs[0].file
whole, refused = (folder / name).read_bytes(), 0
for _ in range(edits):
    forge(folder, name, edited(whole, rng))
    try:
        with Store.open(folder) as store:
            rows = np.arange(store.next_row)
            store.keys(rows), store.labels(rows), store.facts(rows), store.classes, store.codes(rows)
            store.find(["0", "7", "no"]), store.find_contents(["00" * 32, "ab" * 32])
    except LookalikeError as error:
        assert "\\n" not in str(error), error
        refused += 1
print(refused)
"""


@pytest.fixture
def shop(tmp_path):
    rows = np.eye(N, 64, dtype=np.float32)
    with Collection.create(tmp_path / "shop") as made:
        made.add(rows, [str(i) for i in range(N)], [f"c{i % 3}" for i in range(N)])
    return tmp_path / "shop"


def fuzz(shop, seed, edits):
    done = in_child(ASK, __file__.rsplit("/", 1)[0], shop, seed, edits, timeout=60 + edits)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > edits // 3  # edits of padding, and of what nobody asks here, change nothing


def test_some_edits_end_no_process(shop):
    fuzz(shop, 0, 120)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 6))
def test_many_edits_end_no_process(shop, seed):
    fuzz(shop, seed, 1000)


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


def test_a_table_is_looked_through_once(shop, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("lookalike.store.runs.check_run", lambda *a: (calls.append(1), check_run(*a)))
    for _ in range(2):
        with Store.open(shop) as store:  # this process wrote it
            store.keys(np.arange(3))
    assert calls == []
    shutil.copytree(shop, tmp_path / "copy")
    for _ in range(2):
        with Store.open(tmp_path / "copy") as store:
            assert store.keys(np.arange(3)) == ["0", "1", "2"]
    assert calls == [1]


def test_edits_do_edit():
    rng = np.random.default_rng(0)
    data = bytes(500)
    assert all(len(edited(data, rng)) == 500 for _ in range(50))
    assert sum(edited(data, rng) != data for _ in range(50)) > 40
