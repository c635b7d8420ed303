"""Faults of the machine itself: system calls that fail under strace, and a disk that is really full.

A first run under strace lists the calls that touch the collection; then one of them fails in each run.
"""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lookalike import Collection, cli
from lookalike.store.disk.publish import TEMPORARY

from ..conftest import lacking
from .operations import names, unit_rows
from .state import copied, state_of

pytestmark = pytest.mark.filterwarnings("ignore::lookalike.store.errors.LookalikeWarning")

SHELL = [sys.executable, "-c", "from lookalike.cli import main; main()"]
FAULTS = {"write": "ENOSPC", "fsync": "EIO", "linkat": "EIO", "link": "EIO", "close": "EIO", "openat": "ENOSPC"}
WORDS = {"ENOSPC": "the disk is full", "EIO": "the disk failed"}
COMMANDS = {"import": ["import", "SHOP", "VECTORS"], "index": ["index", "SHOP", "--spec", "IVF4,Flat"]}


@pytest.fixture(scope="module")
def strace():
    """Skips where strace is missing, or may not trace."""
    if shutil.which("strace") is None:
        lacking("strace is not installed (apt-get install strace)")
    tried = subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"this machine does not let processes be traced: {tried.stderr.strip()}")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A collection of vectors that was indexed before, and a file of more of them."""
    folder = tmp_path_factory.mktemp("plain")
    keys, labels = names(200)
    with Collection.create(folder / "shop") as shop:
        shop.add(unit_rows(200, 1), keys, labels)
        shop.index(spec="Flat")
        shop.remove(keys[:3])
    np.save(folder / "vectors.npy", unit_rows(100, 2))
    return folder


class Traced:
    """A command of the shell under strace, on a fresh copy of the collection each time."""

    def __init__(self, name, plain, folder) -> None:
        self.name, self.plain, self.folder = name, plain, folder
        self.number = 0

    def run(self, *inject):
        """The finished process and strace's lines."""
        self.number += 1
        self.shop = copied(self.plain / "shop", self.folder / f"shop{self.number}")
        (self.shop / "lock").touch()
        log = self.folder / "log"
        trace = ["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-o", log, "-e", f"trace={','.join(FAULTS)}", *inject]
        named = {"SHOP": self.shop, "VECTORS": self.plain / "vectors.npy"}
        env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [*trace, *SHELL, *(named.get(word, word) for word in COMMANDS[self.name])]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=env, timeout=120)
        return done, log.read_text(errors="replace").splitlines()

    def calls(self):
        """For each system call, which of a thread's calls of that name publish a file of the collection."""
        done, lines = self.run()
        assert done.returncode == 0, done.stderr
        counted: Counter = Counter()
        found: dict[str, list[int]] = {name: [] for name in FAULTS}
        for line in lines:
            if call := re.match(r"(\d+) +(\w+)\((.*)", line):
                thread, name, rest = call.groups()
                counted[thread, name] += 1
                if self.publishes(name, rest):
                    found[name].append(counted[thread, name])
        calls = {name: numbers for name, numbers in found.items() if numbers}
        assert {"write", "fsync", "close", "openat"} < set(calls) and {"link", "linkat"} & set(calls)
        return calls

    def publishes(self, name, rest):
        """Whether a call works on a file that is being published, or makes a name last."""
        if name == "fsync":
            return str(self.shop) in rest
        return str(self.shop) in rest and TEMPORARY in rest and (name != "openat" or "O_EXCL" in rest)

    def fail(self, call, number):
        """Let one call fail; whether the fault met a file of the collection."""
        done, lines = self.run("-e", f"inject={call}:error={FAULTS[call]}:when={number}")
        met = [line for line in lines if "(INJECTED)" in line and str(self.shop) in line]
        if not met or not self.publishes(call, met[0]):  # the process did not do the very same again
            return False
        assert done.returncode == 1, (met, done.stderr)
        assert done.stderr.startswith("lookalike: cannot write ") and done.stderr.count("\n") == 1, (met, done.stderr)
        assert WORDS[FAULTS[call]] in done.stderr, (met, done.stderr)
        assert state_of(self.shop) == state_of(self.plain / "shop")
        assert not list(self.shop.rglob(f"*{TEMPORARY}"))
        return True


