import fcntl
import os

import numpy as np
import pytest

from lookalike.store.changing import committing
from lookalike.store.changing.writer import writing
from lookalike.store.errors import Busy, Damaged, LookalikeError, LookalikeWarning
from lookalike.store.files.manifest import manifest_path, read_manifest, versions, write_version
from lookalike.store.files.model_files import model_entry
from lookalike.store.upkeep import housekeeping
from lookalike.store.upkeep.housekeeping import gc, rollback
from lookalike.store.version.store import Store


@pytest.fixture
def three(tmp_path, grow):
    """A collection with versions 2 (keys a b), 3 (keys a b c d) and 4 (keys b c d), and nothing open."""
    path = tmp_path / "three"
    with Store.create(path) as empty, writing(empty) as writer:
        grow(writer, "ab")
        writer.commit()
        grow(writer, "cd")
        writer.commit()
        writer.delete(np.array([0]))
        writer.commit().close()
    return path


def keys(path, version=None):
    with Store.open(path, version) as store:
        return store.keys(store.live_rows())


def age(path, hours):
    """Make all files and folders below `path` older."""
    for each in (path, *path.rglob("*")):
        then = each.lstat().st_mtime_ns - int(hours * 3600e9)
        os.utime(each, ns=(then, then), follow_symlinks=False)


def damage(path, version):
    manifest_path(path, version).write_bytes(b"damaged")


def test_rollback_publishes_older_content_under_a_new_number(three):
    with rollback(three, 2) as store:
        assert (store.version, store.keys(store.live_rows()), store.next_row) == (5, ["a", "b"], 4)
    assert keys(three, 4) == ["b", "c", "d"]
    with rollback(three, 4) as store:
        assert (store.version, store.keys(store.live_rows())) == (6, ["b", "c", "d"])


def test_rollback_takes_the_version_before_unless_told(three):
    with rollback(three) as store:
        assert (store.version, store.keys(store.live_rows())) == (5, ["a", "b", "c", "d"])


def test_rollback_to_what_is_there_already_publishes_nothing(three):
    for _ in range(2):
        rollback(three, 4).close()
    assert versions(three)[-1] == 4


def test_rows_given_by_the_version_gone_back_from_are_not_given_again(three, grow):
    with rollback(three, 2) as store, writing(store) as writer:
        grow(writer, "c")
        store = writer.commit()
        assert store.find(["a", "b", "c"]).tolist() == [0, 1, 4]
        assert store.live(np.array([2, 3])).tolist() == [False, False]


def test_a_damaged_newest_version_is_never_passed_over_but_can_be_rolled_back(three, grow):
    damage(three, 4)
    for use in (Store.open, gc):
        with pytest.raises(Damaged, match=r"version 4 .*lookalike rollback"):
            use(three)
    with Store.open(three, 3) as old, pytest.raises(Damaged), writing(old):
        pass
    with rollback(three) as store:
        assert (store.version, store.keys(store.live_rows())) == (5, ["a", "b", "c", "d"])
        assert store.next_row >= 4
        with writing(store) as writer:
            grow(writer, "e")
            assert writer.commit().find(["e"])[0] >= 4


def test_rows_of_damaged_versions_are_not_given_again(three):
    damage(three, 3)
    damage(three, 4)
    with rollback(three) as store:
        assert store.keys(store.live_rows()) == ["a", "b"]
        assert store.next_row >= 4


def test_rollback_passes_over_versions_whose_files_are_damaged(three):
    with Store.open(three, 3) as store:
        (three / store.content.parts[1].file).write_bytes(b"")
    with pytest.raises(Damaged, match="parquet"):
        rollback(three, 3)
    with rollback(three) as store:
        assert (store.version, store.keys(store.live_rows())) == (5, ["a", "b"])


