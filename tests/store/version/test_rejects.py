"""Rejects come back as they were written."""

from types import SimpleNamespace

from lookalike.store.files.escaped import unescaped_list
from lookalike.store.version.rejects import Reject, read_rejects, write_rejects


def store_of(folder, *entries):
    pages = SimpleNamespace(ensure_tables=lambda entries: None)
    content = SimpleNamespace(rejects=entries)
    return SimpleNamespace(content=content, pages=pages, file=lambda entry: folder / entry.file)


def test_rejects_of_all_sources_come_back(tmp_path):
    first = write_rejects(
        tmp_path, "/p", [Reject("a\udcff", "decode", "truncated", "ab" * 32), Reject("b", "open", "?")]
    )
    second = write_rejects(tmp_path, "/q", [Reject("c", "decode", "no image")])
    table = read_rejects(store_of(tmp_path, first, second))
    assert unescaped_list(table.column("key").combine_chunks()) == ["a\udcff", "b", "c"]
    assert table.column("content_sha256").to_pylist() == ["ab" * 32, None, None]
    assert table.column("source").to_pylist() == ["/p", "/p", "/q"]
    assert (first.rows, first.source, second.rows) == (2, "/p", 1)


def test_none_is_an_empty_table(tmp_path):
    empty = write_rejects(tmp_path, "/p", [])
    for store in (store_of(tmp_path), store_of(tmp_path, empty)):
        table = read_rejects(store)
        assert table.num_rows == 0
        assert table.column_names == ["key", "stage", "reason", "content_sha256", "source"]
