"""Two writers and `gc` at once where every lock is granted, as over shares: what is acknowledged is never lost."""

import subprocess
import sys

import numpy as np
import pytest

from lookalike.store.changing import committing
from lookalike.store.changing.writer import writing
from lookalike.store.errors import Busy, LookalikeError
from lookalike.store.files.manifest import manifest_path, read_manifest, write_version
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.store import Store

START = """
import fcntl, os, sys, time, warnings
warnings.simplefilter("ignore")
fcntl.flock = lambda *_: None
path, name, until = sys.argv[1], sys.argv[2], time.time() + float(sys.argv[3])
from lookalike import Collection, LookalikeError
from lookalike.store.upkeep.housekeeping import gc
from lookalike.store.changing.writer import writing
"""
WRITE = """
import numpy as np
count = 0
with Collection.open(path) as shop:
    while time.time() < until:
        keys = [f"{name} {count} {i}" for i in range(3)]
        rng = np.random.default_rng([ord(name), count])
        rows = rng.standard_normal((3, 4)).astype(np.float32)
        count += 1
        try:
            shop.add(rows / np.linalg.norm(rows, axis=1, keepdims=True), keys)
            if count % 7 == 0:
                shop.index(compact=True)
        except LookalikeError as error:
            print("refused", str(error), flush=True)
        else:
            print("acknowledged", *keys, sep="\\t", flush=True)
"""
COLLECT = """
while time.time() < until:
    try:
        gc(path)
        print("collected", flush=True)
    except LookalikeError as error:
        print("refused", str(error), flush=True)
"""


def runs(path, seconds):
    """What two writers and two collectors print."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", START + code, str(path), name, str(seconds)], stdout=subprocess.PIPE, text=True
        )
        for code, name in ((WRITE, "a"), (WRITE, "b"), (COLLECT, "c"), (COLLECT, "d"))
    ]
    said = [process.communicate(timeout=seconds + 60)[0].splitlines() for process in started]
    assert [process.returncode for process in started] == [0, 0, 0, 0]
    return said


@pytest.mark.parametrize("seconds", [4, pytest.param(20, marks=pytest.mark.long)])
def test_nothing_acknowledged_is_lost(tmp_path, seconds):
    path = tmp_path / "shop"
    Store.create(path).close()
    said = runs(path, seconds)
    keys = [key for lines in said[:2] for line in lines if line.startswith("ack") for key in line.split("\t")[1:]]
    with Store.open(path) as store:
        assert keys and (store.find(keys) >= 0).all()
        assert len(set(store.keys(store.live_rows()))) == store.rows
        store.gather(store.live_rows())
    assert [problem for _, problem in verify(path) if problem] == []
    assert "collected" in said[2] + said[3]


@pytest.fixture
def shop(tmp_path, grow):
    """A collection with one key."""
    with Store.create(tmp_path / "shop") as empty, writing(empty) as writer:
        grow(writer, "a")
        writer.commit()
    return tmp_path / "shop"


@pytest.fixture
def grow(units):
    from lookalike.store.files.parts import Rows, lookup_columns, write_part

    def add(writer, keys):
        none, numbers = [None] * len(keys), list(range(len(keys)))
        made = Rows(list(keys), units(len(keys)), none, none, numbers, none, "s", numbers, none, None)
        writer.add_part(write_part(writer.path, made, None), lookup_columns(made))

    return add


@pytest.fixture
def units():
    return lambda n: np.eye(n, 8, dtype=np.float32)


def written_by_another(path, versions=1):
    """What another machine commits on top of the newest version."""
    with Store.open(path) as store:
        parent, content = store.manifest.digest, store.content
        for version in range(store.version + 1, store.version + 1 + versions):
            parent = write_version(path, version, parent, content).digest


def test_a_writer_whose_base_is_not_the_newest_is_refused(shop, grow):
    with Store.open(shop) as store, writing(store) as writer:
        grow(writer, "bc")
        written_by_another(shop)
        for _ in range(2):
            with pytest.raises(Busy, match="another process committed version 3"):
                writer.commit()
    with Store.open(shop) as store:
        assert store.version == 3 and store.keys(store.live_rows()) == ["a"]


def test_a_version_that_another_made_at_that_moment_is_not_replaced(shop, grow, monkeypatch):
    def late(*arguments):
        written_by_another(shop)
        return write_version(*arguments)

    with Store.open(shop) as store, writing(store) as writer:
        grow(writer, "bc")
        monkeypatch.setattr(committing, "write_version", late)
        with pytest.raises(Busy, match="another process committed version 3"):
            writer.commit()
    assert read_manifest(shop, 3).content == read_manifest(shop, 2).content


def test_a_name_that_gc_made_free_below_newer_versions_is_not_taken(shop, grow, monkeypatch):
    def late(*arguments):
        written_by_another(shop, 4)
        manifest_path(shop, 3).unlink()
        return write_version(*arguments)

    with Store.open(shop) as store, writing(store) as writer:
        grow(writer, "bc")
        monkeypatch.setattr(committing, "write_version", late)
        with pytest.raises(LookalikeError, match="another process committed version 3"):
            writer.commit()
    assert not manifest_path(shop, 3).exists()
    with Store.open(shop) as store:
        assert store.version == 6


def test_a_writer_goes_on_from_what_was_written_on_top_of_its_own(shop, grow, monkeypatch):
    def followed(*arguments):
        made = write_version(*arguments)
        written_by_another(shop)
        return made

    with Store.open(shop) as store, writing(store) as writer:
        grow(writer, "b")
        monkeypatch.setattr(committing, "write_version", followed)
        assert writer.commit().version == 4
        monkeypatch.undo()
        grow(writer, "c")
        assert writer.commit().find(["a", "b", "c"]).tolist() == [0, 1, 2]
