"""Files outside of a collection: replaced whole or not at all, and nothing but regular files is replaced."""

import os
import stat

import pytest

from lookalike import LookalikeError
from lookalike.store.disk import replace
from lookalike.store.disk.replace import check_replaceable, replace_file


def test_a_file_is_written_and_an_older_one_replaced(tmp_path):
    path = tmp_path / "out.html"
    replace_file(path, b"one")
    with path.open("rb") as reader:  # who reads the older one goes on reading it
        replace_file(path, b"another")
        assert reader.read() == b"one"
    assert path.read_bytes() == b"another" and os.listdir(tmp_path) == ["out.html"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.mkdir(), "a folder"),
        (lambda path: path.symlink_to("elsewhere"), "a link"),
        (lambda path: os.mkfifo(path), "not a regular file"),
    ],
)
def test_only_a_regular_file_is_replaced(tmp_path, make, words):
    path = tmp_path / "out.html"
    make(path)
    for write in (check_replaceable, lambda path: replace_file(path, b"x")):
        with pytest.raises(LookalikeError, match=f"cannot write .*out.html: it is {words}"):
            write(path)
    assert os.path.lexists(path) and os.listdir(tmp_path) == ["out.html"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(LookalikeError, match=r"cannot write .*nowhere/out.html: no such file or directory"):
        replace_file(tmp_path / "nowhere" / "out.html", b"x")


def test_where_writing_fails_the_older_file_stays(tmp_path, monkeypatch):
    path = tmp_path / "out.html"
    replace_file(path, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(replace.os, "fsync", full)
    with pytest.raises(LookalikeError, match="the disk is full"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["out.html"]


def test_the_name_is_made_to_last_after_the_content(tmp_path, monkeypatch):
    path, synced, fsync = tmp_path / "out.html", [], os.fsync

    def noted(descriptor):
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), path.exists()))
        fsync(descriptor)

    monkeypatch.setattr(replace.os, "fsync", noted)
    replace_file(path, b"new")
    assert synced == [(False, False), (True, True)]


def test_a_folder_that_cannot_be_synced_is_told(tmp_path, monkeypatch):
    def failing(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(replace.os, "fsync", failing)
    with pytest.raises(LookalikeError, match=r"cannot write .*out.html: the disk failed"):
        replace_file(tmp_path / "out.html", b"new")
    assert os.listdir(tmp_path) == ["out.html"]
