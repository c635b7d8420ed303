"""Every kind of a stranger's file, edited with fitting hashes: answered, or refused in one line, within limits."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike import Collection, LookalikeError
from lookalike.store.errors import Damaged
from lookalike.store.foreign import table_trial
from lookalike.store.version.rejects import read_rejects
from lookalike.store.version.store import Store
from lookalike.store.version.tables import live_table

from .forging import forge

pytestmark = pytest.mark.filterwarnings("ignore::lookalike.store.errors.LookalikeWarning")
KINDS = ["part", "rejects", "prototypes", "head", "deleted", "row map", "calibration", "lookups"]


def test_some_edits_of_every_file(shop, fuzz):
    lines = fuzz(shop, 0, 8, *KINDS)
    assert [line.rsplit(" ", 2)[0] for line in lines] == KINDS
    assert sum(int(line.split()[-1]) for line in lines) > 8 * len(KINDS) // 2


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_many_edits_of_every_file(shop, fuzz, kind):
    (line,) = fuzz(shop, 1, 600, kind)
    assert int(line.split()[-1]) > 200


def files(shop):
    with Store.open(shop) as store:
        return store.content


def stored(table, **options):
    stream = pa.BufferOutputStream()
    pq.write_table(table, stream, **options)
    return stream.getvalue().to_pybytes()


def expanding(column, count, size):
    """A Parquet file of some kilobytes whose column holds count * size bytes."""
    stream = pa.BufferOutputStream()
    texts = pa.table({column: pa.array(["x" * size], pa.large_string())})
    with pq.ParquetWriter(stream, texts.schema, compression="zstd", use_dictionary=False) as writer:
        for _ in range(count):
            writer.write_table(texts)
    return stream.getvalue().to_pybytes()


def test_a_small_file_that_expands_to_gigabytes_is_refused(shop, stranger, monkeypatch):
    monkeypatch.setattr(table_trial, "MEMORY", 900 << 20)
    made = expanding("key", 12, 64 << 20)
    assert len(made) < 1 << 20
    forge(shop, files(shop).rejects[0].file, made)
    with Store.open(shop) as store, pytest.raises(Damaged, match="asks for more memory than its size allows"):
        read_rejects(store)


def test_lookups_that_expand_to_gigabytes_are_refused(shop, stranger, monkeypatch):
    monkeypatch.setattr(table_trial, "MEMORY", 900 << 20)
    batch = pa.record_batch({"key": pa.array(np.zeros(100_000_000, np.uint64))})
    stream = pa.BufferOutputStream()
    with pa.ipc.new_file(stream, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
    forge(shop, files(shop).runs[0].file, stream.getvalue().to_pybytes())
    with Store.open(shop) as store, pytest.raises(LookalikeError, match="asks for more memory") as refused:
        store.keys(np.arange(3))
    assert "\n" not in str(refused.value)


def test_tables_are_tried_in_one_process_and_once(shop, stranger, monkeypatch):
    calls, through = [], table_trial.come_through
    monkeypatch.setattr(table_trial, "come_through", lambda *a: (calls.append(len(a[1])), through(*a))[1])
    with Store.open(shop) as store:
        parts, runs = len(store.content.parts), len(store.content.runs)
        for _ in range(2):
            assert live_table(store).num_rows == store.rows
    assert sorted(calls) == sorted([parts, *[1] * runs]) and parts > 1
    monkeypatch.setattr(table_trial, "come_through", lambda *a: pytest.fail("tried again"))
    with Store.open(shop) as store:
        assert live_table(store).num_rows == store.rows


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, 1.5])
def test_vectors_that_are_no_unit_rows_are_refused(shop, value):
    part = files(shop).parts[0]
    data = bytearray((shop / part.file).read_bytes())
    data[part.vector_offset : part.vector_offset + 4] = np.float32(value).tobytes()
    forge(shop, part.file, bytes(data))
    with Collection.open(shop) as made, pytest.raises(Damaged, match=r"at place 0.* not a unit vector"):
        made.search("key:k0")


CALIBRATIONS = {
    "NaN": lambda c: c.update(threshold=float("nan")),
    "text": lambda c: c.update(threshold="0.5"),
    "a field less": lambda c: c.pop("rows"),
    "a field more": lambda c: c.update(colour="red"),
    "no count": lambda c: c["chosen_on"].pop("images"),
    "a list": lambda c: c.update(classes=[1]),
    "a class": lambda c: c.update(classes={"c0": {"threshold": 0.5}}),
    "another way": lambda c: c.update(by="linear"),
    "another format": lambda c: c.update(format=[2]),
    "a huge number": lambda c: c.update(next_row=10**400),
}


@pytest.mark.parametrize("what", CALIBRATIONS)
def test_calibrations_that_cannot_be_are_refused_in_one_line(shop, what):
    name = files(shop).calibrations[0].file
    held = json.loads((shop / name).read_bytes())
    CALIBRATIONS[what](held)
    forge(shop, name, json.dumps(held).encode())
    with Collection.open(shop) as made, pytest.raises(LookalikeError, match=r"calibration|format \[2\]") as refused:
        made.classify("key:k0")
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 600


@pytest.mark.parametrize("data", [b"", b"{", b"7", b"[" * 10**6, b"\xff", b"null", b'{"format": 1}'])
def test_what_is_no_calibration_is_refused_in_one_line(shop, data):
    forge(shop, files(shop).calibrations[0].file, data)
    with Collection.open(shop) as made, pytest.raises(LookalikeError, match=r"calibration|format") as refused:
        made.classify("key:k0")
    assert "\n" not in str(refused.value)


def numbers(table, name, value):
    """The table with the first number of a column changed."""
    column = table.column(name).combine_chunks()
    lists = pa.types.is_fixed_size_list(column.type)
    values = (column.flatten() if lists else column).to_numpy(zero_copy_only=False).copy()
    values[0] = value
    array = pa.array(values)
    array = pa.FixedSizeListArray.from_arrays(array, column.type.list_size) if lists else array
    return table.set_column(table.column_names.index(name), name, array)


PROTOTYPES = {
    "NaN": lambda t: numbers(t, "row", np.nan),
    "a long row": lambda t: numbers(t, "row", 9),
    "a negative count": lambda t: numbers(t, "count", -5),
    "another order": lambda t: t.take(pa.array(range(t.num_rows)[::-1])),
    "no rows": lambda t: t.slice(0, 0),
    "null classes": lambda t: t.set_column(0, "class", pa.array([None] * t.num_rows, pa.large_string())),
    "NaN anchors": lambda t: numbers(t, "anchor", np.nan),
}


@pytest.mark.parametrize("what", PROTOTYPES)
def test_prototypes_that_cannot_be_are_refused_in_one_line(shop, what):
    name = files(shop).prototypes.table.file
    table = PROTOTYPES[what](pq.read_table(io.BytesIO((shop / name).read_bytes())))
    forge(shop, name, stored(table))
    with Collection.open(shop) as made, pytest.raises(Damaged, match="does not hold prototypes") as refused:
        made.classify("key:k0")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("rows", [[0, 1], np.arange(61), np.arange(62) + 5, np.arange(62) * 10])
def test_a_row_map_of_other_rows_is_refused(shop, rows):
    part = next(part for part in files(shop).parts if part.row_map is not None)
    stream = io.BytesIO()
    np.save(stream, np.asarray(rows, np.int64))
    forge(shop, part.row_map.file, stream.getvalue())
    with Store.open(shop) as store, pytest.raises(Damaged, match=r"does not list the .* rows|is not a row map"):
        store.gather(store.live_rows())
