"""Columns as pandas, Spark, Hugging Face and others write them, in every type that Arrow has for the same values."""

import json
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.embedder.images.rejected import Rejected
from lookalike.embedder.sources import SourceOptions, open_source
from lookalike.store.errors import LookalikeError
from lookalike.store.foreign.columns.class_label import class_label


def table(folder, columns, schema=None, options=None, **more):
    built = pa.table(columns, schema=schema)
    pq.write_table(built, folder / "t.parquet", **more)
    return open_source(folder / "t.parquet", options or SourceOptions())


def labels(source):
    return [record.label for record in source.records()]


DATA = [b"im1", b"im2", None, b"im1"]
BYTES = {
    "binary": pa.array(DATA, pa.binary()),
    "large": pa.array(DATA, pa.large_binary()),
    "view": pa.array(DATA, pa.binary_view()),
    "fixed": pa.array(DATA, pa.binary(3)),
    "dictionary": pa.array(DATA, pa.binary()).dictionary_encode(),
    "struct": pa.array([d and {"bytes": d, "path": "x"} for d in DATA]),
    "struct of views": pa.StructArray.from_arrays(
        [pa.array(DATA, pa.binary_view()), pa.array(["x"] * 4, pa.string_view())], ["bytes", "path"]
    ),
    "struct of large ones": pa.StructArray.from_arrays(
        [pa.array(["x"] * 4, pa.large_string()), pa.array(DATA, pa.large_binary())], ["path", "bytes"]
    ),
    "extension": pa.ExtensionArray.from_storage(pa.opaque(pa.binary(), "image", "them"), pa.array(DATA, pa.binary())),
}


@pytest.mark.parametrize("kind", BYTES)
@pytest.mark.parametrize("column", ["image", "bytes", "img"])
def test_encoded_images_are_read_of_every_type(tmp_path, kind, column):
    options = SourceOptions(image_column=column) if column == "img" else None
    size = 4 if kind == "struct of views" else 2  # Arrow cannot cut these
    source = table(tmp_path, {column: BYTES[kind], "n": [1, 2, 3, 4]}, options=options, row_group_size=size)
    assert [record.key for record in source.records()] == [f"{i:08d}" for i in range(4)]
    assert source.extra_types == {"n": "int64"}
    assert [source.read(row) for row in (0, 1, 3, 0)] == [b"im1", b"im2", b"im1", b"im1"]
    if not kind.startswith("struct of"):
        with pytest.raises(Rejected, match="no image in this row"):
            source.read(2)


@pytest.mark.parametrize("data", ["null", "binary", "none"])
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary()], ids=str)
def test_a_struct_of_paths_alone_names_files_and_knows_when_they_change(tmp_path, data, kind):
    """As pandas writes images that are all paths, and `datasets` local ones."""
    paths = pa.array(["a.jpg", None, "caf\u00e9.jpg"], pa.binary() if kind == pa.binary() else pa.string()).cast(kind)
    fields = {"path": paths} if data == "none" else {"bytes": pa.nulls(3, getattr(pa, data)()), "path": paths}
    (tmp_path / "a.jpg").write_bytes(b"one")
    (tmp_path / "cafe\u0301.jpg").write_bytes(b"two")
    source = table(tmp_path, {"image": pa.StructArray.from_arrays([*fields.values()], [*fields])})
    assert [source.read(row) for row in (0, 2)] == [b"one", b"two"]
    assert [source.path_of(row) for row in range(3)] == [f"{tmp_path}/a.jpg", None, f"{tmp_path}/cafe\u0301.jpg"]
    assert [record.size for record in source.records()] == [3, None, 3]
    (tmp_path / "a.jpg").write_bytes(b"other")
    assert [record.size for record in source.records()] == [5, None, 3]


def test_a_struct_with_bytes_is_as_old_as_its_table(tmp_path):
    images = pa.array([{"bytes": b"im1", "path": "a.jpg"}, {"bytes": None, "path": "a.jpg"}])
    (tmp_path / "a.jpg").write_bytes(b"one")
    source = table(tmp_path, {"image": images})
    assert {record.size for record in source.records()} == {(tmp_path / "t.parquet").stat().st_size}


