"""How much memory there is by each limit, and which errors say that there was too little."""

import errno
import subprocess
import sys

import pytest

from lookalike import cli
from lookalike.store.disk import memory
from lookalike.store.disk.memory import UNKNOWN, free_memory, in_words, is_out_of_memory, no_memory

LACKING = [
    MemoryError(),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    OSError("libgomp.so.1: failed to map segment from shared object"),
    ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    RuntimeError("std::bad_alloc"),
]
OTHERS = [
    ImportError("No module named 'torch'"),
    OSError(errno.ENOSPC, "out of memory"),  # the number counts
    ValueError("out of memory"),
    RuntimeError("shapes do not match"),
]


@pytest.mark.parametrize("error", LACKING, ids=repr)
def test_an_error_that_says_that_memory_is_lacking_is_told(error):
    assert is_out_of_memory(error)
    assert "not enough memory" in no_memory(error) and "\n" not in no_memory(error)


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_other_errors_are_not(error):
    assert not is_out_of_memory(error)


@pytest.mark.parametrize("error", LACKING[:4], ids=repr)
def test_a_command_that_lacks_memory_says_so_in_one_line(error, capsys, monkeypatch):
    def lacking(*_, **__):
        raise error

    monkeypatch.setattr(cli.cli, "main", lacking)
    assert cli.run(["info", "shop"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "not enough memory" in said and "a bug in lookalike" not in said


def cgroup(folder, limit, usage, stat, version=2):
    """The files of a memory cgroup."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    for name, value in zip((*names, "memory.stat"), (limit, usage, stat), strict=True):
        (folder / name).write_text(f"{value}\n")


@pytest.mark.parametrize("version", [1, 2])
def test_a_cgroup_leaves_its_limit_less_what_is_used_and_pages_of_files_are_free(tmp_path, version):
    prefix = "total_" if version == 1 else ""
    stat = f"{prefix}active_file 30\n{prefix}inactive_file 20\nanon 7"
    cgroup(tmp_path, 1000, 400, stat, version)
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    assert memory._left(tmp_path, *names, prefix) == 650
    cgroup(tmp_path, "max", 400, stat, version)
    assert memory._left(tmp_path, *names, prefix) == UNKNOWN
    assert memory._left(tmp_path / "none", *names, prefix) == UNKNOWN


def test_every_cgroup_above_counts(tmp_path):
    folders = list(memory._folders((tmp_path,), "/a/b"))
    assert folders == [tmp_path / "a/b", tmp_path / "a", tmp_path]


def test_free_memory_is_bounded_by_the_limit_of_the_address_space():
    code = (
        "import resource; from lookalike.store.disk.memory import free_memory, space_taken\n"
        "resource.setrlimit(resource.RLIMIT_AS, (space_taken() + (64 << 20),) * 2); print(free_memory())"
    )
    if not sys.platform.startswith("linux"):
        pytest.skip("RLIMIT_AS bounds nothing here")
    free = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert 32 << 20 < free <= 64 << 20
    assert free_memory() > free  # no limit here


@pytest.mark.parametrize(
    ("size", "words"), [(12, "12 bytes"), (380_000, "380 KB"), (1_300_000_000, "1.3 GB"), (45_000_000, "45 MB")]
)
def test_sizes_are_written_as_people_write_them(size, words):
    assert in_words(size) == words
