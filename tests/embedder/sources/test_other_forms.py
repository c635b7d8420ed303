"""Names that are written otherwise in a table than on the disk."""

import json
import unicodedata

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.embedder.images.rejected import Rejected
from lookalike.embedder.sources import open_source
from lookalike.embedder.sources.other_forms import Names, is_windows


def form(kind, text):
    return unicodedata.normalize(kind, text)


NAME = "Café/Zoë ü.jpg"


def write(folder, kind, name, label="x"):
    """A table, or a folder's metadata, that lists one file."""
    if kind == "csv":
        (folder / "t.csv").write_text(f"path,label\n{name},{label}\n", encoding="utf-8")
        return folder / "t.csv"
    if kind == "parquet":
        pq.write_table(pa.table({"path": [name], "label": [label]}), folder / "t.parquet")
        return folder / "t.parquet"
    if kind == "struct":
        schema = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))])
        pq.write_table(pa.table({"image": [{"bytes": None, "path": name}]}, schema), folder / "t.parquet")
        return folder / "t.parquet"
    if kind == "metadata.csv":
        (folder / kind).write_text(f"file_name,label\n{name},{label}\n", encoding="utf-8")
    elif kind == "metadata.jsonl":
        (folder / kind).write_text(json.dumps({"file_name": name, "label": label}), encoding="utf-8")
    else:
        pq.write_table(pa.table({"file_name": [name], "label": [label]}), folder / kind)
    return folder


KINDS = ["csv", "parquet", "struct", "metadata.csv", "metadata.jsonl", "metadata.parquet"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("there", "written"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD"), ("NFC", "NFC")])
def test_a_name_is_found_in_either_unicode_form(tmp_path, kind, there, written):
    file = tmp_path / form(there, NAME)
    file.parent.mkdir()
    file.write_bytes(b"here")
    source = open_source(write(tmp_path, kind, form(written, NAME)))
    (record,) = source.records()
    assert source.read(record.locator) == b"here"
    if kind != "struct":
        # a table's keys are as it writes them, a folder's as they are on the disk
        assert record.key == form(there if kind.startswith("metadata") else written, NAME)
        assert record.label == "x" and record.size == (4 if kind != "struct" else None)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "struct"])
def test_the_file_of_that_very_name_comes_first(tmp_path, kind):
    for each in ("NFC", "NFD"):
        (tmp_path / form(each, "é.jpg")).write_bytes(each.encode())
    source = open_source(write(tmp_path, kind, form("NFC", "é.jpg")))
    labelled = {source.read(record.locator): record.label for record in source.records()}
    assert labelled == {b"NFC": "x", **({b"NFD": None} if kind.startswith("metadata") else {})}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_folders_of_both_forms_beside_each_other_are_both_looked_into(tmp_path, kind, written):
    """What copying from a Mac onto a folder of Linux leaves."""
    for number, unicode_form in enumerate(("NFC", "NFD")):
        file = tmp_path / form(unicode_form, "Käse") / f"{number}.jpg"
        file.parent.mkdir()
        file.write_bytes(f"picture {number}".encode())
    for number in range(2):
        found = open_source(write(tmp_path, kind, form(written, f"Käse/{number}.jpg")))
        (record,) = [each for each in found.records() if each.label == "x" or kind == "struct"]
        assert found.read(record.locator) == f"picture {number}".encode()


@pytest.mark.parametrize("kind", KINDS)
def test_windows_folders_are_followed_and_drives_are_named(tmp_path, kind):
    (tmp_path / form("NFC", "é")).mkdir()
    (tmp_path / form("NFC", "é") / "a.jpg").write_bytes(b"here")
    source = open_source(write(tmp_path, kind, form("NFD", "é\\a.jpg")))
    (record,) = source.records()
    assert source.read(record.locator) == b"here"
    for name in ("C:\\photos\\a.jpg", "\\\\server\\photos\\a.jpg", "d:/a.jpg"):
        source = open_source(write(tmp_path, kind, name))
        *_, record = source.records()
        with pytest.raises(Rejected, match="Windows path"):
            source.read(record.locator)


def test_a_backslash_in_a_name_is_a_backslash_where_there_is_such_a_file(tmp_path):
    (tmp_path / "a\\b.jpg").write_bytes(b"this")
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b.jpg").write_bytes(b"that")
    source = open_source(write(tmp_path, "csv", "a\\b.jpg"))
    (record,) = source.records()
    assert source.read(record.locator) == b"this"


def test_spaces_at_the_ends_of_a_name_are_its_own_where_there_is_such_a_file(tmp_path):
    for name in ("a.jpg ", "b.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "t.csv").write_text('label, path\nx, b.jpg \nx,a.jpg \nx, "a.jpg "\nx, c.jpg\n')
    source = open_source(tmp_path / "t.csv")
    records = list(source.records())
    assert [r.key for r in records] == ["b.jpg", "a.jpg ", "a.jpg ", "c.jpg"]
    assert [source.read(r.locator) for r in records[:3]] == [b"b.jpg", b"a.jpg ", b"a.jpg "]


def test_other_letters_and_other_cases_are_other_names(tmp_path):
    for name in ("É.jpg", "a.jpg"):
        (tmp_path / name).write_bytes(b"x")
    names = Names(str(tmp_path))
    assert [names.find(name) for name in ("é.jpg", "e.jpg", "A.jpg", "", " ", "É.jpg", "/nowhere/É.jpg")] == [
        None, None, None, None, None, "É.jpg", None
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "words"), [("https://example.com/a.jpg", "a web address"), ("file:///a.jpg", "without file://")]
)
def test_a_web_address_is_named(tmp_path, name, words):
    source = open_source(write(tmp_path, "csv", name))
    (record,) = source.records()
    with pytest.raises(Rejected, match=words):
        source.read(record.locator)


def test_a_metadata_name_leads_out_in_no_form(tmp_path):
    from lookalike.store.errors import LookalikeError

    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (tmp_path / "root").mkdir()
    with pytest.raises(LookalikeError, match="is not a file below the folder"):
        list(open_source(write(tmp_path / "root", "metadata.csv", "..\\secret.jpg")).records())


def test_what_is_a_path_of_windows():
    names = {"c:\\a": True, "C:/a": True, "c:a": False, "é:\\a": False, "a\\b": False, "\\\\server\\a": True, "": False}
    assert {name: is_windows(name) for name in names} == names
