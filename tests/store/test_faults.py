"""Every step of every publish failing once, or being the last: the version before stays whole and readable."""

import errno
import os
import signal
import time
import warnings
from collections.abc import Callable

import numpy as np
import pytest

from lookalike.store.changing.writer import writing
from lookalike.store.disk import publish as module
from lookalike.store.disk.publish import TEMPORARY
from lookalike.store.errors import Damaged, LookalikeError
from lookalike.store.upkeep.compact import compact
from lookalike.store.upkeep.housekeeping import rollback
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.store import Store
from lookalike.store.version.tables import info, live_table


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch):
    """No power fails here, and waiting for the disk thousands of times would take minutes."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def jobs(grow) -> dict[str, Callable]:
    """Everything that publishes, by name: each takes the path of `shop` and makes one more version."""

    def add_and_delete(path):
        with Store.open(path) as store, writing(store) as writer:
            grow(writer, ["new1", "new2"])
            writer.delete(writer.base.find(["h", "new1"][:1]))
            writer.commit()

    def compaction(path):
        with Store.open(path) as store, writing(store) as writer:
            compact(writer)
            writer.commit()

    def note(path):
        with Store.open(path) as store, writing(store) as writer:
            touch(writer)
            grow(writer, ["new1", "new2"])
            writer.commit()

    return {
        "add": add_and_delete,
        "compact": compaction,
        "rollback": lambda path: rollback(path, 2).close(),
        "note": note,
    }


JOBS = ("add", "compact", "rollback")


def touch(writer):
    """Note another file for every row."""
    rows = writer.base.live_rows()
    writer.note_files(rows, rows + 100, rows + 1000)


def noted(path):
    """Whether another file was noted for a row that `touch` touched."""
    with Store.open(path) as store:
        return bool(store.facts(store.find(["c"])).file_size[0] >= 100)


def held(path, version=None):
    with Store.open(path, version) as store:
        rows = store.live_rows()
        return store.version, store.keys(rows), store.labels(rows), store.gather(rows).tolist()


class Steps:
    """Counts the steps of publishing, and does something at one of them; all writes to a file are one step."""

    def __init__(self, at: int, do: Callable[[], None]) -> None:
        self.count, self.at, self.do, self.seen = 0, at, do, set()

    def __call__(self, name, path):
        if (name, path) in self.seen:
            return
        self.seen.add((name, path))
        self.count += 1
        if self.count - 1 == self.at:
            self.do()


def steps_of(shop, job, monkeypatch, copy):
    counter = Steps(-1, lambda: None)
    monkeypatch.setattr(module, "_step", counter)
    job(copy(shop))
    return counter.count


@pytest.fixture
def copy(tmp_path):
    """copy(shop): another folder with the same files."""
    count = iter(range(10**6))

    def make(path):
        copied = tmp_path / f"copy{next(count)}"
        os.makedirs(copied)
        for file in path.rglob("*"):
            target = copied / file.relative_to(path)
            if file.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(file, target)
        (copied / "lock").unlink()
        return copied

    return make


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_every_step_failing_once_leaves_the_version_before(shop, jobs, copy, monkeypatch, name, code):
    def fail():
        raise OSError(code, os.strerror(code))

    before = held(shop)
    total = steps_of(shop, jobs[name], monkeypatch, copy)
    assert total >= 6
    for at in range(total):
        path = copy(shop)
        monkeypatch.setattr(module, "_step", Steps(at, fail))
        with pytest.raises(LookalikeError, match=r"cannot write") as error:
            jobs[name](path)
        assert "\n" not in str(error.value)
        assert held(path) == before
        assert not [p for p in path.rglob("*") if p.name.endswith(TEMPORARY)]
        if at % 6 == 0:  # the fault is over: it works from here
            monkeypatch.setattr(module, "_step", Steps(-1, fail))
            jobs[name](path)
            assert held(path)[0] == before[0] + 1


@pytest.mark.parametrize("name", [*JOBS, "note"])
def test_a_crash_at_every_step_leaves_a_whole_version(shop, jobs, copy, monkeypatch, name):
    before = held(shop)
    total = steps_of(shop, jobs[name], monkeypatch, copy)
    for at in range(total):
        path = copy(shop)
        child = os.fork()
        if child == 0:
            module._step = Steps(at, lambda: os._exit(9))
            jobs[name](path)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        version, *_ = held(path)
        assert version == before[0] + (at == total - 1)  # the last step is the fsync of a manifest that is there
        assert held(path, before[0]) == before
        assert noted(path) == (name == "note" and version > before[0])
        if at % 6 == 0:
            assert not [problem for _, problem in verify(path) if problem]
        if at % 6 == 1 and version == before[0]:
            jobs[name](path)
            assert held(path)[0] == before[0] + 1


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_note_that_fails_at_any_step_is_left_out_and_the_rest_committed(shop, jobs, copy, monkeypatch, code):
    def fail():
        raise OSError(code, os.strerror(code))

    before = held(shop)
    total = steps_of(shop, jobs["note"], monkeypatch, copy)
    warned = 0
    for at in range(total):
        path = copy(shop)
        monkeypatch.setattr(module, "_step", Steps(at, fail))
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                jobs["note"](path)
            except LookalikeError as error:
                assert not told and "cannot write" in str(error) and held(path) == before and not noted(path)
                continue
        (words,) = {str(warning.message) for warning in told}
        warned += 1
        assert words.startswith(f"cannot write {path}/lookups/") and words.endswith("read again next time")
        version, keys, *_ = held(path)
        assert (version, keys) == (before[0] + 1, [*before[1], "new1", "new2"])
        assert not [problem for _, problem in verify(path) if problem]
        assert not [p for p in path.rglob("*") if p.name.endswith(TEMPORARY)]
    assert 6 <= warned < total


@pytest.mark.long
def test_kills_at_random_moments_lose_nothing_acknowledged(shop, grow):
    """A child adds and deletes and says what it committed; it is killed; what it said is there."""
    rng = np.random.default_rng(0)
    acknowledged = set(held(shop)[1])
    for cycle in range(200):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            for number in range(10**6):
                with Store.open(shop) as store, writing(store) as writer:
                    new = [f"{cycle}-{number}-{i}" for i in range(3)]
                    old = [key for key in store.keys(store.live_rows()) if key.startswith(f"{cycle}-")][:1]
                    grow(writer, new)
                    writer.delete(store.find(old))
                    os.write(write, "".join(f"({key}) " for key in old).encode())  # may or may not go
                    writer.commit()
                    os.write(write, "".join([*(f"+{k} " for k in new), *(f"-{k} " for k in old)]).encode())
        os.close(write)
        time.sleep(rng.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with open(read, "rb") as pipe:
            said = pipe.read().decode().split()
        added = {word[1:] for word in said if word[0] == "+"}
        removed = {word[1:] for word in said if word[0] == "-"}
        unsure = {word[1:-1] for word in said if word[0] == "("} - removed
        acknowledged = (acknowledged | added) - removed
        start = time.monotonic()
        _, keys, _, vectors = held(shop)
        assert time.monotonic() - start < 2
        assert len(set(keys)) == len(keys)
        assert acknowledged - unsure <= set(keys)
        assert len(set(keys) - acknowledged) <= 3
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        acknowledged = set(keys)
    assert not [problem for _, problem in verify(shop) if problem]


def test_every_flip_and_truncation_of_every_kind_of_file_is_refused(shop):
    _flip_and_truncate(shop, lambda i: [i % 8])


@pytest.mark.long
def test_every_single_bit_of_every_kind_of_file(shop):
    _flip_and_truncate(shop, lambda i: range(8))


def _flip_and_truncate(shop, bits):
    with Store.open(shop) as store:
        entries = store.manifest.files()
        kinds = {entry.file.split("/")[0] for entry in entries}
        assert kinds == {
            *("deleted", "heads", "instances", "lookups", "model"),
            *("prototypes", "rejects", "row_maps", "thresholds", "vectors"),
        }  # fmt: skip
        for entry in entries:
            path = store.file(entry)
            content = path.read_bytes()
            with open(path, "rb+", buffering=0) as file:
                for i in range(len(content)):
                    for bit in bits(i):
                        os.pwrite(file.fileno(), bytes([content[i] ^ 1 << bit]), i)
                        with pytest.raises(Damaged):
                            store.file(entry)
                    os.pwrite(file.fileno(), content[i : i + 1], i)
                for length in reversed(range(len(content))):
                    file.truncate(length)
                    with pytest.raises(Damaged):
                        store.file(entry)
                file.write(content)
            assert store.file(entry) == path


USES = (
    lambda store, rows: store.gather(rows),
    lambda store, rows: list(store.blocks()),
    lambda store, rows: store.keys(rows),
    lambda store, rows: store.find(["a"]),
    lambda store, rows: live_table(store),
    lambda store, rows: store.codes(rows),
    lambda store, rows: store.facts(rows),
    lambda store, rows: info(store),
)


def test_no_use_of_a_damaged_file_gets_past_the_check(shop):
    """One flipped bit in each file that the store itself reads: an answer comes from sound files, or not at all."""
    with Store.open(shop) as store:
        rows = store.live_rows()
        own = ("deleted", "lookups", "row_maps", "vectors")
        entries = [entry for entry in store.manifest.files() if entry.file.split("/")[0] in own]
    for entry in entries:
        path = shop / entry.file
        content = path.read_bytes()
        path.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
        refused = 0
        for use in USES:
            with Store.open(shop) as store:
                try:
                    use(store, rows)
                except Damaged as error:
                    assert entry.file in str(error)
                    refused += 1
        assert refused >= 2
        path.write_bytes(content)
