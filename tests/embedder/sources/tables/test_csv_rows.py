"""Encodings, delimiters, headers and ragged rows as people's tables have them."""

import codecs
import os

import pytest

from lookalike.embedder.sources import open_source
from lookalike.embedder.sources.tables.csv_rows import CsvRows
from lookalike.store.errors import LookalikeError, LookalikeWarning


def rows(path):
    return [tuple(row.values()) for row in CsvRows(str(path))]


TEXT = "path,label\r\na.jpg,café\r\n日本.jpg,猫 😀\r\n"
ENCODINGS = {
    "utf-8": b"",
    "utf-16-le": b"",
    "utf-16-be": b"",
    "utf-32-le": b"",
    "utf-32-be": b"",
    "utf-8 with a mark": codecs.BOM_UTF8,
    "utf-16-le with a mark": codecs.BOM_UTF16_LE,
    "utf-16-be with a mark": codecs.BOM_UTF16_BE,
    "utf-32-le with a mark": codecs.BOM_UTF32_LE,
    "utf-32-be with a mark": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_unicode_is_read_in_every_encoding(tmp_path, encoding):
    data = ENCODINGS[encoding] + TEXT.encode(encoding.split()[0])
    (tmp_path / "t.csv").write_bytes(data)
    assert rows(tmp_path / "t.csv") == [("a.jpg", "café"), ("日本.jpg", "猫 😀")]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("path,label\na.jpg,cat\n".encode("utf-16") + b"x", "not valid UTF-16"),
        ("path,label\na.jpg,".encode("utf-16-le") + b"\x00\xd8\x41\x00", "not valid UTF-16"),
        (b"path,label\na.jpg,c\0at\n", "line 2 holds a zero byte"),
        (b"path,label\na.jpg,cat\n" + bytes(100), "line 3 holds a zero byte"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(tmp_path, data, words):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(LookalikeError, match=words) as caught:
        rows(tmp_path / "t.csv")
    assert "\n" not in str(caught.value) and "t.csv" in str(caught.value)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(LookalikeError, match="not a regular file"):
        open_source(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "path;label\na,b.jpg;cat\n"),
        ("t.csv", '"path";"label"\n"a,b.jpg";"cat"\n'),
        ("t.csv", 'sep=;\npath;label\n"a,b.jpg";cat\n'),
        ("t.csv", "path\tlabel\na,b.jpg\tcat\n"),
        ("t.csv", "path|label\na,b.jpg|cat\n"),
        ("t.csv", '"path";label, if any\na,b.jpg;cat\n'),
        ("t.tsv", "path\tlabel\na,b.jpg\tcat\n"),
        ("t.TSV", 'path,label\n"a,b.jpg",cat\n'),
        ("t.csv", 'path,label\n"a,b.jpg",cat\n'),
    ],
)
def test_the_header_says_what_separates_cells(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert rows(tmp_path / name) == [("a,b.jpg", "cat")]


def test_columns_without_a_name_and_rows_of_nothing_are_left_out(tmp_path):
    (tmp_path / "t.csv").write_text(" ,path, label ,,\n0,a.jpg,cat,,\n\n , ,,,\n,,,\n1,b.jpg,dog,,,,\n")
    found = CsvRows(str(tmp_path / "t.csv"))
    assert found.columns == ["path", "label"]
    assert list(found) == [{"path": "a.jpg", "label": "cat"}, {"path": "b.jpg", "label": "dog"}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,label\na.jpg,cat\nb.jpg\n", "line 3 has 1 cells for 2 columns"),
        ("path,label\na.jpg,big, dog\n", "line 2 has 3 cells for 2 columns"),
        ('path,label,note\na.jpg,"x\ny",1\n\nb.jpg,"one\ntwo"\n', "line 5 has 2 cells for 3 columns"),
        ("path,label, label \na.jpg,x,y\n", "has a column name twice: path, label, label"),
    ],
)
def test_what_does_not_fit_the_header_is_named_by_its_line(tmp_path, text, words):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(LookalikeError, match=words):
        rows(tmp_path / "t.csv")


def test_a_table_of_another_encoding_finds_its_files_and_says_so_once(tmp_path):
    (tmp_path / "é.jpg").write_bytes(b"e")
    (tmp_path / "t.csv").write_bytes("path,label\né.jpg,café\n".encode("cp1252"))
    source = open_source(tmp_path / "t.csv")
    with pytest.warns(LookalikeWarning, match=r"t.csv is not encoded as UTF-8 \(label b'caf\\xe9' in line 2\)") as said:
        (record,) = source.records()
        list(source.records())
    assert len(said) == 1
    assert source.read(record.locator) == b"e" and record.label == "caf\udce9"
