"""Every write, fsync and publish of every command that commits failing once: one line, and the version before.

Steps are counted first, at store's one publishing function, and then fail one after the other.
"""

import errno
import os
import shutil
from pathlib import Path

import pytest

from lookalike import cli
from lookalike.indexer.prototypes import publishing as folding
from lookalike.store.disk import publish
from lookalike.store.files.manifest import versions
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.store import Store

from .state import copied, rows_of, state_of, strays_of
from .whole import KINDS, kind_of

pytestmark = pytest.mark.filterwarnings("ignore::lookalike.store.errors.LookalikeWarning")

SOME = 8  # steps of a command; the long test takes all of them
WORDS = {errno.EIO: "the disk failed", errno.ENOSPC: "the disk is full"}
COMMANDS = {
    "embed": ["embed", "SHOP", "more", "--workers", "1"],
    "embed-new": ["embed", "NEW", "photos", "--model", "model", "--workers", "1"],
    "import": ["import", "SHOP", "vectors"],
    "import-new": ["import", "NEW", "vectors"],
    "index": ["index", "SHOP", "--spec", "IVF4,Flat"],
    "compact": ["index", "SHOP", "--spec", "IVF2,Flat", "--compact"],
    "calibrate": ["calibrate", "SHOP", "strangers", "--by", "knn", "--fpr", "0.3"],
    "index-changed": ["index", "SHOP", "--spec", "IVF2,Flat"],
    "prototypes": ["prototypes", "SHOP", "--per-class", "2"],
    "remove": ["remove", "SHOP", "class 0/0012.png", "class 2/0022.png"],
    "rollback": ["rollback", "SHOP"],
    "export": ["export", "SHOP", "OUT"],
}
BEFORE = {"index-changed": ["remove", "SHOP", "class 0/0012.png"]}  # what makes prototypes and head out of date


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


class Steps:
    """Counts the steps of publishing and fails at one of them; `codes` are tried in turn, or the one that is given."""

    def __init__(self, at: int, code: int) -> None:
        self.count, self.at, self.code, self.failed = 0, at, code, ""
        self.paths = set()

    def __call__(self, name, path):
        self.count += 1
        self.paths.add(Path(path))
        if self.count - 1 == self.at:
            self.failed = f"{name} {path}"
            raise OSError(self.code, os.strerror(self.code))


class Bench:
    """A command on a fresh copy of the whole collection, with one step failing."""

    def __init__(self, whole, folder, name, monkeypatch) -> None:
        self.whole, self.folder, self.monkeypatch = whole, folder, monkeypatch
        self.command, self.new = COMMANDS[name], "NEW" in COMMANDS[name]
        self.start = whole.shop
        if name in BEFORE:
            self.start = copied(whole.shop, folder / "start")
            assert cli.run([str(self.start) if word == "SHOP" else word for word in BEFORE[name]]) == 0
        self.number = 0

    def fresh(self):
        self.number += 1
        self.shop = self.folder / f"shop{self.number}"
        self.out = self.folder / f"out{self.number}.parquet"
        if not self.new:
            copied(self.start, self.shop)
        named = {"SHOP": self.shop, "NEW": self.shop, "OUT": self.out, **self.whole._asdict()}
        self.arguments = [str(named.get(word, word)) for word in self.command]

    def run(self, at=-1, code=errno.EIO):
        """The exit status, and the steps."""
        steps = Steps(at, code)
        self.monkeypatch.setattr(publish, "_step", steps)
        return cli.run(self.arguments), steps

    def check_previous(self):
        """What was there before is there now, and nothing half made."""
        assert not [name for name in strays_of(self.shop) if name.endswith(publish.TEMPORARY)]
        assert not self.out.exists()
        if not versions(self.shop):
            assert self.new
            return
        assert [each for each in verify(self.shop) if each[1]] == []
        if not self.new:
            assert state_of(self.shop) == state_of(self.start)


@pytest.fixture(params=COMMANDS)
def bench(request, whole, tmp_path, monkeypatch):
    return Bench(whole, tmp_path, request.param, monkeypatch)


