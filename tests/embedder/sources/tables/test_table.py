"""CSV and Parquet tables, with paths and with bytes, against the rows they were made of."""

import base64
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.embedder.images.rejected import Rejected
from lookalike.embedder.sources import from_spec, open_source
from lookalike.embedder.sources.tables import parquet_rows as parquet_module
from lookalike.store.errors import LookalikeError


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def table(folder, columns, schema=None, **options):
    built = pa.table(columns, schema=schema)
    pq.write_table(built, folder / "t.parquet", **options)
    return open_source(folder / "t.parquet")


def read(source):
    again = from_spec(source.describe())
    return {record.key: again.read(record.locator) for record in source.records()}


def test_a_csv_of_paths(folder):
    (folder / "t.csv").write_text("path,label,price\na.jpg,cat,3\nb.jpg,,\n", encoding="utf-8-sig")
    source = open_source(folder / "t.csv")
    records = list(source.records())
    assert [(r.key, r.label, r.extra) for r in records] == [
        ("a.jpg", "cat", {"price": "3"}),
        ("b.jpg", None, {"price": None}),
    ]
    assert records[0].size == 5 and records[0].mtime_ns == (folder / "a.jpg").stat().st_mtime_ns
    assert source.extra_types == {"price": "string"}
    assert read(source) == {"a.jpg": b"a.jpg", "b.jpg": b"b.jpg"}


def test_keys_of_ones_own_tabs_and_missing_paths(folder):
    (folder / "t.tsv").write_text(f"key\timage\nfirst\t{folder}/a.jpg\nsecond\t\n\tb.jpg\nthird\tc.jpg\n")
    source = open_source(folder / "t.tsv")
    records = {r.key: r for r in source.records()}
    assert list(records) == ["first", "second", "b.jpg", "third"]
    assert source.read(records["first"].locator) == b"a.jpg"
    for key, words in (("second", "no image in this row"), ("third", "no such file")):
        with pytest.raises(Rejected, match=words):
            source.read(records[key].locator)
    assert not source.unique


def test_a_csv_with_bytes_that_are_not_utf8(folder):
    (folder / "t.csv").write_bytes(b"path,label\n\xff.jpg,\xe9t\xe9\n")
    (record,) = open_source(folder / "t.csv").records()
    assert record.key == "\udcff.jpg" and record.label.encode("utf-8", "surrogateescape") == b"\xe9t\xe9"


def test_a_name_with_a_null_byte_is_rejected(folder):
    source = open_source(folder / "a.jpg")
    with pytest.raises(Rejected, match="not a file name"):
        table(folder, {"path": ["a\0.jpg"]}).read("a\0.jpg")
    assert source.read(None) == b"a.jpg"


def test_parquet_of_paths_keeps_the_other_columns(folder):
    from datetime import datetime

    columns = {
        "path": ["a.jpg", "b.jpg"],
        "label": pa.array(["x", None]).dictionary_encode(),
        "count": pa.array([1, None], pa.int8()),
        "weight": [0.5, 1.5],
        "flag": [True, None],
        "when": [datetime(2020, 1, 2), None],
        "nested": [[1], [2]],
    }
    source = table(folder, columns)
    first, second = source.records()
    assert (first.label, second.label) == ("x", None)
    assert source.extra_types == {"count": "int64", "weight": "double", "flag": "bool", "when": "string"}
    assert first.extra["count"] == 1 and first.extra["when"].startswith("2020-01-02")
    assert second.extra == {"count": None, "weight": 1.5, "flag": None, "when": None}
    json.dumps([first, second])
    assert read(source) == {"a.jpg": b"a.jpg", "b.jpg": b"b.jpg"}


@pytest.mark.parametrize("column", ["image", "bytes"])
def test_parquet_of_bytes_is_read_row_by_row(folder, column, monkeypatch):
    monkeypatch.setattr(parquet_module, "_FEW", 3)
    data = [b"image %d" % i for i in range(50)]
    source = table(folder, {column: data, "label": list(range(50))}, row_group_size=7)
    records = list(source.records())
    assert [r.key for r in records] == [f"{i:08d}" for i in range(50)]
    assert records[3].label == "3" and records[3].size == (folder / "t.parquet").stat().st_size
    assert [source.read(r.locator) for r in records] == data
    assert [source.read(r.locator) for r in reversed(records)] == data[::-1]
    assert read(source) == dict(zip([r.key for r in records], data, strict=True))