def test_rollback_says_what_it_cannot_do(three, tmp_path):
    with pytest.raises(LookalikeError, match=r"version 9 .*last versions are 1, 2, 3, 4"):
        rollback(three, 9)
    with Store.create(tmp_path / "new"), pytest.raises(LookalikeError, match="no sound version before 1"):
        rollback(tmp_path / "new")
    with pytest.raises(LookalikeError, match="not a collection"):
        rollback(tmp_path / "absent")
    with Store.open(three) as store, writing(store), pytest.raises(Busy):
        rollback(three, 2)


def test_gc_keeps_two_versions_and_their_files(three):
    (three / "vectors" / ".0123.tmp").write_bytes(b"12345")
    (three / "vectors" / "0123.parquet").write_bytes(b"orphan")
    (three / "model" / "abandoned").mkdir(parents=True)
    (three / "model" / "abandoned" / "encoder.json").write_bytes(b"{}")
    (three / "manifests" / ".0.tmp").write_bytes(b"")
    (three / "notes.txt").write_bytes(b"not ours")
    age(three, 25)
    before = sum(p.stat().st_size for p in three.rglob("*") if p.is_file())
    collected = gc(three)
    assert collected["versions"] == 2
    assert before - collected["bytes"] == sum(p.stat().st_size for p in three.rglob("*") if p.is_file())
    assert versions(three) == [3, 4]
    with Store.open(three, 3) as old, Store.open(three) as new:
        needed = {entry.file for store in (old, new) for entry in store.manifest.files()}
    found = {p.relative_to(three).as_posix() for p in three.rglob("*") if p.is_file()}
    assert found == needed | {"lock", "notes.txt", "manifests/00000003.json", "manifests/00000004.json"}
    assert not (three / "model" / "abandoned").exists()
    assert keys(three, 3) == list("abcd")
    assert keys(three) == list("bcd")
    assert gc(three) == {"versions": 0, "files": 0, "bytes": 0, "kept_files": 0}


def test_gc_leaves_what_a_reader_in_another_process_holds(three):
    ready, told = os.pipe()
    done, finish = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(finish)  # so that it also ends when the test does
        with Store.open(three, 2) as store:
            os.write(told, b"x")
            os.read(done, 1)
            os._exit(0 if store.keys(store.live_rows()) == ["a", "b"] else 1)
    os.read(ready, 1)
    try:
        assert gc(three)["versions"] == 1
        assert versions(three) == [2, 3, 4]
    finally:
        os.close(finish)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert gc(three)["versions"] == 1
    with pytest.raises(LookalikeError, match=r"version 2 .*does not exist: the last versions are 3, 4"):
        Store.open(three, 2)


def test_gc_never_runs_beside_a_writer(three, grow):
    with Store.open(three) as store, writing(store) as writer:
        grow(writer, "e")
        with pytest.raises(Busy):
            gc(three)
        assert writer.commit().find(["e"]).tolist() == [4]


def test_gc_drops_damaged_older_versions(three):
    damage(three, 3)
    assert gc(three)["versions"] == 2
    assert versions(three) == [2, 4]


@pytest.mark.parametrize("name", ["rejects", "vectors", "manifests", "model"])
def test_gc_touches_no_file_behind_a_link(three, tmp_path, name):
    outside = tmp_path / "outside"
    if (three / name).is_dir():
        (three / name).rename(outside)
    (outside / "deeper").mkdir(parents=True)
    (outside / "deeper" / "precious").write_bytes(b"not ours")
    (three / name).symlink_to(outside)
    before = sorted(p for p in tmp_path.rglob("*") if p.name != "lock")
    with pytest.raises(Damaged, match=rf"{name} is a link"):
        gc(three)
    assert sorted(p for p in tmp_path.rglob("*") if p.name != "lock") == before
    assert (outside / "deeper" / "precious").read_bytes() == b"not ours"


def test_gc_removes_a_link_inside_a_folder_and_not_what_it_leads_to(three, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"not ours")
    (three / "vectors" / "link").symlink_to(outside / "precious")
    (three / "vectors" / "folder").symlink_to(outside)
    gc(three)
    assert (outside / "precious").read_bytes() == b"not ours"
    assert not (three / "vectors" / "link").is_symlink()


