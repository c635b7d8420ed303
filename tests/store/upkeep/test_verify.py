import os
from dataclasses import replace

import pytest

from lookalike.store.changing.writer import writing
from lookalike.store.errors import LookalikeError
from lookalike.store.files.manifest import manifest_path, write_version
from lookalike.store.files.parts import lookup_columns, write_part
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.store import Store


def problems(path):
    return [(file, problem) for file, problem in verify(path) if problem is not None]


def test_a_sound_collection_has_no_problem_and_every_file_is_read(shop):
    found = list(verify(shop))
    assert problems(shop) == []
    every = {p.relative_to(shop).as_posix() for p in shop.rglob("*") if p.is_file()} - {"lock"}
    named = {file for file, _ in found}
    assert named <= every
    assert {"manifests/00000001.json", "model/" + "d" * 64 + "/encoder.json"} <= named
    assert len(named) == len(found)


def test_nothing_is_no_collection(tmp_path):
    with pytest.raises(LookalikeError, match="not a collection"):
        list(verify(tmp_path))


def test_every_kind_of_damage_is_named(shop):
    with Store.open(shop) as store:
        entries = store.manifest.files()
    for entry in entries:
        path = shop / entry.file
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert [file for file, _ in problems(shop)] == [entry.file]
        path.write_bytes(content + b"x")
        [(file, problem)] = problems(shop)
        assert (file, problem) == (entry.file, f"has {entry.size + 1} bytes instead of {entry.size}")
        path.unlink()
        assert problems(shop) == [(entry.file, "is missing")]
        path.symlink_to(os.devnull)
        assert problems(shop) == [(entry.file, "is a link")]
        path.unlink()
        path.write_bytes(content)
    assert problems(shop) == []


def test_rot_that_the_cache_hides_is_found_and_no_longer_hidden(shop, monkeypatch):
    with Store.open(shop) as store:
        entry = store.content.parts[0]
        path = shop / entry.file
    monkeypatch.setattr(
        "lookalike.store.disk.checked._record", lambda found, sha256: sha256
    )  # no time stamp betrays it
    with Store.open(shop) as store:
        store.file(entry)
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    with Store.open(shop) as store:
        store.file(entry)
        assert [file for file, _ in problems(shop)] == [entry.file]
        with pytest.raises(LookalikeError):
            store.file(entry)


def test_a_damaged_manifest_is_named_and_the_others_are_still_read(shop):
    for version in (2, 5):
        manifest_path(shop, version).write_bytes(b"{}")
    assert [file for file, _ in problems(shop)] == ["manifests/00000005.json", "manifests/00000002.json"]


def test_a_manifest_of_another_history_is_named(shop):
    with Store.open(shop) as store:
        content = store.content
    write_version(shop, 6, "0" * 64, content)
    [(file, problem), *_] = problems(shop)
    assert file == "manifests/00000006.json"
    assert "its parent is 000" in problem


@pytest.mark.parametrize("change, words", [
    ({"deleted_count": 5}, "counts 5 deleted rows, and 1 are"),
    ({"runs": ()}, "does not exist"),
])  # fmt: skip
def test_contradictions_between_whole_files_are_named(shop, change, words):
    with Store.open(shop) as store:
        write_version(shop, 6, store.manifest.digest, replace(store.content, **change))
    assert any(words in problem for _, problem in problems(shop))


def test_names_that_part_and_lookups_tell_differently_are_named(tmp_path, part_rows):
    one, other = part_rows(["a", "b", "c"], ["x", None, "y"]), part_rows(["a", "B", "c"], ["x", None, "z"])
    with Store.create(tmp_path / "s") as empty, writing(empty) as writer:
        entry = write_part(writer.path, one, None)
        writer.add_part(entry, lookup_columns(other))
        writer.commit()
    told = [problem for _, problem in problems(tmp_path / "s")]
    assert told == [
        "row 1 has key 'b', and 'B' in the lookups",
        "row 2 has label 'y', and 'z' in the lookups",
        "row 1 is not found by its key (1 rows are not)",
    ]


def test_vectors_that_are_not_unit_rows_are_named(tmp_path, part_rows):
    rows = part_rows(["a", "b", "c"])
    vectors = rows.vectors.copy()
    vectors[1] *= 2
    vectors[2] = 0
    rows = replace(rows, vectors=vectors)
    with Store.create(tmp_path / "s") as empty, writing(empty) as writer:
        entry = write_part(writer.path, rows, None)
        writer.add_part(entry, lookup_columns(rows))
        writer.commit()
    assert problems(tmp_path / "s") == [(entry.file, "row 1 is not a unit vector (2 rows are not)")]