def test_the_struct_of_hugging_face_with_class_names(folder):
    features = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": b"1", "path": None}, {"bytes": None, "path": "a.jpg"}, {"bytes": None, "path": None}, None]
    schema = pa.schema([("image", kind), ("label", pa.int64())], metadata={"huggingface": json.dumps(features)})
    source = table(folder, {"image": rows, "label": [0, 1, None, 1]}, schema)
    assert [r.label for r in source.records()] == ["cat", "dog", None, "dog"]
    assert (source.read(0), source.read(1)) == (b"1", b"a.jpg")
    for row in (2, 3):
        with pytest.raises(Rejected, match="no image in this row"):
            source.read(row)


def test_numbers_as_labels_and_keys(folder):
    source = table(folder, {"key": [7, 8], "bytes": [b"1", b"2"], "label": [3.0, None]})
    assert [(r.key, r.label) for r in source.records()] == [("7", "3"), ("8", None)]


def test_an_image_column_alone_and_no_rows(folder):
    assert len(list(table(folder, {"image": [b"1", b"2"]}).records())) == 2
    assert list(table(folder, {"image": pa.array([], pa.binary()), "label": pa.array([], pa.string())}).records()) == []


def test_what_is_no_such_table_is_refused_in_one_line(folder):
    (folder / "t.csv").write_text("name,label\na.jpg,cat\n")
    with pytest.raises(LookalikeError, match="no column path, image or bytes; it has name, label"):
        open_source(folder / "t.csv")
    (folder / "empty.csv").write_text("")
    with pytest.raises(LookalikeError, match="has no columns: its first line must name them"):
        open_source(folder / "empty.csv")
    (folder / "short.csv").write_text("path,label\na.jpg\n")
    with pytest.raises(LookalikeError, match="line 2 has 1 cells for 2 columns"):
        list(open_source(folder / "short.csv").records())
    (folder / "t.parquet").write_bytes(b"PAR1 this is not Parquet PAR1")
    with pytest.raises(LookalikeError, match="cannot be read as Parquet") as caught:
        open_source(folder / "t.parquet")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"image": [[1, 2], [3]]},
            r"column 'image' of .* is list<.*int64>: images must be text \(a path\), encoded bytes",
        ),
        ({"path": [["a.jpg"]]}, "column 'path' of .* is list<"),
        ({"image": [{"name": "a.jpg"}]}, "column 'image' of .* is struct<name: string>"),
        ({"path": ["a.jpg"], "label": [["cat"]]}, "column 'label' of .* is list<.*string>: keys, labels and names"),
        ({"path": ["a.jpg"], "key": [["a"]]}, "column 'key' of .* is list<.*string>: keys, labels and names"),
    ],
)
def test_a_column_of_another_type_is_refused_by_name(folder, columns, words):
    with pytest.raises(LookalikeError, match=words) as caught:
        table(folder, columns)
    assert "\n" not in str(caught.value)


def test_bytes_hold_the_images_whatever_else_is_called_image(folder):
    source = table(folder, {"bytes": [b"1"], "image": [{"width": 3}], "took": pa.array([5], pa.duration("s"))})
    assert [record.key for record in source.records()] == ["00000000"] and source.extra_types == {}
    source = table(folder, {"path": pa.array(["a.jpg"], pa.string_view())})
    assert [record.key for record in source.records()] == ["a.jpg"]


def test_a_tar_is_refused_for_now(tmp_path):
    for name in ("shard.tar", "shard-{000..010}.tar", "SHARD.TAR.GZ"):
        with pytest.raises(LookalikeError, match=r"\.tar files are not supported yet"):
            open_source(tmp_path / name)
    (tmp_path / "my.target.csv").write_text("path\n")
    assert list(open_source(tmp_path / "my.target.csv").records()) == []


def test_an_image_as_base64_text_in_a_column_of_paths_is_named(tmp_path):
    text = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(200)).decode()
    (tmp_path / "t.csv").write_text(f"image\n{text}\n")
    source = open_source(tmp_path / "t.csv")
    (record,) = source.records()
    with pytest.raises(Rejected, match="base64 text: decode it, and write a column of bytes in Parquet"):
        source.read(record.locator)


@pytest.mark.parametrize(("column", "flag"), [("Labels", "Labels"), ("class", "class"), ("Class_Name", "Class_Name")])
def test_a_table_without_labels_names_the_column_that_may_be_meant(folder, column, flag):
    source = table(folder, {"path": ["a.jpg", "b.jpg"], column: ["x", "y"], "weight": [1, 2]})
    assert [record.label for record in source.records()] == [None, None]
    assert source.notes() == [f"{column} was not used as labels: if it holds the labels, give --label-column {flag}"]
    assert table(folder, {"path": ["a.jpg"], "label": ["x"], column: ["y"]}).notes() == []
