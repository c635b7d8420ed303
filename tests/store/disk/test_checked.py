import hashlib
import os
import subprocess
import sys
import time

import pytest

from lookalike.store.disk import checked as module
from lookalike.store.disk.cache_folder import cache_folder
from lookalike.store.disk.checked import checked, digest_of, forget, remember
from lookalike.store.disk.publish import publish
from lookalike.store.errors import Damaged


@pytest.fixture
def file(tmp_path):
    """file(content) -> (path, size, sha256), old enough to be remembered."""

    def make(content: bytes = b"content", name: str = "a"):
        path = tmp_path / name
        path.write_bytes(content)
        time.sleep(0.02)
        return path, len(content), hashlib.sha256(content).hexdigest()

    return make


@pytest.fixture
def hashed(monkeypatch):
    """The files that were hashed, in order."""
    names = []

    def count(path, **options):
        names.append(path.name)
        return digest_of(path, **options)

    monkeypatch.setattr(module, "digest_of", count)
    return names


def test_gives_the_path_of_a_sound_file(file):
    path, size, sha256 = file()
    assert checked(path, size, sha256) == path


def test_hashes_once_and_again_after_a_change(file, hashed):
    path, size, sha256 = file()
    for _ in range(3):
        checked(path, size, sha256)
    assert hashed == ["a"]
    path.write_bytes(b"CONTENT")
    with pytest.raises(Damaged, match=r"SHA-256"):
        checked(path, size, sha256)


def test_a_change_that_restores_size_and_mtime_is_noticed(file):
    path, size, sha256 = file()
    checked(path, size, sha256)
    before = path.stat()
    path.write_bytes(b"cOntent")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(Damaged):
        checked(path, size, sha256)


def test_a_change_in_the_tick_of_the_check_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_record", lambda found, sha256: sha256)  # as if both had the same time stamps
    (tmp_path / "a").write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    remember(tmp_path / "a", digest)
    (tmp_path / "a").write_bytes(b"conTent")
    with pytest.raises(Damaged):
        checked(tmp_path / "a", 7, digest)


def test_a_large_file_is_remembered_when_published(file, hashed):
    content = bytes(2 << 20)
    path, size, sha256 = file(content)
    path.write_bytes(content)
    remember(path, sha256)
    checked(path, size, sha256)
    assert hashed == []


def test_publishing_itself_seeds_the_cache(tmp_path, hashed):
    content = bytes(2 << 20)
    size, sha256 = publish(tmp_path / "big", content)
    checked(tmp_path / "big", size, sha256)
    assert hashed == []


def test_the_record_of_one_file_does_not_serve_another_content(file):
    path, size, sha256 = file()
    checked(path, size, sha256)
    with pytest.raises(Damaged):
        checked(path, size, hashlib.sha256(b"another").hexdigest())


def test_every_truncation_and_flip_is_refused(file):
    content = bytes(range(256))
    path, size, sha256 = file(content)
    checked(path, size, sha256)
    with open(path, "rb+", buffering=0) as changed:
        for i in range(256):
            os.pwrite(changed.fileno(), bytes([content[i] ^ (1 << i % 8)]), i)
            with pytest.raises(Damaged):
                checked(path, size, sha256)
            os.pwrite(changed.fileno(), content[i : i + 1], i)
        for length in [257, *reversed(range(256))]:
            changed.truncate(length)
            with pytest.raises(Damaged, match=r"instead of 256"):
                checked(path, size, sha256)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda p: os.symlink(sys.executable, p), lambda p: None])
def test_what_is_not_a_regular_file_is_refused(tmp_path, make):
    make(tmp_path / "a")
    with pytest.raises(Damaged, match=r"missing|regular"):
        checked(tmp_path / "a", 0, hashlib.sha256(b"").hexdigest())


def test_a_damaged_or_lost_cache_only_costs_time(file, hashed):
    path, size, sha256 = file()
    checked(path, size, sha256)
    (cache_folder("checked") / module._cache_name(path.parent)).write_bytes(b"\xff\x00 nonsense\n" * 3)
    module._known.clear()
    checked(path, size, sha256)
    forget(path.parent)
    checked(path, size, sha256)
    assert hashed == ["a"] * 3


def test_a_cache_that_cannot_be_written_still_serves_this_process(file, hashed, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    path, size, sha256 = file()
    checked(path, size, sha256)
    checked(path, size, sha256)
    assert hashed == ["a"]


def test_processes_share_the_cache(file, hashed):
    files = [file(bytes([i]) * 100, f"f{i}") for i in range(8)]
    code = "import sys; from pathlib import Path; from lookalike.store.disk.checked import checked\n"
    code += "for a in sys.argv[1:]: p, n, h = a.rsplit(':', 2); checked(Path(p), int(n), h)"
    names = [":".join(map(str, f)) for f in files]
    children = [subprocess.Popen([sys.executable, "-c", code, *names[i::2]]) for i in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    for each in files:
        checked(*each)
    assert hashed == []
