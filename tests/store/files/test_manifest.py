import json

import pytest

from lookalike.store.errors import Damaged, LookalikeError
from lookalike.store.files import manifest as module
from lookalike.store.files.content import (
    CalibrationEntry,
    Content,
    FileEntry,
    HeadEntry,
    ModelEntry,
    PartEntry,
    PrototypeEntry,
    PrototypeRule,
    RejectEntry,
    RunEntry,
    SegmentEntry,
)
from lookalike.store.files.manifest import (
    Manifest,
    manifest_path,
    newest_version,
    parse_manifest,
    read_manifest,
    versions,
    write_manifest,
)

FILE = FileEntry("row_maps/r.npy", 1, "ab")
FULL = Content(
    dim=8,
    next_row=100,
    model=ModelEntry("d1", 8, "bf16", (FileEntry("model/d1/encoder.json", 3, "cd"),)),
    parts=(
        PartEntry("vectors/a.parquet", 9, "ef", 0, 50, 4, None),
        PartEntry("vectors/b.parquet", 9, "01", 50, 5, 4, FILE),
    ),
    runs=(RunEntry("lookups/a.arrow", 5, "23", 0, 99, 55),),
    rejects=(RejectEntry("rejects/a.parquet", 5, "45", 2, "/photos \udcff\n"),),
    deleted=FileEntry("deleted/a.npy", 7, "67"),
    deleted_count=3,
    segments=(SegmentEntry("instances/a.faiss", 8, "89", "IVF16,Flat", 0, 50, None, {"nprobe": 4}, {"recall": 0.95}),),
    prototypes=PrototypeEntry(
        FileEntry("prototypes/a", 1, "a"), FileEntry("prototypes/b", 1, "b"), "Flat", 90, None, 7
    ),
    calibrations=(CalibrationEntry("thresholds/a.json", 4, "bc", "knn", 3, None),),
    index={"spec": "auto", "recall": 0.95, "k": 10},
    head=HeadEntry("heads/a.parquet", 6, "de", 90, FileEntry("deleted/a.npy", 7, "67"), 3, None, 7),
)


@pytest.fixture
def raw(tmp_path):
    write_manifest(tmp_path, Manifest(3, "parent", "now", FULL))
    return manifest_path(tmp_path, 3).read_bytes()


@pytest.mark.parametrize("content", [Content(), FULL])
def test_a_manifest_comes_back_as_it_was_written(tmp_path, content):
    written = write_manifest(tmp_path, Manifest(12, None, "now", content))
    assert read_manifest(tmp_path, 12) == written
    assert (tmp_path / "manifests" / "00000012.json").exists()


def test_lists_every_file_once():
    names = [entry.file for entry in Manifest(1, None, "now", FULL).files()]
    assert sorted(names) == sorted(
        [
            "vectors/a.parquet",
            "vectors/b.parquet",
            "row_maps/r.npy",
            "model/d1/encoder.json",
            "lookups/a.arrow",
            "rejects/a.parquet",
            "deleted/a.npy",
            "instances/a.faiss",
            "prototypes/a",
            "prototypes/b",
            "thresholds/a.json",
            "heads/a.parquet",
        ]
    )


def test_every_flipped_bit_is_refused(tmp_path, raw):
    for i in range(len(raw)):
        for bit in range(8):
            with pytest.raises(Damaged, match=r"rollback"):
                parse_manifest(raw[:i] + bytes([raw[i] ^ 1 << bit]) + raw[i + 1 :], tmp_path, 3)


def test_every_truncation_and_addition_is_refused(tmp_path, raw):
    for damaged in [raw[:i] for i in range(len(raw))] + [raw + b"\n", raw + raw, b"null", b"[]", b"[" * 100_000]:
        with pytest.raises(Damaged, match=r"rollback"):
            parse_manifest(damaged, tmp_path, 3)


def test_a_manifest_under_another_number_is_refused(tmp_path, raw):
    with pytest.raises(Damaged, match=r"version 3"):
        parse_manifest(raw, tmp_path, 4)


def forged(raw, **changes):
    """`raw` changed, with a digest that fits."""
    data = json.loads(raw) | changes
    return module._line(data | {"digest": module._digest(data)})


def test_a_future_format_is_refused_by_name(tmp_path, raw):
    with pytest.raises(LookalikeError, match=r"format 2.*format 1: upgrade") as error:
        parse_manifest(forged(raw, format=2), tmp_path, 3)
    assert not isinstance(error.value, Damaged)


def test_a_field_of_another_type_is_refused_by_name(tmp_path, raw):
    content = json.loads(raw)["content"]
    for field, value in [("dim", "8"), ("next_row", -1), ("parts", {}), ("deleted", 5), ("dim", True), ("model", [])]:
        with pytest.raises(LookalikeError, match=field):
            parse_manifest(forged(raw, content=content | {field: value}), tmp_path, 3)
    with pytest.raises(LookalikeError, match=r"'more' is unknown"):
        parse_manifest(forged(raw, content=content | {"more": 1}), tmp_path, 3)
    del content["runs"]
    with pytest.raises(LookalikeError, match=r"'runs' is missing"):
        parse_manifest(forged(raw, content=content), tmp_path, 3)


def test_a_manifest_of_before_there_were_heads_has_none(tmp_path, raw):
    content = json.loads(raw)["content"]
    del content["head"]
    assert parse_manifest(forged(raw, content=content), tmp_path, 3).content.head is None


def test_a_manifest_of_before_prototypes_had_rules_means_all_rows_and_one_a_class(tmp_path, raw):
    content = json.loads(raw)["content"]
    del content["prototype_rule"], content["prototypes"]["rule"]
    read = parse_manifest(forged(raw, content=content), tmp_path, 3).content
    assert read.prototype_rule == PrototypeRule(0, 1) and read.prototypes.rule == PrototypeRule(0, 1)
    content["prototypes"]["rule"] = {"window": 3}
    with pytest.raises(LookalikeError, match=r"'per_class' is missing"):
        parse_manifest(forged(raw, content=content), tmp_path, 3)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../a", "vectors/../../a", "", "vectors//a", "./a", "a\\b", "a\0b", "a\n"]
)
def test_a_name_that_leads_out_of_the_collection_is_refused(tmp_path, raw, name):
    with pytest.raises(Damaged, match=r"leads out"):
        FileEntry(name, 1, "x")
    entry = {"file": name, "size": 1, "sha256": "x"}
    with pytest.raises(Damaged, match=r"leads out"):
        parse_manifest(forged(raw, content=json.loads(raw)["content"] | {"deleted": entry}), tmp_path, 3)


def test_versions_go_by_number_and_ignore_strays(tmp_path):
    for version in (2, 10, 9):
        write_manifest(tmp_path, Manifest(version, None, "now", Content()))
    for stray in ("123.json", "00000011.json.bak", ".abc.tmp", "000000012.json", "x.json"):
        (tmp_path / "manifests" / stray).write_bytes(b"")
    assert versions(tmp_path) == [2, 9, 10]
    assert newest_version(tmp_path) == 10


def test_a_folder_without_manifests_is_no_collection(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(LookalikeError, match=r"not a collection"):
            newest_version(path)


def test_a_linked_manifest_is_refused(tmp_path):
    write_manifest(tmp_path, Manifest(1, None, "now", Content()))
    path = manifest_path(tmp_path, 1)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Damaged, match=r"link"):
        read_manifest(tmp_path, 1)
