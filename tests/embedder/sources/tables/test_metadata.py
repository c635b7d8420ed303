"""metadata.csv, .jsonl and .parquet in a folder say the same in the same way."""

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.embedder.images.rejected import Rejected
from lookalike.embedder.sources import SourceOptions, from_spec, open_source
from lookalike.store.errors import LookalikeError, LookalikeWarning

ROWS = [
    {"file_name": "cat/a.jpg", "label": "dog", "colour": "red"},
    {"file_name": "./cat/b.jpg", "label": None, "colour": None},
    {"file_name": "missing.jpg", "label": "dog", "colour": "blue"},
]


def write(root, kind, rows, schema=None):
    path = root / f"metadata.{kind}"
    if kind == "csv":
        lines = [",".join(rows[0]), *(",".join("" if v is None else str(v) for v in row.values()) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    elif kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    else:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "photos"
    for name in ("cat/a.jpg", "cat/b.jpg", "cat/c.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


KINDS = ["csv", "jsonl", "parquet"]


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_overridden_and_columns_added(root, kind):
    write(root, kind, ROWS)
    source = from_spec(open_source(root).describe())
    records = {record.key: record for record in source.records()}
    assert {key: record.label for key, record in records.items()} == {
        "cat/a.jpg": "dog", "cat/b.jpg": None, "cat/c.jpg": "cat", "missing.jpg": "dog"
    }  # fmt: skip
    assert records["cat/a.jpg"].extra == {"colour": "red"} and records["cat/b.jpg"].extra == {"colour": None}
    assert source.extra_types == {"colour": "string"} and source.ignored == 0
    assert source.read(records["cat/a.jpg"].locator) == b"cat/a.jpg"
    with pytest.raises(Rejected, match=f"listed in metadata.{kind}, but not among"):
        source.read(records["missing.jpg"].locator)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_label_column_the_folders_stay(root, kind):
    write(root, kind, [{"file_name": "cat/a.jpg", "text": "hello"}])
    assert {record.label for record in open_source(root).records()} == {"cat"}


@pytest.mark.parametrize("kind", KINDS)
def test_another_column_may_hold_the_labels(root, kind):
    write(root, kind, [{"file_name": "cat/a.jpg", "breed": "x", "label": "y"}])
    source = from_spec(open_source(root, SourceOptions(label_column="breed")).describe())
    record = next(iter(source.records()))
    assert (record.label, record.extra) == ("x", {"label": "y"})
    with pytest.raises(
        LookalikeError, match="no column 'size' for --label-column: its columns are file_name, breed, label"
    ):
        list(open_source(root, SourceOptions(label_column="size")).records())


@pytest.mark.parametrize("kind", KINDS)
def test_the_only_column_of_file_names_is_taken(root, kind):
    write(root, kind, [{"image_file_name": "cat/a.jpg", "label": "x"}])
    assert next(iter(open_source(root).records())).label == "x"
    write(root, kind, [{"a_file_name": "cat/a.jpg", "b_file_name": "cat/b.jpg"}])
    with pytest.raises(LookalikeError, match="no column file_name; it has a_file_name, b_file_name"):
        list(open_source(root).records())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"name": "cat/a.jpg"}], "no column file_name; it has name"),
        ([{"file_name": "cat/a.jpg", "n": "1"}, {"file_name": "cat/./a.jpg", "n": "2"}], "'cat/a.jpg' occurs twice"),
        ([{"file_name": "../a.jpg", "n": "1"}], "file_name '../a.jpg' is not a file below"),
        ([{"file_name": "/etc/passwd", "n": "1"}], "file_name '/etc/passwd' is not a file below"),
        ([{"file_name": "", "n": "1"}], "is not a file below"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(root, kind, rows, words):
    write(root, kind, rows)
    with pytest.raises(LookalikeError, match=words) as caught:
        list(open_source(root).records())
    assert "\n" not in str(caught.value) and f"metadata.{kind}" in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_of_another_name_may_name_the_files(root, kind):
    write(root, kind, [{"Photo": "cat/a.jpg", "label": "x"}])
    with pytest.raises(LookalikeError, match="has no column file_name; it has Photo, label: give --image-column Photo"):
        list(open_source(root).records())
    source = open_source(root, SourceOptions(image_column="Photo"))
    assert next(record.label for record in source.records() if record.key == "cat/a.jpg") == "x"
    with pytest.raises(LookalikeError, match="has no column 'nothing' for --image-column"):
        list(open_source(root, SourceOptions(image_column="nothing")).records())
    (root / f"metadata.{kind}").unlink()
    with pytest.raises(LookalikeError, match="which --image-column does not apply to"):
        open_source(root, SourceOptions(image_column="Photo"))


def test_another_encoding_is_said_where_files_have_names_in_utf8(root):
    (root / "cat" / "\u00e9.jpg").touch()
    (root / "metadata.csv").write_bytes("file_name;label\ncat/\u00e9.jpg;K\u00e4se\n".encode("cp1252"))
    with pytest.warns(
        LookalikeWarning, match=r"metadata\.csv is not encoded as UTF-8 \(label b'K\\xe4se' in line 2\)"
    ) as said:
        assert "K\udce4se" in open_source(root).labels()
    assert len(said) == 1


def test_two_of_them_are_refused_by_name(root):
    write(root, "csv", ROWS)
    write(root, "jsonl", ROWS)
    with pytest.raises(LookalikeError, match=r"has metadata.csv and metadata.jsonl: keep only one of them"):
        open_source(root)


def test_numbers_keep_their_types_and_lists_are_left_out(root):
    rows = [
        {"file_name": "cat/a.jpg", "label": 7, "n": 1, "x": 1, "flag": True, "mixed": 1, "boxes": [1], "huge": 1 << 70},
        {"file_name": "cat/b.jpg", "label": 8.0, "n": None, "x": 2.5, "mixed": "b", "none": None, "text": "\ud800"},
    ]
    write(root, "jsonl", rows)
    source = open_source(root)
    first, second, third = source.records()
    assert source.extra_types == {
        "n": "int64", "x": "double", "flag": "bool", "mixed": "string", "huge": "string", "text": "string"
    }  # fmt: skip
    assert first.extra == {"n": 1, "x": 1.0, "flag": True, "mixed": "1", "huge": str(1 << 70), "text": None}
    assert second.extra == {"n": None, "x": 2.5, "flag": None, "mixed": "b", "huge": None, "text": "\ud800"}
    assert (first.label, second.label, third.label) == ("7", "8", "cat")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"file_name": "cat/a.jpg"}\n{"file_name": \n', "line 2 is not a JSON object"),
        ('["cat/a.jpg"]\n', "line 1 is list, not an object"),
        ('{"file_name": "cat/a.jpg", "label": "x", "label": "y"}\n', "line 1 is not .* the name 'label' occurs twice"),
        ('{"file_name": "cat/a.jpg", "label": ["x"]}\n', "column 'label' of .* is a list or an object"),
        ('{"file_name": ["cat/a.jpg"]}\n', "column 'file_name' of .* is a list or an object"),
        ("[" * 100_000 + "\n", "line 1 is not a JSON object"),
        ("", "no column file_name; it has none"),
    ],
)  # fmt: skip
def test_lines_that_are_no_objects_are_refused(root, text, words):
    (root / "metadata.jsonl").write_text(text)
    with pytest.raises(LookalikeError, match=words) as caught:
        list(open_source(root).records())
    assert "\n" not in str(caught.value)