def fail_at(bench, capfd, most, codes):
    """Fail at `most` steps of a command, spread evenly, each with `codes(number)`."""
    bench.fresh()
    status, steps = bench.run()
    assert status == 0
    wanted = state_of(bench.shop)
    assert steps.count >= 6
    last, most = steps.count - 1, min(most, steps.count)
    for number, at in enumerate(round(i * last / (most - 1)) for i in range(most)):
        for code in codes(number):
            bench.fresh()
            capfd.readouterr()
            status, steps = bench.run(at, code)
            said = capfd.readouterr().err
            assert status == 1, steps.failed
            assert said.startswith("lookalike: cannot write ") and said.count("\n") == 1, (steps.failed, said)
            assert WORDS[code] in said
            bench.check_previous()
        if number % 5 == 0:  # the fault is over: it works from here
            assert bench.run()[0] == 0
            assert same(state_of(bench.shop), wanted)


def same(state, wanted):
    """The same but for the vectors' last bits, which depend on what was encoded together."""
    return {**state, "prototypes": None, "found": None} == {**wanted, "prototypes": None, "found": None}


def test_the_commands_write_every_kind_of_file(whole, tmp_path, monkeypatch):
    """So that no kind is left out of what fails here."""
    monkeypatch.setattr(folding, "choose_spec", lambda *_: ("IVF2,Flat", None))
    written = set()
    for name in COMMANDS:
        (tmp_path / name).mkdir()
        bench = Bench(whole, tmp_path / name, name, monkeypatch)
        bench.fresh()
        status, steps = bench.run()
        assert status == 0
        inside = [path.relative_to(bench.shop) for path in steps.paths if path.is_relative_to(bench.shop)]
        written |= {kind_of(path.as_posix()) for path in inside if path.suffix and len(path.parts) > 1}
    assert {kind for kind in written if not kind.endswith(publish.TEMPORARY)} >= set(KINDS)


def test_a_step_failing_once_leaves_the_version_before(bench, capfd):
    fail_at(bench, capfd, SOME, lambda number: [(errno.EIO, errno.ENOSPC)[number % 2]])


@pytest.mark.long
def test_every_step_failing_in_both_ways_leaves_the_version_before(bench, capfd):
    fail_at(bench, capfd, 10**6, lambda number: [errno.EIO, errno.ENOSPC])


def test_gc_that_fails_leaves_all_that_is_needed(whole, tmp_path, monkeypatch, capfd):
    shop = copied(whole.shop, tmp_path / "shop")
    (shop / "vectors" / "stray.parquet").write_bytes(b"stray")
    unlink, left = Path.unlink, [2]

    def failing(path, *rest, **more):
        if left[0] == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        left[0] -= 1
        unlink(path, *rest, **more)

    monkeypatch.setattr(Path, "unlink", failing)
    assert cli.run(["gc", str(shop), "--keep-younger", "0"]) == 1
    assert (
        capfd.readouterr().err
        == f"lookalike: cannot collect garbage in {shop}: {WORDS[errno.EIO]} (input/output error)\n"
    )
    monkeypatch.undo()
    assert state_of(shop) == state_of(whole.shop)
    assert cli.run(["gc", str(shop), "--keep-younger", "0"]) == 0
    assert state_of(shop) == state_of(whole.shop) and strays_of(shop) == set()


def test_a_folder_that_cannot_be_made_is_an_error_of_one_line(whole, tmp_path, monkeypatch, capfd):
    shop = copied(whole.shop, tmp_path / "shop")
    mkdir = Path.mkdir

    def failing(path, *rest, **more):
        if path.name == "thresholds":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        mkdir(path, *rest, **more)

    shutil.rmtree(shop / "thresholds")
    monkeypatch.setattr(Path, "mkdir", failing)
    assert cli.run(["calibrate", str(shop), str(whole.strangers), "--by", "knn", "--fpr", "0.3"]) == 1
    said = capfd.readouterr().err
    assert said.startswith("lookalike: cannot write ") and said.endswith(f"{WORDS[errno.ENOSPC]}\n")


def test_a_collection_that_was_cut_off_while_made_is_made_by_the_next_run(whole, tmp_path, monkeypatch):
    bench = Bench(whole, tmp_path, "embed-new", monkeypatch)
    bench.fresh()
    steps = bench.run()[1].count
    with Store.open(bench.shop) as store:
        wanted = rows_of(store)
    bench.fresh()
    for at in range(0, steps, 10):  # on and on in the same folder
        bench.run(at, errno.ENOSPC)
    assert bench.run()[0] == 0
    with Store.open(bench.shop) as store:
        assert rows_of(store) == wanted
