"""Vectors come back bit for bit, from as many processes as add some; what is damaged is passed over."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from lookalike.store.disk import vector_cache
from lookalike.store.disk.cache_folder import cache_folder
from lookalike.store.disk.vector_cache import VectorCache


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def contents_of(*numbers):
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in numbers]


def keep(units, *numbers, key="model", dim=8):
    """Keep vector i of `units` under content i."""
    with VectorCache(key, dim) as cache:
        cache.add(contents_of(*numbers), units(100, dim)[list(numbers)])


def found(units, *numbers, key="model", dim=8):
    """Which of the numbers have a vector, each of which is the one that was kept."""
    with VectorCache(key, dim) as cache:
        vectors = cache.find(contents_of(*numbers))
    for number, vector in zip(numbers, vectors, strict=True):
        if vector is not None:
            assert vector.dtype == np.float32 and vector.tobytes() == units(100, dim)[number].tobytes()
    return [number for number, vector in zip(numbers, vectors, strict=True) if vector is not None]


def files():
    return sorted(cache_folder("vectors").iterdir())


def test_what_was_kept_is_found_again(units):
    assert found(units, 1, 2) == []
    keep(units, 1, 2, 3)
    keep(units, 3, 4)
    assert found(units, 0, 1, 2, 3, 4, 5) == [1, 2, 3, 4]
    assert len(files()) == 2 and all(path.stat().st_mode & 0o777 == 0o600 for path in files())
    keep(units, 1, 4)
    assert len(files()) == 2  # nothing new
    with VectorCache("model", 8) as cache:
        assert cache.find([None]) == [None]


def test_another_model_or_dimension_has_its_own(units):
    keep(units, 1)
    keep(units, 1, key="other", dim=4)
    assert found(units, 1, key="third") == [] and found(units, 1, dim=4) == []
    assert found(units, 1) == [1] and found(units, 1, key="other", dim=4) == [1]


def test_any_damage_is_passed_over(units):
    keep(units, 1, 2)
    (path,) = files()
    whole = path.read_bytes()
    changes = [whole[:size] for size in range(0, len(whole), 5)] + [whole + b"\0"]
    changes += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    for data in changes:
        path.write_bytes(data)
        assert found(units, 1, 2) == []
    keep(units, 1)
    assert found(units, 1, 2) == [1]


def test_what_is_no_file_of_ours_is_passed_over(units, tmp_path):
    keep(units, 1)
    (path,) = files()
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert found(units, 1) == []
    path.unlink()
    os.mkfifo(path)
    assert found(units, 1) == []
    path.unlink()
    path.mkdir()
    assert found(units, 1) == []


def test_the_ones_not_used_for_longest_make_room(units, monkeypatch):
    before = set()
    for number in range(4):
        keep(units, number, key=f"model {number}")
        (path,) = set(files()) - before
        os.utime(path, (number, number))
        before.add(path)
    size = path.stat().st_size
    assert found(units, 0, key="model 0") == [0]  # which was the oldest
    monkeypatch.setattr(vector_cache, "LARGEST", 3 * size)
    abandoned, fresh = cache_folder("vectors") / "a.part", cache_folder("vectors") / "b.part"
    abandoned.touch()
    fresh.touch()
    os.utime(abandoned, (0, 0))
    vector_cache._make_room(cache_folder("vectors"))
    assert [number for number in range(4) if found(units, number, key=f"model {number}")] == [0, 2, 3]
    assert fresh.exists() and not abandoned.exists()


def test_a_long_run_is_written_in_pieces_and_not_beyond_the_half(units, monkeypatch):
    monkeypatch.setattr(vector_cache, "AT_ONCE", 64)
    monkeypatch.setattr(vector_cache, "LARGEST", 1000)
    with VectorCache("model", 8) as cache:
        for number in range(40):
            cache.add(contents_of(number), units(100)[[number]])
            assert len(cache._new) < 2
    assert 0 < sum(path.stat().st_size for path in files()) <= 1000


def test_an_interruption_keeps_what_was_done(units):
    with pytest.raises(KeyboardInterrupt), VectorCache("model", 8) as cache:
        cache.add(contents_of(1), units(100)[[1]])
        raise KeyboardInterrupt
    assert found(units, 1) == [1]


def test_without_a_cache_folder_nothing_is_kept(units, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    keep(units, 1)
    assert found(units, 1) == []


def test_a_full_disk_is_no_error(units, monkeypatch):
    def full(file, data):
        file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(vector_cache, "_write_all", full)
    keep(units, 1)
    assert files() == [] and found(units, 1) == []


ADD = """
import sys, hashlib, numpy as np
from lookalike.store.disk.vector_cache import VectorCache
for number in range(int(sys.argv[1]), int(sys.argv[1]) + 10):
    with VectorCache("model", 8) as cache:
        cache.add([hashlib.sha256(str(number).encode()).hexdigest()], np.full((1, 8), number, np.float32))
"""


def test_processes_may_add_at_once():
    started = [subprocess.Popen([sys.executable, "-c", ADD, str(10 * i)]) for i in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    with VectorCache("model", 8) as cache:
        for number, vector in enumerate(cache.find(contents_of(*range(30)))):
            np.testing.assert_array_equal(vector, np.full(8, number, np.float32))