@pytest.mark.parametrize("fields", [{"bytes": pa.nulls(1), "path": pa.nulls(1)}, {"url": pa.array(["x"])}], ids=str)
def test_a_struct_without_bytes_and_paths_is_refused(tmp_path, fields):
    with pytest.raises(LookalikeError, match=r"column 'image' of .* is struct<.*: images must be text"):
        table(tmp_path, {"image": pa.StructArray.from_arrays([*fields.values()], [*fields])})


TEXTS = ["a.jpg", "é.jpg", None]
PATHS = {
    "string": pa.array(TEXTS),
    "large": pa.array(TEXTS, pa.large_string()),
    "view": pa.array(TEXTS, pa.string_view()),
    "dictionary": pa.array(TEXTS).dictionary_encode(),
    "bytes": pa.array([t and t.encode() for t in TEXTS]),
    "bytes in a view": pa.array([t and t.encode() for t in TEXTS], pa.binary_view()),
    "bytes in a dictionary": pa.array([t and t.encode() for t in TEXTS]).dictionary_encode(),
}


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("column", ["path", "image", "file"])
def test_paths_are_read_of_every_type(tmp_path, kind, column):
    for name in TEXTS[:2]:
        (tmp_path / name).write_bytes(name.encode())
    options = SourceOptions(image_column=column) if column == "file" else None
    source = table(tmp_path, {column: PATHS[kind], "label": PATHS[kind], "key": PATHS[kind]}, options=options)
    records = list(source.records())
    assert [(r.key, r.label) for r in records] == [("a.jpg", "a.jpg"), ("é.jpg", "é.jpg"), ("00000002", None)]
    assert [source.read(r.locator) for r in records[:2]] == [b"a.jpg", "é.jpg".encode()]
    assert source.extra_types == {}


def test_bytes_in_a_column_named_path_may_still_be_images(tmp_path):
    source = table(tmp_path, {"path": [b"\x89PNG\r\n\x1a\n\0"]})
    assert source.read(0) == b"\x89PNG\r\n\x1a\n\0"


NULLS = pa.nulls(2)


@pytest.mark.parametrize(
    "nulls", [NULLS, pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), pa.nulls(0))]
)
def test_columns_of_nulls_alone_are_as_if_they_were_not_there(tmp_path, nulls):
    source = table(tmp_path, {"bytes": [b"1", b"2"], "label": nulls, "key": nulls, "path": nulls, "note": nulls})
    assert [(r.key, r.label) for r in source.records()] == [("00000000", None), ("00000001", None)]
    assert source.unique and source.extra_types == {}
    with pytest.raises(LookalikeError, match=r"column 'path' of .* is null"):
        table(tmp_path, {"path": NULLS})


def test_a_table_without_rows_has_no_types_to_speak_of(tmp_path):
    source = table(tmp_path, {"path": pa.nulls(0), "label": pa.nulls(0)})
    assert list(source.records()) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([3.0, None, float("nan")]), ["3", None, None]),
        (pa.array([0.5, 1e3, -1.0]), ["0.5", "1000", "-1"]),
        (pa.array([True, False, None]), ["True", "False", None]),
        (pa.array(["", "  ", "x"]), [None, None, "x"]),
        (pa.array([b"cat", b"", b"\xff"]), ["cat", None, "\udcff"]),
        (pa.array([1, 2, 1 << 63], pa.uint64()), ["1", "2", str(1 << 63)]),
        (pa.array([1, -1, 0], pa.int8()), ["1", "-1", "0"]),  # a number is its own name without a ClassLabel
        (pa.array(np.array([1, 2, 3], np.float16)), ["1", "2", "3"]),
        (pa.array([uuid.UUID(int=7).bytes] * 3, pa.uuid()), [str(uuid.UUID(int=7))] * 3),
    ],
)
def test_labels_of_every_type(tmp_path, values, expected):
    assert labels(table(tmp_path, {"image": [b"1", b"2", b"3"], "label": values})) == expected


