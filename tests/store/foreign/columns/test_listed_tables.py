"""Keys and labels that are a column of a table of their own, as clip-retrieval's metadata lie beside its vectors."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from lookalike.store.changing.importing import import_vectors
from lookalike.store.errors import LookalikeError
from lookalike.store.foreign.columns.listed import listed
from lookalike.store.version.store import Store

OF = Path("v.npy")
METADATA = pa.table({"image_path": ["a.jpg", "b.jpg"], "caption": ["x", None], "code": [1.0, float("nan")]})


def write_stream(table, path):
    with pa.ipc.new_stream(str(path), table.schema) as sink:
        sink.write_table(table)


WRITERS = {
    "m.parquet": pq.write_table,
    "m.PQ": pq.write_table,
    "m.feather": pa.feather.write_feather,
    "m.arrow": write_stream,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_named_column_of_any_table(tmp_path, name):
    WRITERS[name](METADATA, tmp_path / name)
    for column, values in (("image_path", ["a.jpg", "b.jpg"]), ("caption", ["x", None]), ("code", ["1", None])):
        assert list(listed(tmp_path / name, 2, OF, "key", column)) == values
    with pytest.raises(LookalikeError, match=r"no column 'key': name one with --key-column; these could"):
        listed(tmp_path / name, 2, OF, "key")
    with pytest.raises(LookalikeError, match="no column 'nope': name one with --label-column"):
        listed(tmp_path / name, 2, OF, "label", "nope")
    with pytest.raises(LookalikeError, match=r"has 2 keys, but v\.npy has 3 rows: give one key for each row$"):
        listed(tmp_path / name, 3, OF, "key", "image_path")


@pytest.mark.parametrize("name", WRITERS)
def test_the_usual_name_or_the_only_column_that_can_be_is_taken(tmp_path, name):
    lists = pa.array([[1], [2]])
    for column in ("key", "keys", "anything"):
        WRITERS[name](pa.table({"lists": lists, column: ["a", "b"]}), tmp_path / name)
        assert list(listed(tmp_path / name, 2, OF, "key")) == ["a", "b"]
    WRITERS[name](pa.table({"lists": lists}), tmp_path / name)
    with pytest.raises(LookalikeError, match="has no column 'key', and none that is text, whole numbers or bytes"):
        listed(tmp_path / name, 2, OF, "key")


def test_class_codes_are_named(tmp_path):
    features = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    table = pa.table({"label": [1, -1, 0]}).replace_schema_metadata({"huggingface": json.dumps(features)})
    pq.write_table(table, tmp_path / "l.parquet")
    assert list(listed(tmp_path / "l.parquet", 3, OF, "label")) == ["dog", None, "cat"]


def test_a_named_column_of_text_tables(tmp_path):
    (tmp_path / "m.csv").write_text("title,path\nx,a.jpg\ny,b.jpg\n")
    (tmp_path / "m.jsonl").write_text('{"path": "a.jpg"}\n{"path": "b.jpg"}\n')
    for name in ("m.csv", "m.jsonl"):
        assert list(listed(tmp_path / name, 2, OF, "key", "path")) == ["a.jpg", "b.jpg"]
    with pytest.raises(LookalikeError, match="has no column 'nope': its first line is title, path"):
        listed(tmp_path / "m.csv", 2, OF, "key", "nope")
    with pytest.raises(LookalikeError, match="no field 'key'; it has path: name one with --key-column"):
        listed(tmp_path / "m.jsonl", 2, OF, "key")
    (tmp_path / "m.txt").write_text("a\nb\n")
    with pytest.raises(LookalikeError, match=r"keys are given both by .*m.txt and by column 'path': give one of them"):
        listed(tmp_path / "m.txt", 2, OF, "key", "path")


@pytest.mark.parametrize("name", WRITERS)
def test_a_damaged_table_is_refused_in_one_line(tmp_path, name):
    WRITERS[name](METADATA, tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for size in range(0, len(whole) - 8, 40):
        (tmp_path / name).write_bytes(whole[:size])
        with pytest.raises(LookalikeError) as refused:
            list(listed(tmp_path / name, 2, OF, "key", "image_path"))
        assert name in str(refused.value) and "\n" not in str(refused.value)


def test_vectors_of_clip_retrieval_with_their_metadata(tmp_path, units):
    np.save(tmp_path / "img_emb_0.npy", units(2).astype(np.float16))
    pq.write_table(METADATA, tmp_path / "metadata_0.parquet")
    beside = tmp_path / "metadata_0.parquet"
    columns = {"key_column": "image_path", "label_column": "caption"}
    import_vectors(tmp_path / "c", tmp_path / "img_emb_0.npy", keys=beside, labels=beside, normalise=True, **columns)
    with Store.open(tmp_path / "c") as store:
        assert store.keys(np.arange(2)) == ["a.jpg", "b.jpg"] and store.labels(np.arange(2)) == ["x", None]
