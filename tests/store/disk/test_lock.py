import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from lookalike.store.changing.writer import writing
from lookalike.store.disk.lock import reader_lock, unread, writer_lock
from lookalike.store.errors import Busy, LookalikeError
from lookalike.store.files.manifest import manifest_path
from lookalike.store.upkeep import housekeeping
from lookalike.store.version.store import Store

HOLD = (
    "import sys, time; from pathlib import Path; from lookalike.store.disk.lock import writer_lock\n"
    "with writer_lock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def holder(tmp_path):
    """A process that holds the writer's lock."""
    command = [sys.executable, "-c", HOLD, str(tmp_path), "it's me"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_writer_fails_within_a_second_and_learns_who_holds_it(tmp_path, holder):
    start = time.monotonic()
    with pytest.raises(Busy, match=rf"process {holder.pid} .*it.*s me"), writer_lock(tmp_path):
        pass
    assert time.monotonic() - start < 1


def test_a_killed_holder_holds_no_more(tmp_path, holder):
    holder.kill()
    holder.wait()
    with writer_lock(tmp_path):
        pass


def test_the_same_process_cannot_write_twice_at_once_but_one_after_the_other(tmp_path):
    with writer_lock(tmp_path):
        with pytest.raises(Busy, match=str(os.getpid())), writer_lock(tmp_path):
            pass
    with writer_lock(tmp_path):
        pass


@pytest.mark.parametrize("damage", [b"", b"\xff nonsense", b'{"pid": "x"}', b"[]"])
def test_a_lock_that_says_nothing_still_locks(tmp_path, holder, damage):
    (tmp_path / "lock").write_bytes(damage)
    with pytest.raises(Busy, match=r"another process"), writer_lock(tmp_path):
        pass


def test_a_shorter_name_leaves_nothing_of_a_longer_one(tmp_path, monkeypatch):
    for command in ("lookalike embed " + "x" * 150, "short"):
        monkeypatch.setattr(sys, "argv", command.split())
        with writer_lock(tmp_path):
            note = json.loads((tmp_path / "lock").read_bytes())
            assert (note["pid"], note["command"], note["host"]) == (os.getpid(), command, socket.gethostname())
            with pytest.raises(Busy, match=repr(command)), writer_lock(tmp_path):
                pass


def test_a_forked_child_holds_nothing_and_leaves_the_lock_alone(tmp_path):
    ready, told = os.pipe()
    with writer_lock(tmp_path):
        child = os.fork()
        if child == 0:
            os.close(told)  # so that it also ends when the test does
            os.read(ready, 1)
            os._exit(0)
        with pytest.raises(Busy), writer_lock(tmp_path):
            pass
    try:
        with writer_lock(tmp_path):  # the child still runs
            pass
    finally:
        os.close(told)
        os.waitpid(child, 0)


@pytest.mark.parametrize("code, words", [(errno.EROFS, "read-only"), (errno.EACCES, "permission denied")])
def test_a_folder_that_cannot_be_written_to_is_refused_in_one_line(tmp_path, monkeypatch, code, words):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(LookalikeError, match=rf"cannot write to {tmp_path}: .*{words}"), writer_lock(tmp_path):
        pass


def test_a_read_manifest_is_not_unread(tmp_path):
    (tmp_path / "m").write_bytes(b"")
    readers = [reader_lock(tmp_path / "m") for _ in range(2)]
    for reader in readers:
        with unread(tmp_path / "m") as free:
            assert not free
        os.close(reader)
    with unread(tmp_path / "m") as free:
        assert free
        assert reader_lock(tmp_path / "m") is None
    assert reader_lock(tmp_path / "absent") is None


def test_gc_locks_only_manifests_that_may_go(tmp_path, grow, monkeypatch):
    with Store.create(tmp_path / "c") as empty, writing(empty) as writer:
        for key in "abcd":
            grow(writer, key)
            writer.commit()
    locked = []
    monkeypatch.setattr(housekeeping, "unread", lambda path: locked.append(path.name) or unread(path))
    assert housekeeping.gc(tmp_path / "c")["versions"] == 3
    assert locked == [f"{version:08d}.json" for version in (3, 2, 1)]


def test_a_version_that_is_looked_at_by_gc_is_waited_for(tmp_path):
    Store.create(tmp_path / "c").close()
    with unread(manifest_path(tmp_path / "c", 1)):
        waiting = threading.Timer(0.1, lambda: None)
        waiting.start()
        opened = []
        thread = threading.Thread(target=lambda: opened.append(Store.open(tmp_path / "c", 1).version))
        thread.start()
        waiting.join()
        assert opened == []
    thread.join()
    assert opened == [1]