def declared(kind, feature, column="label"):
    metadata = {"huggingface": json.dumps({"info": {"features": {column: feature}}})}
    return pa.schema([("image", pa.binary()), (column, kind)], metadata=metadata)


CATS = {"names": ["cat", "dog"], "_type": "ClassLabel"}


@pytest.mark.parametrize("kind", [pa.int64(), pa.int32(), pa.int8(), pa.float64(), pa.float32()])
@pytest.mark.parametrize("column", ["label", "breed"])
def test_codes_below_zero_are_no_label(tmp_path, kind, column):
    schema = declared(kind, CATS, column)
    options = SourceOptions(label_column=column) if column == "breed" else None
    source = table(tmp_path, {"image": [b"1"] * 5, column: [0, -1, 1, None, -100]}, schema, options)
    assert labels(source) == ["cat", None, "dog", None, None]
    assert source.extra_types == {}


def test_a_code_beyond_the_names_is_refused_with_its_row(tmp_path):
    codes = [0] * 5000 + [2]
    source = table(tmp_path, {"image": [b"1"] * 5001, "label": codes}, declared(pa.int64(), CATS), row_group_size=700)
    with pytest.raises(LookalikeError, match=r"row 5000: label code 2 has no class, since the schema names 2"):
        labels(source)


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        ({"num_classes": 2, "_type": "ClassLabel"}, ["0", "1", None]),
        ({"num_classes": 2, "names": None, "_type": "ClassLabel"}, ["0", "1", None]),
        ({"num_classes": 2, "names": ["cat", "dog"], "names_file": None, "_type": "ClassLabel"}, ["cat", "dog", None]),
        ({"names": ["cat", "dog"]}, ["cat", "dog", None]),
        ({"dtype": "int64", "_type": "Value"}, ["0", "1", "-1"]),
        ({"names": ["cat", "dog"], "_type": "Value"}, ["0", "1", "-1"]),
        ({"feature": CATS, "_type": "Sequence"}, ["0", "1", "-1"]),
        ([CATS], ["0", "1", "-1"]),
        ("ClassLabel", ["0", "1", "-1"]),
        (None, ["0", "1", "-1"]),
        ({"names": 5, "_type": "ClassLabel"}, ["0", "1", "-1"]),
    ],
)
def test_what_a_class_label_is(tmp_path, feature, expected):
    source = table(tmp_path, {"image": [b"1"] * 3, "label": [0, 1, -1]}, declared(pa.int64(), feature))
    assert labels(source) == expected


def test_names_that_are_stored_already_stay(tmp_path):
    source = table(tmp_path, {"image": [b"1"] * 2, "label": ["cat", None]}, declared(pa.string(), CATS))
    assert labels(source) == ["cat", None]
    assert class_label({b"huggingface": b"[" * 100_000}, "label") is None


def test_columns_are_chosen_by_name(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"file")
    columns = {"path": ["a.jpg"], "thumb": [b"thumb"], "label": ["x"], "Breed": ["y"], "image": [b"image"]}
    source = table(tmp_path, columns, options=SourceOptions(image_column="thumb", label_column="Breed"))
    (record,) = source.records()
    assert (record.key, record.label, record.extra) == ("a.jpg", "y", {"label": "x"})
    assert source.read(record.locator) == b"thumb"
    for flag, options in (("image", SourceOptions(image_column="x")), ("label", SourceOptions(label_column="x"))):
        with pytest.raises(LookalikeError, match=f"no column 'x' for --{flag}-column: its columns are path, thumb"):
            table(tmp_path, columns, options=options)
    (tmp_path / "t.csv").write_text("file,breed,label\n a.jpg ,y,x\n")
    (record,) = open_source(tmp_path / "t.csv", SourceOptions(image_column="file", label_column="breed")).records()
    assert (record.key, record.label, record.locator, record.extra) == ("a.jpg", "y", "a.jpg", {"label": "x"})