def test_codes_of_a_class_label_are_names_here_too(root):
    feature = {"names": ["x", "y"], "_type": "ClassLabel"}
    metadata = {"huggingface": json.dumps({"info": {"features": {"label": feature}}})}
    schema = pa.schema([("file_name", pa.binary()), ("label", pa.int64())], metadata=metadata)
    rows = [{"file_name": f"cat/{n}.jpg".encode(), "label": code} for n, code in zip("abc", (1, -1, 0), strict=True)]
    write(root, "parquet", rows, schema)
    assert [record.label for record in open_source(root).records()] == ["y", None, "x"]


def test_one_further_down_is_not_read_and_said_so(root):
    write(root / "cat", "csv", [{"file_name": "a.jpg", "label": "dog"}])
    write(root / "cat", "parquet", [{"file_name": "a.jpg", "label": "dog"}])
    source = open_source(root)
    for _ in range(2):
        assert {record.label for record in source.records()} == {"cat"}
        (note,) = source.notes()
    assert "cat/metadata.csv and 1 more was not read" in note and source.ignored == 2
    assert os.path.join(os.path.realpath(root), "cat") in note
    with pytest.raises(LookalikeError, match="keep only one of them"):
        open_source(root / "cat")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_column_that_is_called_nearly_label_is_named(root, kind):
    write(root, kind, [{"file_name": "cat/a.jpg", "Label": "dog"}])
    source = open_source(root)
    assert [record.label for record in source.records()] == ["cat"] * 3
    said = f"metadata.{kind}: Label was not used as labels: if it holds the labels, give --label-column Label"
    assert source.notes() == [said]
    named = open_source(root, SourceOptions(label_column="Label"))
    assert next(named.records()).label == "dog" and named.notes() == []


def test_a_file_that_is_called_nearly_as_one_that_is_read_is_named(root):
    (root / "Metadata.CSV").write_text("file_name,label\ncat/a.jpg,dog\n")
    (root / "metadata.json").write_text("[]")
    source = open_source(root)
    assert [record.label for record in source.records()] == ["cat"] * 3
    assert source.notes() == [
        "Metadata.CSV was not read: name it metadata.csv",
        "metadata.json was not read: write it as metadata.csv or metadata.jsonl or metadata.parquet",
    ]
