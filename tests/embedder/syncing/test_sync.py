"""A sync leaves what its source holds, says what it did, and costs only what changed."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.embedder.encoders import files as encoder_file
from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.images.image import prepared
from lookalike.embedder.sources.folder import FolderSource
from lookalike.embedder.syncing import driver
from lookalike.embedder.syncing import fragment as fragment_module
from lookalike.embedder.syncing.sync import embed
from lookalike.store.changing import noting
from lookalike.store.errors import LookalikeError, LookalikeWarning, TooManyRejects
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.rejects import read_rejects
from lookalike.store.version.store import Store
from lookalike.store.version.tables import info, live_table
from lookalike.store.work import engine as engines

COUNTS = ("seen", "embedded", "skipped", "duplicates", "rejected", "removed", "ignored")


def counts(done):
    assert done["seen"] == done["embedded"] + done["skipped"] + done["rejected"] + done["duplicates"]
    assert done["seconds"] >= 0 and set(done) == {*COUNTS, "seconds"}
    return {name: done[name] for name in COUNTS if done[name]}


def contents(shop):
    """What a collection holds, by key: label, content, and the vector."""
    table = live_table(Store.open(shop), ["key", "label", "content_sha256", "vector"]).to_pydict()
    values = zip(table["label"], table["content_sha256"], table["vector"], strict=True)
    assert len(set(table["key"])) == len(table["key"])
    return dict(zip(table["key"], values, strict=True))


@pytest.fixture
def photos(tmp_path, image):
    """Five pictures in two class folders; cat/twin.png has the bytes of cat/0.png."""
    root = tmp_path / "photos"
    for folder in ("cat", "dog"):
        (root / folder).mkdir(parents=True)
    for number in range(2):
        (root / f"cat/{number}.png").write_bytes(image(number))
        (root / f"dog/{number}.png").write_bytes(image(10 + number))
    shutil.copy(root / "cat/0.png", root / "cat/twin.png")
    return root


def test_a_first_run_embeds_everything_and_a_second_nothing(tmp_path, photos, model, encoder):
    shop = tmp_path / "shop"
    assert counts(embed(shop, str(photos), model=model)) == {"seen": 5, "embedded": 4, "duplicates": 1}
    with Store.open(shop) as store:
        assert store.model.digest == encoder.digest and store.dim == 16 and store.classes == ["cat", "dog"]
        rows = store.live_rows()
        facts = store.facts(rows)
        assert facts.width.tolist() == [24] * 5 and facts.height.tolist() == [20] * 5
        assert set(facts.source) == {os.path.realpath(photos)}
        version = store.version
    for key, (label, _, vector) in contents(shop).items():
        assert label == key.split("/")[0]
        pixels = prepared((photos / key).read_bytes(), encoder.preprocessing).pixels
        np.testing.assert_allclose(vector, encoder.encode(pixels[None])[0], atol=1e-6)
    assert counts(embed(shop, str(photos))) == {"seen": 5, "skipped": 5}
    assert Store.open(shop).version == version


@pytest.mark.parametrize("checksum", [False, True])
def test_a_source_is_listed_again_only_where_there_is_work(tmp_path, photos, model, monkeypatch, checksum):
    shop, listed = tmp_path / "shop", []
    real = FolderSource.records
    monkeypatch.setattr(FolderSource, "records", lambda self: listed.append(self) or real(self))
    (tmp_path / "empty").mkdir()
    assert counts(embed(shop, str(tmp_path / "empty"), model=model)) == {} and len(listed) == 1
    embed(shop, str(photos), model=model)
    assert len(listed) == 3
    assert counts(embed(shop, str(photos), checksum=checksum)) == {"seen": 5, "skipped": 5}
    assert len(listed) == 4 + checksum
    (photos / "cat/notes.txt").write_text("x")
    (photos / "dog/0.png").unlink()
    left = {"seen": 4, "skipped": 4, "removed": 1, "ignored": 1}
    assert counts(embed(shop, str(photos), checksum=checksum, prune=True)) == left
    assert len(listed) == 5 + 2 * checksum
    os.utime(photos / "cat/1.png")
    assert counts(embed(shop, str(photos), checksum=checksum)) == {"seen": 4, "skipped": 4, "ignored": 1}
    assert len(listed) == 7 + 2 * checksum


def test_what_changed_is_replaced_and_what_vanished_is_pruned(tmp_path, photos, model, image):
    shop = tmp_path / "shop"
    embed(shop, str(photos), model=model)
    before = contents(shop)
    (photos / "cat/1.png").write_bytes(image(77))
    (photos / "dog/0.png").unlink()
    (photos / "dog/new.png").write_bytes(image(78))
    (photos / "dog/1.png").write_bytes(b"no image any more")
    assert counts(embed(shop, str(photos))) == {"seen": 5, "embedded": 2, "skipped": 2, "rejected": 1, "removed": 1}
    after = contents(shop)
    assert set(after) == {"cat/0.png", "cat/1.png", "cat/twin.png", "dog/0.png", "dog/new.png"}
    assert after["cat/0.png"] == before["cat/0.png"] and after["cat/1.png"] != before["cat/1.png"]
    assert read_rejects(Store.open(shop))["key"].to_pylist() == ["dog/1.png"]
    assert counts(embed(shop, str(photos), prune=True)) == {"seen": 5, "skipped": 4, "rejected": 1, "removed": 1}
    assert set(contents(shop)) == {"cat/0.png", "cat/1.png", "cat/twin.png", "dog/new.png"}


def test_a_touched_file_keeps_its_row(tmp_path, photos, model):
    shop = tmp_path / "shop"
    embed(shop, str(photos), model=model)
    rows = Store.open(shop).find(["cat/0.png"]).tolist()
    os.utime(photos / "cat/0.png")
    assert counts(embed(shop, str(photos))) == {"seen": 5, "skipped": 5}
    assert Store.open(shop).find(["cat/0.png"]).tolist() == rows


@pytest.mark.parametrize("checksum", [False, True])
def test_a_touched_file_is_read_again_once(tmp_path, photos, model, monkeypatch, checksum):
    shop = tmp_path / "shop"
    embed(shop, str(photos), model=model)
    before, version = contents(shop), Store.open(shop).version
    os.utime(photos / "cat/0.png", ns=(5, 5))
    (photos / "dog/new.png").write_bytes((photos / "cat/1.png").read_bytes())  # rows are added as well
    assert counts(embed(shop, str(photos), checksum=checksum)) == {"seen": 6, "skipped": 5, "duplicates": 1}
    with Store.open(shop) as store:
        rows = store.find(["cat/0.png", "cat/1.png", "dog/new.png"])
        assert store.facts(rows).mtime_ns.tolist() == [
            (photos / name).stat().st_mtime_ns for name in ("cat/0.png", "cat/1.png", "dog/new.png")
        ]
        assert store.version == version + 1
    assert {key: row for key, row in contents(shop).items() if key != "dog/new.png"} == before
    assert dict(verify(shop)).values() and not any(dict(verify(shop)).values())
    monkeypatch.setattr(fragment_module, "read_image", lambda *_: pytest.fail("read again"))
    assert counts(embed(shop, str(photos))) == {"seen": 6, "skipped": 6}
    assert Store.open(shop).version == version + 1


@pytest.mark.parametrize("ns", [2**63 + 5, -(2**63) - 5])
def test_a_date_beyond_what_columns_hold_is_a_date(tmp_path, photos, model, ns):
    shop = tmp_path / "shop"
    embed(shop, str(photos / "cat"), model=model)
    os.utime(photos / "cat/0.png", ns=(ns, ns))
    (photos / "cat/new.png").write_bytes((photos / "dog/0.png").read_bytes())
    os.utime(photos / "cat/new.png", ns=(ns, ns))
    assert counts(embed(shop, str(photos / "cat"))) == {"seen": 4, "embedded": 1, "skipped": 3}
    version = Store.open(shop).version
    assert counts(embed(shop, str(photos / "cat"))) == {"seen": 4, "skipped": 4}
    assert Store.open(shop).version == version


def touch(photos):
    """Give every file of `photos` another mtime."""
    for number, path in enumerate(sorted(photos.rglob("*.png"))):
        os.utime(path, ns=(number, number))


def reads(monkeypatch):
    """A list that takes a 1 for each image that is read from now on."""
    read, seen = fragment_module.read_image, []
    monkeypatch.setattr(fragment_module, "read_image", lambda *args: seen.append(1) or read(*args))
    return seen


def test_touched_files_are_noted_before_the_end(tmp_path, photos, model, monkeypatch):
    shop = tmp_path / "shop"
    embed(shop, str(photos), model=model)
    before = contents(shop)
    touch(photos)
    for name, value in (("_TOUCHED", 2), ("_FRAGMENT", 1), ("COMMIT_SECONDS", 0)):
        monkeypatch.setattr(driver, name, value)

    def cut_off(done, total, note):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed(shop, str(photos), progress=cut_off)
    seen = reads(monkeypatch)
    assert counts(embed(shop, str(photos))) == {"seen": 5, "skipped": 5}
    assert len(seen) == 3
    assert counts(embed(shop, str(photos))) == {"seen": 5, "skipped": 5}
    assert len(seen) == 3 and contents(shop) == before


def test_what_is_not_worth_noting_yet_waits_for_more(tmp_path, photos, model, monkeypatch):
    """Two of the five files in a run of five are too few to write it anew, three are enough; two stay."""
    shop = tmp_path / "shop"
    embed(shop, str(photos), model=model)
    touch(photos)
    for module, name, value in ((driver, "_TOUCHED", 1), (driver, "_FRAGMENT", 1), (driver, "COMMIT_SECONDS", 0),
                                (noting, "LARGEST_MERGE", 4), (noting, "_SHARE", 5 / 3)):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    version = Store.open(shop).version
    assert counts(embed(shop, str(photos))) == {"seen": 5, "skipped": 5}
    assert Store.open(shop).version == version + 1
    seen = reads(monkeypatch)
    assert counts(embed(shop, str(photos))) == {"seen": 5, "skipped": 5}
    assert len(seen) == 2


def test_a_note_that_cannot_be_written_hinders_nothing_else(tmp_path, photos, model, image, monkeypatch):
    shop = tmp_path / "shop"
    embed(shop, str(photos), model=model)
    touch(photos)
    (photos / "dog/new.png").write_bytes(image(78))

    def full(*args):
        raise LookalikeError("cannot write lookups/x.arrow: the disk is full")

    with monkeypatch.context() as patch, pytest.warns(LookalikeWarning, match="disk is full.*read again next time"):
        patch.setattr(noting, "noted_run", full)
        assert counts(embed(shop, str(photos))) == {"seen": 6, "embedded": 1, "skipped": 5}
    assert "dog/new.png" in contents(shop)
    seen = reads(monkeypatch)
    for _ in range(2):
        assert counts(embed(shop, str(photos))) == {"seen": 6, "skipped": 6}
        assert len(seen) == 5


def test_a_row_stays_while_its_file_cannot_be_read(tmp_path, photos, model):
    shop = tmp_path / "shop"
    embed(shop, str(photos), model=model)
    before = contents(shop)
    (photos / "cat/0.png").unlink()
    (photos / "cat/0.png").symlink_to("elsewhere.png")
    assert counts(embed(shop, str(photos), prune=True)) == {"seen": 5, "skipped": 4, "rejected": 1}
    assert contents(shop) == before


def test_checksum_sees_what_size_and_mtime_do_not(tmp_path, photos, model, image):
    shop = tmp_path / "shop"
    embed(shop, str(photos), model=model)
    path = photos / "cat/1.png"
    old, stat = path.read_bytes(), path.stat()
    other = next(data for data in map(image, range(200, 900)) if len(data) == len(old))
    path.write_bytes(other)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert counts(embed(shop, str(photos))) == {"seen": 5, "skipped": 5}
    assert counts(embed(shop, str(photos), checksum=True)) == {"seen": 5, "embedded": 1, "skipped": 4}


def test_a_known_content_is_copied_not_encoded_again(tmp_path, photos, model, monkeypatch):
    shop = tmp_path / "shop"
    embed(shop, str(photos), model=model)
    (photos / "cat/0.png").rename(photos / "dog/moved.png")
    monkeypatch.setattr(Encoder, "encode", lambda *_: pytest.fail("encoded again"))
    done = embed(shop, str(photos), prune=True)
    assert counts(done) == {"seen": 5, "skipped": 4, "duplicates": 1, "removed": 1}
    held = contents(shop)
    assert held["dog/moved.png"][1:] == held["cat/twin.png"][1:] and "cat/0.png" not in held
    assert Store.open(shop).facts(Store.open(shop).find(["dog/moved.png"])).width.tolist() == [24]


def test_a_new_label_replaces_the_row_without_encoding(tmp_path, photos, model, monkeypatch):
    shop = tmp_path / "shop"
    (photos / "metadata.csv").write_text("file_name,label\ncat/0.png,cat\n")
    embed(shop, str(photos), model=model)
    before = contents(shop)
    (photos / "metadata.csv").write_text("file_name,label\ncat/0.png,lion\n")
    monkeypatch.setattr(Encoder, "encode", lambda *_: pytest.fail("encoded again"))
    assert counts(embed(shop, str(photos))) == {"seen": 5, "embedded": 1, "skipped": 4}
    after = contents(shop)
    assert after["cat/0.png"] == ("lion", *before["cat/0.png"][1:])


def test_a_key_of_another_source_is_refused_before_any_work(tmp_path, photos, model, image):
    shop, second = tmp_path / "shop", tmp_path / "second"
    embed(shop, str(photos), model=model)
    (second / "cat").mkdir(parents=True)
    (second / "cat/0.png").write_bytes(image(50))
    (second / "a.png").write_bytes(image(51))
    before = Store.open(shop).version
    with pytest.raises(LookalikeError, match="--prefix") as caught:
        embed(shop, str(second))
    for part in ("'cat/0.png'", repr(str(second)), repr(str(photos))):
        assert part in str(caught.value)
    assert Store.open(shop).version == before
    assert counts(embed(shop, str(second), prefix="2/")) == {"seen": 2, "embedded": 2}
    assert {"2/cat/0.png", "2/a.png", "cat/0.png"} <= set(contents(shop))
    # Each source prunes its own.
    (second / "a.png").unlink()
    assert embed(shop, str(second), prefix="2/", prune=True)["removed"] == 1
    assert len(contents(shop)) == 6


def test_prune_refuses_what_it_cannot_see(tmp_path, photos, model, monkeypatch):
    shop = tmp_path / "shop"
    embed(shop, str(photos), model=model)
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(LookalikeError, match=r"'dog' .* cannot be listed"):
        embed(shop, str(photos), prune=True)
    done = embed(shop, str(photos))
    assert counts(done) == {"seen": 4, "skipped": 3, "rejected": 1}
    assert len(contents(shop)) == 5


def test_models_are_never_mixed(tmp_path, photos, model, other_model, encoder):
    shop = tmp_path / "shop"
    with pytest.raises(LookalikeError, match="no model yet: give --model"):
        embed(shop, str(photos))
    embed(shop, str(photos), model=model)
    with pytest.raises(LookalikeError) as caught:
        embed(shop, str(photos), model=other_model)
    assert encoder.digest in str(caught.value) and Encoder.load(other_model).digest in str(caught.value)
    shutil.rmtree(tmp_path / "photos/dog")
    assert embed(shop, str(photos))["skipped"] == 3, "the collection keeps its own copy of the model"


def test_too_many_rejects_are_an_error_after_the_work(tmp_path, photos, model):
    (photos / "bad.jpg").write_bytes(b"<html>")
    shop = tmp_path / "shop"
    with pytest.raises(TooManyRejects, match="1 of 6") as caught:
        embed(shop, str(photos), model=model, max_rejects=0.1)
    assert caught.value.exit_code == 3
    assert len(contents(shop)) == 5 and info(Store.open(shop))["rejects"] == 1
    assert embed(shop, str(photos), max_rejects=0.2)["rejected"] == 1
    (photos / "bad.jpg").unlink()
    embed(shop, str(photos))
    assert info(Store.open(shop))["rejects"] == 0


def test_a_key_that_comes_twice_is_refused_before_any_work(tmp_path, photos, model):
    (photos / "t.csv").write_text("path,label\ncat/0.png,a\ncat/1.png,b\ncat/0.png,c\n")
    with pytest.raises(LookalikeError, match=r"key 'cat/0.png' occurs 2 times"):
        embed(tmp_path / "shop", str(photos / "t.csv"), model=model)
    assert not (tmp_path / "shop").exists()


def test_other_columns_are_kept(tmp_path, photos, model):
    data = [(photos / f"cat/{n}.png").read_bytes() for n in range(2)]
    columns = {"key": ["x", "y"], "image": data, "label": ["a", None], "width": [7, None], "note": ["n", "m"]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    assert counts(embed(tmp_path / "shop", str(tmp_path / "t.parquet"), model=model)) == {"seen": 2, "embedded": 2}
    table = live_table(Store.open(tmp_path / "shop")).to_pydict()
    assert table["note"] == ["n", "m"] and table["source_width"] == [7, None] and table["width"] == [24, 24]
    assert counts(embed(tmp_path / "shop", str(tmp_path / "t.parquet"))) == {"seen": 2, "skipped": 2}


def test_names_that_are_no_text_come_back_as_they_were(tmp_path, photos, model, image):
    name = os.fsdecode(b"\xff\n\xfe.png")
    (photos / "cat" / name).write_bytes(image(5))
    (photos / "cat" / f"{name}2.png").write_bytes(b"bad")
    embed(tmp_path / "shop", str(photos), model=model, prefix="p ")
    store = Store.open(tmp_path / "shop")
    (row,) = store.find([f"p cat/{name}"])
    assert row >= 0 and store.keys(np.array([row])) == [f"p cat/{name}"]
    assert counts(embed(tmp_path / "shop", str(photos), prefix="p ")) == {"seen": 7, "skipped": 6, "rejected": 1}


def test_every_engine_gives_the_same_collection(tmp_path, model, image, monkeypatch):
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(90):
        (root / f"{number:03d}.jpg").write_bytes(image(number % 70, "JPEG"))
    (root / "bad.png").write_bytes(b"bad")
    for name, workers in (("one", 1), ("two", 2)):
        done = counts(embed(tmp_path / name, str(root), model=model, workers=workers))
        assert done == {"seen": 91, "embedded": 70, "duplicates": 20, "rejected": 1}
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert list(one) == list(two)
    for key, (label, content, vector) in one.items():
        assert two[key][:2] == (label, content)
        np.testing.assert_allclose(two[key][2], vector, atol=1e-6)


@pytest.mark.parametrize("seconds", [0, 1e9])
def test_what_is_a_duplicate_does_not_depend_on_commits(tmp_path, model, image, monkeypatch, seconds):
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(90):
        (root / f"{number:03d}.png").write_bytes(image(number % 40))
    monkeypatch.setattr("lookalike.embedder.syncing.driver.COMMIT_SECONDS", seconds)
    monkeypatch.setattr("lookalike.embedder.syncing.driver._FIRST", 32)
    monkeypatch.setattr("lookalike.embedder.syncing.driver._FRAGMENT_SECONDS", 1e-9)
    done = counts(embed(tmp_path / "shop", str(root), model=model))
    assert done == {"seen": 90, "embedded": 40, "duplicates": 50}
    held = contents(tmp_path / "shop")
    assert all(held[f"{n:03d}.png"][1] == held[f"{n % 40:03d}.png"][1] for n in range(90))


def test_an_interrupted_run_keeps_what_it_committed_and_the_next_completes_it(tmp_path, model, image, monkeypatch):
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(200):
        (root / f"{number:03d}.png").write_bytes(image(number))
    monkeypatch.setattr("lookalike.embedder.syncing.driver.COMMIT_SECONDS", 0)
    monkeypatch.setattr("lookalike.embedder.syncing.driver._FIRST", 50)
    monkeypatch.setattr("lookalike.embedder.syncing.driver._FRAGMENT_SECONDS", 1e-9)
    monkeypatch.setattr("lookalike.embedder.syncing.driver._LEAST_SECONDS", 1e9)
    work, calls = fragment_module.embed_fragment, []

    def interrupted(payload):
        calls.append(len(payload["records"]))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return work(payload)

    monkeypatch.setattr(fragment_module, "embed_fragment", interrupted)
    with pytest.raises(KeyboardInterrupt):
        embed(tmp_path / "shop", str(root), model=model)
    assert calls == [50, 32, 32]
    kept = contents(tmp_path / "shop")
    assert len(kept) == 82
    monkeypatch.setattr(fragment_module, "embed_fragment", work)
    assert counts(embed(tmp_path / "shop", str(root))) == {"seen": 200, "embedded": 118, "skipped": 82}
    after = contents(tmp_path / "shop")
    assert len(after) == 200 and all(after[key] == value for key, value in kept.items())


def test_no_images_and_one_image(tmp_path, model, image):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.txt").write_text("x")
    assert counts(embed(tmp_path / "shop", str(tmp_path / "empty"), model=model)) == {"ignored": 1}
    (tmp_path / "one.jpg").write_bytes(image(0))
    assert counts(embed(tmp_path / "shop", str(tmp_path / "one.jpg"))) == {"seen": 1, "embedded": 1}
    assert set(contents(tmp_path / "shop")) == {"one.jpg"}


def test_progress_tells_how_far_it_is(tmp_path, photos, model):
    told = []
    embed(tmp_path / "shop", str(photos), model=model, progress=lambda *what: told.append(what))
    assert told[-1] == (5, 5, "0 rejected")


def test_nothing_is_made_where_the_source_or_model_is_missing(tmp_path, photos):
    for source, model in (("nowhere", None), (str(photos), tmp_path / "nothing")):
        with pytest.raises(LookalikeError) as caught:
            embed(tmp_path / "shop", source, model=model)
        assert "\n" not in str(caught.value)
        assert not Path(tmp_path / "shop").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_device_reaches_whoever_encodes(tmp_path, photos, model, monkeypatch, workers):
    embed(tmp_path / "shop", str(photos), model=model)
    (photos / "cat/twin.png").write_bytes((photos / "dog/0.png").read_bytes() + b"more")
    seen = []
    opened = engines.opened

    def noted(work):
        for fragment in work:
            seen.append(fragment["payload"]["model"]["device"])
            yield fragment

    @contextmanager
    def spied(*arguments, **options):
        with opened(*arguments, **options) as perform:
            yield lambda work: perform(noted(work))

    monkeypatch.setattr(engines, "opened", spied)
    assert counts(embed(tmp_path / "shop", str(photos), workers=workers, device="cpu"))["seen"] == 5
    assert seen == ["cpu"]


def test_a_process_that_leaves_the_work_to_others_does_without_torch(tmp_path, photos, model):
    code = f"""
