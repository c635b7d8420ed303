"""What people give as a table of images: read where it is JSON Lines, else refused by what it is, with a way out."""

import gzip
import io
import json

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from lookalike.cli import run
from lookalike.embedder.sources import SourceOptions, open_source
from lookalike.store.errors import LookalikeError

CSV = b"path,label\na.jpg,cat\n"


def refused(path, **options):
    with pytest.raises(LookalikeError) as caught:
        list(open_source(path, SourceOptions(**options)).records())
    said = str(caught.value)
    assert "\n" not in said and str(path) in said and len(said) < 400
    return said


@pytest.mark.parametrize("name", ["t.jsonl", "t.NDJSON"])
def test_json_lines_are_a_table(tmp_path, name):
    rows = [{"path": "a.jpg", "label": "cat", "n": 1}, {"path": "b.jpg", "n": 2.5}, {"key": "k", "path": "a.jpg"}]
    (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "a.jpg").write_bytes(b"a")
    source = open_source(tmp_path / name)
    found = [(r.key, r.label, r.size, r.extra) for r in source.records()]
    assert found == [("a.jpg", "cat", 1, {"n": 1}), ("b.jpg", None, None, {"n": 2.5}), ("k", None, 1, {"n": None})]
    assert source.locate({"k"}) == {"k": "a.jpg"} and source.path_of("a.jpg") == str(tmp_path / "a.jpg")
    assert source.kind == "table"
    chosen = open_source(tmp_path / name, SourceOptions(image_column="path", label_column="key"))
    assert [record.label for record in chosen.records()] == [None, None, "k"]
    assert "--image-column" in refused(tmp_path / name, image_column="photo")


NAMES = {
    "t.xlsx": "save the sheet as CSV",
    "T.ODS": "save the sheet as CSV",
    "t.json": "JSON Lines",
    "t.arrow": "write it as Parquet",
    "t.feather": "write it as Parquet",
    "t.npy": "lookalike import",
    "t.h5": "lookalike import",
    "t.csv.gz": "gunzip",
    "t.jsonl.zst": "unzstd",
    "t.zip": "unpack it",
    "t.txt": "name it .csv",
    "t.tab": "name it .tsv",
    "t.tfrecord": "as Parquet",
    "t.pkl": "never loaded",
    "t.db": "as Parquet or CSV",
}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_image_by_its_name_is_refused_and_leaves_no_collection(tmp_path, model, capsys, name):
    (tmp_path / name).write_bytes(CSV)
    assert NAMES[name] in refused(tmp_path / name)
    assert run(["embed", str(tmp_path / "shop"), str(tmp_path / name), "--model", str(model)]) == 1
    assert NAMES[name] in capsys.readouterr().err and not (tmp_path / "shop").exists()


def arrow():
    file = io.BytesIO()
    feather.write_feather(pa.table({"path": ["a"]}), file)
    return file.getvalue()


CONTENTS = {
    "gunzip": gzip.compress(CSV),
    "save the sheet as CSV": b"PK\x03\x04\x14\0\x06\0",
    "git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 3\n",
    "git annex get": b"/annex/objects/SHA256E-s3--abc.csv\n",
    "fetch it again": b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html><body>Sign in</body></html>",
    "write it as Parquet": arrow(),
    "JSON, but not JSON Lines": b'[\n {"path": "a.jpg"}\n]\n',
}


@pytest.mark.parametrize("words", CONTENTS)
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet", "metadata.csv", "metadata.parquet"])
def test_what_is_no_table_by_its_content_is_named(tmp_path, words, name):
    (tmp_path / name).write_bytes(CONTENTS[words])
    if name.startswith("metadata"):
        with pytest.raises(LookalikeError, match=words):
            list(open_source(tmp_path).records())
    else:
        assert words in refused(tmp_path / name)


def test_tables_under_each_others_names(tmp_path):
    for name in ("t.csv", "t.parquet.gzip", "t"):  # pandas' own example calls a Parquet file so
        pq.write_table(pa.table({"path": ["a.jpg"], "label": ["x"]}), tmp_path / name)
        assert [(record.key, record.label) for record in open_source(tmp_path / name).records()] == [("a.jpg", "x")]
    (tmp_path / "l.csv").write_text('{"path": "a.jpg"}\n')
    assert "name it .jsonl" in refused(tmp_path / "l.csv")
    (tmp_path / "t.parquet").write_bytes(CSV)
    assert "cannot be read as Parquet" in refused(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.jpg,cat\nb.jpg,dog\n", "begins with 'a.jpg, cat', which names an image"),
        ("", "has no columns"),
        ("label," + ",".join(f"pixel{i}" for i in range(784)) + "\n", "pixel6 and 777 more: give another column with"),
        ("File Name,Class\na.jpg,cat\n", "give --image-column 'File Name'"),
        ("id,class\n1,cat\n", "it has id, class: give another column with --image-column"),
        ("\u201cpath\u201d,\u201clabel\u201d\n", "typographic quotes around its column names"),
    ],
)
def test_columns_that_do_not_tell_are_said_with_the_one_probably_meant(tmp_path, text, words):
    (tmp_path / "t.csv").write_text(text)
    assert words in refused(tmp_path / "t.csv")


def test_a_way_out_is_named_for_columns_of_types_that_do_not_fit(tmp_path):
    columns = {"img": [b"x"], "width": [1], "label": [["a", "b"]]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    assert "give --image-column img" in refused(tmp_path / "t.parquet")
    assert "give another column with --label-column" in refused(tmp_path / "t.parquet", image_column="img")
    source = open_source(tmp_path / "t.parquet", SourceOptions(image_column="img", label_column="width"))
    assert [record.label for record in source.records()] == ["1"]
