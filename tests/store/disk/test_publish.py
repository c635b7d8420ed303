import contextlib
import errno
import hashlib
import os

import numpy as np
import pytest

from lookalike.store.disk import publish as module
from lookalike.store.disk.publish import publish
from lookalike.store.errors import Damaged, LookalikeError

STEPS = ("open", "write", "fsync", "read", "publish", "fsync-dir")


def failing(step, code):
    def fail(name, path):
        if name == step:
            raise OSError(code, os.strerror(code))

    return fail


def test_publishes_bytes_and_streams_with_their_digest(tmp_path):
    content = np.random.default_rng(0).bytes(3_000_000)
    published = publish(tmp_path / "new" / "folder" / "a", content)
    assert (tmp_path / "new" / "folder" / "a").read_bytes() == content
    assert published == (len(content), hashlib.sha256(content).hexdigest())

    streamed = publish(
        tmp_path / "b", lambda file: [file.write(content[i : i + 7919]) for i in range(0, 3_000_000, 7919)]
    )
    assert streamed == published
    assert (tmp_path / "b").read_bytes() == content
    assert sorted(os.listdir(tmp_path)) == ["b", "new"]


@pytest.mark.parametrize("content", [b"", b"x"])
def test_publishes_the_smallest_files(tmp_path, content):
    assert publish(tmp_path / "a", content).size == len(content)
    assert (tmp_path / "a").read_bytes() == content


def test_numpy_writes_to_the_stream(tmp_path):
    array = np.arange(12.0).reshape(3, 4)
    publish(tmp_path / "a.npy", lambda file: np.save(file, array))
    assert np.array_equal(np.load(tmp_path / "a.npy"), array)


def test_a_taken_name_is_refused_and_left_alone(tmp_path):
    publish(tmp_path / "a", b"old")
    with pytest.raises(LookalikeError, match=r"name is taken"):
        publish(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(
    "code, words", [(errno.EIO, "input/output"), (errno.ENOSPC, "full"), (errno.EROFS, "read-only")]
)
@pytest.mark.parametrize("step", STEPS)
def test_a_failing_step_leaves_nothing_and_says_why_in_one_line(tmp_path, monkeypatch, step, code, words):
    monkeypatch.setattr(module, "_step", failing(step, code))
    with pytest.raises(LookalikeError, match=words) as error:
        publish(tmp_path / "a", b"content")
    assert str(tmp_path / "a") in str(error.value)
    assert "\n" not in str(error.value)
    assert os.listdir(tmp_path) == []


def test_a_failing_write_that_the_writer_swallows_is_noticed(tmp_path, monkeypatch):
    def swallow(file):
        with contextlib.suppress(OSError):
            file.write(b"content")

    monkeypatch.setattr(module, "_step", failing("write", errno.ENOSPC))
    with pytest.raises(LookalikeError, match=r"full"):
        publish(tmp_path / "a", swallow)
    assert os.listdir(tmp_path) == []


def test_what_the_writer_raises_passes_and_nothing_stays(tmp_path):
    def fail(file):
        file.write(b"half")
        raise KeyError("ours")

    with pytest.raises(KeyError, match=r"ours"):
        publish(tmp_path / "a", fail)
    assert os.listdir(tmp_path) == []


def test_other_bytes_on_the_disk_are_noticed(tmp_path, monkeypatch):
    def rot(name, path):
        if name == "read":
            [temporary] = tmp_path.iterdir()
            temporary.write_bytes(b"Content")

    monkeypatch.setattr(module, "_step", rot)
    with pytest.raises(Damaged, match=r"other bytes"):
        publish(tmp_path / "a", b"content")
    assert os.listdir(tmp_path) == []


def test_without_hard_links_a_free_name_is_renamed_to_and_a_taken_one_refused(tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    publish(tmp_path / "a", b"old")
    with pytest.raises(LookalikeError, match=r"name is taken"):
        publish(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_leaves_the_whole_file_or_none(tmp_path, monkeypatch, step):
    monkeypatch.setattr(module, "_step", lambda name, path: os._exit(9) if name == step else None)
    child = os.fork()
    if child == 0:
        publish(tmp_path / "a", b"content")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert (tmp_path / "a").exists() == (step == "fsync-dir")
    if step == "fsync-dir":
        assert (tmp_path / "a").read_bytes() == b"content"
