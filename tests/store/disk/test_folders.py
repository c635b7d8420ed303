"""A folder of the collection that leads elsewhere is refused before any work, and before it is committed to."""

import os
from pathlib import Path

import numpy as np
import pytest

from lookalike.cli import run
from lookalike.store.changing.writer import writing
from lookalike.store.disk.folders import FOLDERS, MANIFESTS
from lookalike.store.errors import Damaged, LookalikeError
from lookalike.store.files.manifest import versions
from lookalike.store.upkeep.housekeeping import gc, rollback
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.store import Store


def tree(path: Path) -> dict[str, bytes | None]:
    """Every file below `path` but the lock, links followed, with its content."""
    found = {}
    for place, _, names in os.walk(path, followlinks=True):
        found |= {f"{place}/{name}": Path(place, name).read_bytes() for name in names if name != "lock"}
    return found


def moved(path: Path, name: str, outside: Path) -> None:
    """Put a link in the place of a folder of the collection."""
    outside.mkdir()
    if (path / name).exists():
        (path / name).rename(outside / "there")
    else:
        (outside / "there").mkdir()
    (path / name).symlink_to(outside / "there")


WRITING = {
    "write": lambda path: writing(Store.open(path)).__enter__(),
    "gc": gc,
    "rollback": lambda path: rollback(path, 2),
}


@pytest.mark.parametrize("how", WRITING)
@pytest.mark.parametrize("name", [MANIFESTS, *FOLDERS])
def test_a_folder_that_is_a_link_is_refused_before_anything_is_written(shop, tmp_path, name, how):
    moved(shop, name, tmp_path / "outside")
    before = tree(tmp_path)
    with pytest.raises(Damaged, match=rf"{name} is a link: a collection holds its own files"):
        WRITING[how](shop)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", [MANIFESTS, *FOLDERS])
def test_verify_names_a_folder_that_is_a_link(shop, tmp_path, name):
    moved(shop, name, tmp_path / "outside")
    assert (name, "is a link: a collection holds its own files") in list(verify(shop))


def test_a_link_among_the_models_is_refused(shop, tmp_path):
    [model] = (shop / "model").iterdir()
    model.rename(tmp_path / "elsewhere")
    model.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Damaged, match="is a link"), Store.open(shop) as store, writing(store):
        pass


@pytest.mark.parametrize("name", ["vectors", "lookups", "deleted", MANIFESTS])
def test_a_link_put_there_during_the_work_is_not_committed_to(shop, tmp_path, grow, name):
    with Store.open(shop) as store, writing(store) as writer:
        moved(shop, name, tmp_path / "outside")
        before = tree(tmp_path / "outside")
        with pytest.raises(Damaged, match=f"{name} is a link"):
            grow(writer, ["new"])
            writer.delete(np.array([8]))
            writer.commit()
        assert tree(tmp_path / "outside") == before
    assert versions(shop)[-1] == store.version


@pytest.mark.parametrize("name", [MANIFESTS, "vectors", "rejects"])
def test_commands_say_so_in_one_line(shop, tmp_path, name, capsys, monkeypatch):
    np.save(tmp_path / "v.npy", np.eye(8, dtype=np.float32))
    (tmp_path / "keys.txt").write_text("".join(f"new {i}\n" for i in range(8)))
    moved(shop, name, tmp_path / "outside")
    imported = ["import", str(shop), str(tmp_path / "v.npy"), "--keys", str(tmp_path / "keys.txt")]
    for arguments in (imported, ["remove", str(shop), "h"], ["index", str(shop)], ["gc", str(shop)]):
        assert run(arguments) == 1
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1 and f"{name} is a link" in said.err


def test_the_collection_itself_may_be_a_link(shop, tmp_path, grow):
    (tmp_path / "linked").symlink_to(shop)
    with Store.open(tmp_path / "linked") as store, writing(store) as writer:
        grow(writer, ["new"])
        assert writer.commit().find(["new"])[0] >= 0
    gc(tmp_path / "linked")
    with Store.open(shop) as store:
        assert store.find(["new"])[0] >= 0


@pytest.mark.parametrize("make", [Path.touch, os.mkfifo])
@pytest.mark.parametrize("name", ["vectors", "lookups"])
def test_what_is_no_folder_in_the_place_of_one_is_refused(shop, tmp_path, name, make):
    (shop / name).rename(tmp_path / "aside")
    make(shop / name)
    with pytest.raises(Damaged, match=f"{name} is not a folder"), Store.open(shop) as store, writing(store):
        pass


def test_manifests_that_are_a_file_are_refused_also_where_a_collection_would_be_made(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "manifests").touch()
    with pytest.raises(LookalikeError, match=r"manifests is not a folder"):
        Store.open_or_create(tmp_path / "new")
    (tmp_path / "new" / "manifests").unlink()
    (tmp_path / "else").mkdir()
    (tmp_path / "new" / "manifests").symlink_to(tmp_path / "else")
    with pytest.raises(LookalikeError, match="manifests is a link"):
        Store.open_or_create(tmp_path / "new")
    assert list((tmp_path / "else").iterdir()) == []


@pytest.mark.parametrize(
    ("make", "kind"),
    [(os.mkfifo, "not a regular file"), (Path.mkdir, "a folder"), (lambda p: p.symlink_to("/dev/null"), "a link")],
)
def test_a_lock_that_is_no_file_is_refused_in_one_line(shop, make, kind):
    (shop / "lock").unlink()
    make(shop / "lock")
    with pytest.raises(LookalikeError, match=f"cannot lock {shop}: {shop}/lock is {kind}; remove it"):
        with Store.open(shop) as store, writing(store):
            pass


def test_a_folder_that_cannot_be_written_to_is_refused_before_any_work(shop, monkeypatch):
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "lookups" and access(path, mode))
    with pytest.raises(LookalikeError, match=rf"cannot write to {shop}/lookups: permission denied"):
        with Store.open(shop) as store, writing(store):
            pass
