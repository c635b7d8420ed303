from pathlib import Path

import numpy as np
import pytest

from lookalike.store.errors import LookalikeError, LookalikeWarning
from lookalike.store.foreign.columns.listed import listed

OF = Path("v.npy")


def taken(tmp_path, name, data, rows, what="key"):
    (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return list(listed(tmp_path / name, rows, OF, what))


@pytest.mark.parametrize(
    ("name", "data", "values"),
    [
        ("k", "a\nb\n", ["a", "b"]),
        ("k", "a\r\nb\r\n\r\n\n", ["a", "b"]),
        ("k", b"\xef\xbb\xbfa\nb\xff", ["a", "b\udcff"]),
        ("k.txt", "é\n\nb\n\n".encode("utf-16"), ["é", None, "b"]),
        ("k.txt", "\ufeffé\nb".encode("utf-16-be"), ["é", "b"]),
        ("k.json", '["a", 3, 2.0, null]', ["a", "3", "2", None]),
        ("k.JSON", "\ufeff[\n]", []),
        ("k.jsonl", '"a"\n{"key": "b", "x": 1}\n\n7\n', ["a", "b", "7"]),
        ("k.csv", "a\nb\n", ["a", "b"]),
        ("k.csv", 'Key\r\n"a, b"\r\n"c ""d"""\r\n\r\n', ["a, b", 'c "d"']),
        ("k.csv", "id,key,x\n1,a,\n2,b,9\n", ["a", "b"]),
        ("k.csv", 'id, keys\n1, "a b"\n2, c\n', ["a b", "c"]),
        ("k.csv", "\ufeffkey\na\n", ["a"]),
        ("k.csv", "label;Key\nx;a\ny;b, c\n", ["a", "b, c"]),
        ("k.csv", "label\tkey\nx\ta\n".encode("utf-16"), ["a"]),
        ("k.csv", "a;b\nc;d\n", ["a;b", "c;d"]),
        ("k.csv", "key\né\nb\n".encode("utf-16"), ["é", "b"]),
        ("k.tsv", "key\tn\na, b\t1\n", ["a, b"]),
    ],
)
def test_every_kind_of_file(tmp_path, name, data, values):
    assert taken(tmp_path, name, data, len(values)) == values


def test_an_array_of_texts(tmp_path):
    np.save(tmp_path / "k.npy", np.array(["a", "b"]))
    assert list(listed(tmp_path / "k.npy", 2, OF, "key")) == ["a", "b"]
    np.save(tmp_path / "k.npy", np.array(["a", None], dtype=object))
    with pytest.raises(LookalikeError, match="holds Python objects, which are never loaded"):
        listed(tmp_path / "k.npy", 2, OF, "key")


def test_labels_may_end_empty(tmp_path):
    assert taken(tmp_path, "l.csv", "label\nx\n\n\n", 2, "label") == ["x", None]
    assert taken(tmp_path, "l.txt", "x\n\n\n", 2, "label") == ["x", None]
    assert taken(tmp_path, "l.csv", 'label\n\n"x, y"\n\nz\n\n', 5, "label") == [None, "x, y", None, "z", None]
    assert taken(tmp_path, "l.csv", "key,label\na,x\nb,\n", 2, "label") == ["x", None]


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("k", "a\nb\nc\n", "has 3 lines, but v.npy has 2 rows: give one line for each row$"),
        ("k", "a\n", "has 1 lines"),
        ("k", "a\n\n\nb\n", "has 4 lines"),
        ("k", '["a", "b"]', "if it is a JSON list, rename it to end in .json"),
        ("k", "key\na\nb\n", "if the first line, 'key', is a heading, remove it, or rename the file to .csv"),
        ("k", "a\rb\r", "Unix line ends"),
        ("k", "a\nb\n".encode("utf-16-le"), "holds NUL bytes, as UTF-16 does: save it as UTF-8"),
        ("k.csv", "title\na\nb\n", "has 3 keys, but v.npy has 2 rows.*; name its heading 'key', or remove it"),
        ("k.csv", "key\na\n", "has 1 keys"),
        ("k.csv", "x,y\na,1\nb,2\n", r"has 2 columns \(x, y\): name one of them 'key', or choose one with"),
        ("k.csv", 'key\n"a\nb\n', "line 2: the quote that opens a cell here is not closed"),
        ("k.csv", "key\na\nb,c\n", "row 1 has 2 cells, but the first line has 1"),
        ("k.json", '{"a": 1}', "holds an object: give one list of keys"),
        ("k.json", '["a", ["b"]]', "key of row 1 is a list: give text or numbers"),
        ("k.json", '["a"', "is not JSON"),
        ("k.jsonl", '"a"\nb\n', "line 2 is not JSON"),
        ("k.jsonl", '{"id": 1}\n{"id": 2}', "line 1 has no field 'key'; it has id"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path, name, data, why):
    with pytest.raises(LookalikeError, match=why):
        taken(tmp_path, name, data, 2)


def test_quotes_of_a_text_file_are_warned_of(tmp_path):
    with pytest.warns(LookalikeWarning, match="every line of .*k is in quotes.*rename the file to .csv"):
        assert taken(tmp_path, "k", '"a"\n"b"\n', 2) == ['"a"', '"b"']


@pytest.mark.parametrize("text", ['key,label\na,"cat\nb,dog\nc,"cow"\n', 'key,label\na,"cat\nb,dog\n', 'key\n"a\nb\n'])
def test_an_open_quote_is_refused_by_its_line(tmp_path, text):
    with pytest.raises(LookalikeError, match="line 2: the quote that opens a cell here"):
        taken(tmp_path, "k.csv", text, 3)