import sys
from lookalike.embedder.syncing.sync import embed
from lookalike.store.version.tables import info
from lookalike.store.version.tables import live_table
done = embed({str(tmp_path / "shop")!r}, {str(photos)!r}, model={str(model)!r}, workers=2)
assert done["embedded"] > 0 and done["rejected"] == 0, done
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_model_whose_weights_do_not_fit_its_recipe_is_never_committed(tmp_path, photos, model, workers):
    unfit = tmp_path / "unfit"
    shutil.copytree(model, unfit)
    card = json.loads((unfit / "encoder.json").read_text())
    card["recipe"]["model"]["dim"] += 1
    (unfit / "encoder.json").write_bytes(encoder_file.card_bytes(card))
    with pytest.raises(LookalikeError, match=r"weights .* shape"):
        embed(tmp_path / "shop", str(photos), model=unfit, workers=workers)
    assert not (tmp_path / "shop").exists()
    with Store.create(tmp_path / "made"):
        pass
    with pytest.raises(LookalikeError, match=r"weights .* shape"):
        embed(tmp_path / "made", str(photos), model=unfit, workers=workers)
    assert Store.open(tmp_path / "made").model is None


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_made(tmp_path, photos, model, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(LookalikeError, match="device is 'gpu', but torch finds no GPU") as caught:
        embed(tmp_path / "shop", str(photos), model=model, device="gpu")
    assert "\n" not in str(caught.value) and not (tmp_path / "shop").exists()
    embed(tmp_path / "shop", str(photos), model=model)
    with pytest.raises(LookalikeError, match="device is 'gpu'"):
        embed(tmp_path / "shop", str(photos), device="gpu")
    with pytest.raises(LookalikeError, match="unknown device 'tpu': use auto, cpu or gpu"):
        embed(tmp_path / "shop", str(photos), device="tpu")