STAGED = ("vectors/.0123.tmp", "vectors/0123.parquet", "manifests/.0.tmp", "model/abandoned/encoder.json")


@pytest.fixture
def staged(three):
    """The same, collected once, with files that no version names."""
    gc(three, 0)
    (three / "model" / "abandoned").mkdir(parents=True)
    for name in STAGED:
        (three / name).write_bytes(b"staged")
    return three


@pytest.mark.parametrize(("hours", "younger"), [(0, 86400), (23, 86400), (0.9, 3600)])
def test_gc_keeps_young_files_that_no_version_names_and_counts_them(staged, hours, younger):
    age(staged, hours)
    done = gc(staged, younger)
    assert (done["versions"], done["files"], done["kept_files"]) == (0, 0, len(STAGED))
    assert all((staged / name).exists() for name in STAGED)


@pytest.mark.parametrize(("hours", "younger"), [(0, 0), (25, 86400), (1.1, 3600)])
def test_gc_removes_them_once_they_are_older(staged, hours, younger):
    age(staged, hours)
    done = gc(staged, younger)
    assert (done["files"], done["kept_files"]) == (len(STAGED), 0)
    assert not any((staged / name).exists() for name in STAGED) and not (staged / "model" / "abandoned").exists()


def test_age_is_by_the_clock_of_the_file_system(staged, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 4e9)  # this machine's clock is a century ahead
    monkeypatch.setattr("time.time_ns", lambda: 4 * 10**18)
    assert gc(staged)["kept_files"] == len(STAGED)


def test_gc_leaves_what_is_named_while_it_runs(three, grow, monkeypatch):
    """Another machine commits old files while gc, which took them for strays, is at work."""
    with Store.open(three) as store, writing(store) as writer:
        grow(writer, "ef")
        content = writer._final()
        parent, version = writer.base.manifest.digest, writer.base.version + 1
    age(three, 25)
    drop = housekeeping._drop_versions

    def dropped(*arguments):
        done = drop(*arguments)
        write_version(three, version, parent, content)
        return done

    monkeypatch.setattr(housekeeping, "_drop_versions", dropped)
    gc(three)
    assert keys(three) == list("bcdef")


def test_a_commit_of_files_that_were_removed_is_refused(three, grow):
    with Store.open(three) as store, writing(store) as writer:
        grow(writer, "ef")
        lost = writer.content.parts[-1].file
        (three / lost).unlink()
        with pytest.raises(LookalikeError, match=f"cannot commit version 5 .*{lost} was removed"):
            writer.commit()
    assert keys(three) == list("bcd")


def test_a_rollback_to_what_gc_is_removing_is_withdrawn(three, monkeypatch):
    [*_, part] = read_manifest(three, 3).content.parts
    monkeypatch.setattr(committing, "write_version", lambda *a: (write_version(*a), (three / part.file).unlink())[0])
    with pytest.raises(LookalikeError, match=f"cannot commit version 5 .*{part.file} was removed"):
        rollback(three, 3)
    assert versions(three)[-1] == 4


def test_a_leftover_of_a_model_is_young_once_it_is_wanted_again(three):
    with Store.open(three) as store, writing(store) as writer:
        files = {"encoder.json": b"{}", "encoder.safetensors": b"weights"}
        model_entry(three, "d" * 64, 8, "fp32", files)
        age(three, 25)
        model_entry(three, "d" * 64, 8, "fp32", files)
        assert writer.base.version == 4
    gc(three)
    assert len([*(three / "model").glob("*/*")]) == 2


def test_in_doubt_of_locks_versions_that_were_the_newest_lately_stay(three, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    with pytest.warns(
        LookalikeWarning,
        match="may not keep other processes out: its file system grants one lock to two processes at once",
    ):
        assert gc(three)["versions"] == 0
    age(three, 25)
    with pytest.warns(LookalikeWarning):
        assert gc(three)["versions"] == 2
    assert versions(three) == [3, 4]