@pytest.mark.usefixtures("strace")
def test_every_file_is_on_the_disk_before_it_has_its_name_and_the_name_before_it_counts(plain, tmp_path):
    """In the order of the calls: fsync of a temporary file, its link, fsync of its folder; the manifest at the end."""
    traced = Traced("index", plain, tmp_path)
    done, lines = traced.run()
    assert done.returncode == 0, done.stderr
    synced, waiting, named = set(), None, []
    for line in lines:
        if call := re.search(r"fsync\(\d+<(.*?)>\)", line):
            synced.add(call[1])
            waiting = None if waiting == call[1] else waiting
        elif call := re.search(r'link(?:at)?\((?:AT_FDCWD\S*, )?"(.*?)", (?:AT_FDCWD\S*, )?"(.*?)"', line):
            assert call[1] in synced and waiting is None, line
            waiting = str(Path(call[2]).parent)
            named.append(Path(call[2]).parent.name)
    assert waiting is None
    assert len(named) >= 4 and named.index("manifests") == len(named) - 1


def some(numbers, most):
    """`most` of these, spread evenly."""
    return numbers if len(numbers) <= most else [numbers[i * (len(numbers) - 1) // (most - 1)] for i in range(most)]


def fail_some(traced, most):
    """Let calls of each name fail; half of the faults must meet the collection, counted anew where they did not."""
    for call, numbers in traced.calls().items():
        for counted in (numbers, None, None):
            chosen = some(counted or traced.calls()[call], most)
            met = sum(traced.fail(call, number) for number in chosen)
            if met >= (len(chosen) + 1) // 2:
                break
        else:
            pytest.fail(f"{met} of {len(chosen)} faults of {call} met the collection")


@pytest.mark.usefixtures("strace")
def test_a_failing_system_call_leaves_the_version_before(plain, tmp_path):
    traced = Traced("import", plain, tmp_path)
    traced.run()  # tries files that nobody has tried before, which later runs need not
    calls = traced.calls()
    for call, numbers in calls.items():
        assert any(traced.fail(call, number) for number in (numbers[len(numbers) // 2], numbers[0])), call


@pytest.mark.long
@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("name", COMMANDS)
def test_every_system_call_failing_leaves_the_version_before(plain, tmp_path, name):
    fail_some(Traced(name, plain, tmp_path), 8)


FULL = {
    "embed": ["embed", "SHOP", "more", "--workers", "1"],
    "import": ["import", "SHOP", "vectors"],
    "index": ["index", "SHOP", "--spec", "IVF4,Flat"],
    "compact": ["index", "SHOP", "--compact"],
    "calibrate": ["calibrate", "SHOP", "strangers", "--by", "knn", "--fpr", "0.3"],
    "remove": ["remove", "SHOP", "class 2/0022.png"],
}


@pytest.fixture
def disk(tmp_path):
    """A disk of two megabytes; skips where this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"this user may not mount a file system: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path, free: int) -> Path:
    """A file that leaves so many bytes free."""
    ballast = disk / "ballast"
    room = os.statvfs(disk)
    ballast.write_bytes(bytes(max(0, room.f_bavail * room.f_bsize - free)))
    return ballast


@pytest.mark.parametrize("name", FULL)
def test_a_full_disk_leaves_the_version_before(whole, disk, capfd, name):
    shop = shutil.copytree(whole.shop, disk / "shop", ignore=shutil.ignore_patterns("lock"))
    (shop / "lock").touch()
    before = state_of(whole.shop)
    arguments = [str({"SHOP": shop, **whole._asdict()}.get(word, word)) for word in FULL[name]]
    failures = 0
    for pages in range(20):
        ballast = fill(disk, pages * 4096)
        capfd.readouterr()
        status, said = cli.run(arguments), capfd.readouterr().err
        ballast.unlink()
        if status == 0:
            break
        failures += 1
        assert status == 1 and said.startswith("lookalike: cannot write ") and said.count("\n") == 1, said
        assert WORDS["ENOSPC"] in said
        assert state_of(shop) == before
        assert not list(shop.rglob(f"*{TEMPORARY}"))
        assert cli.run(["gc", str(shop), "--keep-younger", "0"]) == 0
    assert status == 0 and failures > 0
    assert state_of(shop) != before
