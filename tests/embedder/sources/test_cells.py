"""Cells against what Python's csv module writes and reads, and every way in which a quote can stay open."""

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.embedder.sources import open_source
from lookalike.embedder.sources.tables.csv_rows import CsvRows
from lookalike.store.errors import LookalikeError

_CELLS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
_ROWS = st.lists(st.tuples(_CELLS, _CELLS, _CELLS), max_size=8)


def listed(folder, text, name="t.csv"):
    (folder / name).write_bytes(text.encode())
    return [(record.key, record.label) for record in open_source(folder / name).records()]


@settings(max_examples=200, deadline=None)
@given(_ROWS, st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_what_a_writer_writes_is_read_as_it_was(rows, delimiter, end, quote_all):
    if not quote_all:  # Python's writer quotes only line ends like its own
        other = str.maketrans("", "", {"\n": "\r", "\r": "\n", "\r\n": ""}[end])
        rows = [tuple(cell.translate(other) for cell in row) for row in rows]
    stream = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([("a", "b", "c"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        path.write_text(stream.getvalue(), encoding="utf-8", newline="")
        found = [tuple(row.values()) for row in CsvRows(str(path))]

    def kept(cell):  # the writer quotes what holds a delimiter, a quote or a line end; other cells are trimmed
        quoted = quote_all or any(sign in cell for sign in (delimiter, '"', "\r", "\n"))
        return (cell if quoted else cell.strip()) or None

    expected = [tuple(kept(cell) for cell in row) for row in rows]
    assert found == [row for row in expected if any(cell and cell.strip() for cell in row)]


OPEN = {
    "the file ends": ('path,label\na.jpg,cat\nb.jpg,"dog\n', 3),
    "later rows, then the end": ('path,label\na.jpg,"cat\nb.jpg,dog\nc.jpg,dog\n', 2),
    "a later cell is quoted": ('path,label\na.jpg,"cat\nb.jpg,"dog"\n', 2),
    "a later cell opens the same way": ('path,label\na.jpg,"cat\nb.jpg,dog\nc.jpg,"cow\n', 2),
    "a later cell closes it": ('path,label\na.jpg,"cat\nb.jpg,dog\nc.jpg,6"\n', 2),
    "the next line closes it": ('path,label\na.jpg,"cat\nb.jpg,6"\n', 2),
    "the first cell": ('path,label\n"a.jpg,cat\nb.jpg,dog\nc.jpg","cow"\n', 2),
    "the first cell, closed in the next line": ('path,label\n"a.jpg,cat\nb.jpg","dog"\n', 2),
    "a middle cell": ('key,path,label\n1,"a.jpg,cat\n2,b.jpg","dog"\n', 2),
    "a typographic quote closes": ('path,label\na.jpg,"big dog\u201d\nb.jpg,cat\n', 2),
    "a typographic quote that also opens closes": ('path,label\na.jpg,"big dog\u201c\nb.jpg,cat\n', 2),
    "a typographic quote, then a true one": ('path,label\na.jpg,"big dog\u201d\nb.jpg,"cat"\n', 2),
    "a typographic quote within the line": ('path,label,price\na.jpg,"big dog\u201d,"5"\n', 2),
    "text after the closing quote": ('path,label\na.jpg,"big" dog\n', 2),
    "a quote that is not doubled": ('path,label\na.jpg,"a "big" dog"\n', 2),
    "a backslash before the quote": ('path,label\na.jpg,"a \\"big\\" dog"\n', 2),
    "the header": ('path,"label\na.jpg,cat\n', 1),
    "the header, closed by a later cell": ('path,"label\na.jpg,"cat"\n', 1),
    "after spaces": ('path,label\na.jpg,  "cat\nb.jpg,dog\n', 2),
    "Windows lines": ('path,label\r\na.jpg,"cat\r\nb.jpg,dog\r\n', 2),
    "old Macintosh lines": ('path,label\ra.jpg,"cat\rb.jpg,dog\r', 2),
}


@pytest.mark.parametrize("case", OPEN)
def test_an_open_quote_is_refused_by_the_line_where_it_opens(tmp_path, case):
    text, line = OPEN[case]
    with pytest.raises(LookalikeError, match=rf"line {line}: the quote that opens a cell here") as caught:
        listed(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert ("closes no cell" in str(caught.value)) == ("typographic" in case)


@pytest.mark.parametrize("case", [case for case in OPEN if "header" not in case])
def test_an_open_quote_is_refused_between_tabs_and_in_metadata(tmp_path, case):
    text, line = OPEN[case]
    with pytest.raises(LookalikeError, match=rf"line {line}: the quote"):
        listed(tmp_path, text.replace(",", "\t"), "t.tsv")
    (tmp_path / "metadata.csv").write_bytes(text.replace("path", "file_name", 1).encode())
    with pytest.raises(LookalikeError, match=rf"line {line}: the quote"):
        list(open_source(tmp_path).records())


@pytest.mark.parametrize("case", OPEN)
def test_an_open_quote_is_refused_where_files_have_no_extension(tmp_path, case):
    text, line = OPEN[case]
    for name in "abc":
        (tmp_path / name).touch()
    with pytest.raises(LookalikeError, match=rf"line {line}: the quote that opens a cell here"):
        listed(tmp_path, text.replace(".jpg", ""))


CLOSED = {
    "lines of a cell": ('a.jpg,"big\ndog"\nb.jpg,cat\n', [("a.jpg", "big\ndog"), ("b.jpg", "cat")]),
    "lines with commas": ('a.jpg,"one, two,\nthree, four\n"\n', [("a.jpg", "one, two,\nthree, four\n")]),
    "an empty line": ('a.jpg,"one\n\ntwo"\n', [("a.jpg", "one\n\ntwo")]),
    "a name of two lines": ('"new\nline.jpg",cat\nb.jpg,x\n', [("new\nline.jpg", "cat"), ("b.jpg", "x")]),
    "doubled quotes": ('a.jpg,"a ""big"" dog"\n', [("a.jpg", 'a "big" dog')]),
    "doubled quotes alone": ('a.jpg,""""\nb.jpg,""\n', [("a.jpg", '"'), ("b.jpg", None)]),
    "a quote within a plain cell": ('a.jpg,6" disk\nb.jpg,dog\n', [("a.jpg", '6" disk'), ("b.jpg", "dog")]),
    "spaces around": (' a.jpg , cat \nb.jpg,  "big dog"  \n', [("a.jpg", "cat"), ("b.jpg", "big dog")]),
    "spaces within quotes": ('a.jpg," cat "\n', [("a.jpg", " cat ")]),
    "typographic quotes": ("a.jpg,\u201ccat\u201d\n", [("a.jpg", "\u201ccat\u201d")]),
    "no line end at the end": ('a.jpg,"cat"', [("a.jpg", "cat")]),
}  # fmt: skip


@pytest.mark.parametrize("case", CLOSED)
def test_what_is_closed_is_read(tmp_path, case):
    text, rows = CLOSED[case]
    assert listed(tmp_path, "path,label\n" + text) == rows


def test_a_cell_is_as_long_as_it_is(tmp_path):
    limit = csv.field_size_limit()
    for long in ("x" * 200_000, '"' + "x y,\n" * 100_000 + '"'):
        rows = listed(tmp_path, f"path,label,note\na.jpg,cat,{long}\nb.jpg,dog,\n")
        assert rows == [("a.jpg", "cat"), ("b.jpg", "dog")]
    assert csv.field_size_limit() == limit


def test_a_backslash_before_a_quote_is_named(tmp_path):
    text = 'path,label,note\na.jpg,cat,"say \\"hi\\" now"\nb.jpg,cat,ok\n'
    with pytest.raises(LookalikeError, match=r'line 2: .*\(a backslash does not double a quote: write ""'):
        listed(tmp_path, text)
