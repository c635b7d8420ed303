"""What a sync does with rows whose images are gone: a disk that is not mounted costs nothing."""

import json
import os
import shutil

import numpy as np
import pytest

from lookalike.cli import run
from lookalike.embedder.syncing.sync import embed
from lookalike.store.changing.moving import move
from lookalike.store.changing.writer import writing
from lookalike.store.errors import LookalikeError
from lookalike.store.version.rejects import read_rejects
from lookalike.store.version.store import Store


@pytest.fixture
def photos(tmp_path, image):
    """Six pictures in two class folders and one file that is no image."""
    for number in range(6):
        path = tmp_path / "photos" / ("cat" if number < 3 else "dog") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(number))
    (tmp_path / "photos/dog/bad.png").write_bytes(b"no image")
    return tmp_path / "photos"


@pytest.fixture
def shop(tmp_path, photos, model):
    embed(tmp_path / "shop", str(photos), model=model)
    return tmp_path / "shop"


def keys(shop):
    with Store.open(shop) as store:
        return set(store.keys(store.live_rows()))


def refused(shop, source, **options):
    before = keys(shop)
    with pytest.raises(LookalikeError) as error:
        embed(shop, str(source), prune=True, **options)
    assert keys(shop) == before and "--prune=all" in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


def test_an_empty_mount_point_prunes_nothing(shop, photos):
    photos.rename(photos.parent / "elsewhere")
    photos.mkdir()
    assert "none of the 6 images" in refused(shop, photos)
    assert embed(shop, str(photos), prune="all")["removed"] == 6 and keys(shop) == set()


def test_less_than_half_prunes_nothing_and_half_does(shop, photos):
    for number in range(3, 6):
        (photos / f"dog/{number}.png").unlink()
    shutil.copytree(photos, photos.parent / "copy")
    assert embed(shop, str(photos), prune=True)["removed"] == 3
    (photos / "cat/0.png").unlink()
    (photos / "cat/1.png").unlink()
    assert "only 1 of the 3 images" in refused(shop, photos)
    assert embed(shop, str(photos), prune="all")["removed"] == 2


def test_an_option_that_leaves_most_out_prunes_nothing(shop, photos):
    assert "does --exclude exclude them" in refused(shop, photos, exclude="*[0-4].png")
    assert embed(shop, str(photos), prune=True, exclude="cat/")["removed"] == 3
    assert keys(shop) == {"dog/3.png", "dog/4.png", "dog/5.png"}


def test_a_source_that_is_gone_is_pruned_on_demand_only(shop, photos, tmp_path, model):
    photos.rename(photos.parent / "elsewhere")
    before = Store.open(shop).version
    said = refused(shop, photos)
    assert "6 images" in said and f"lookalike move {shop} {photos} NEW" in said
    with pytest.raises(LookalikeError, match="does not exist any more"):
        embed(shop, str(photos))
    with pytest.raises(LookalikeError, match="does not exist: give a folder"):
        embed(shop, str(tmp_path / "never"), prune="all")
    with pytest.raises(LookalikeError, match="does not exist: give a folder"):
        embed(tmp_path / "new", str(photos), model=model, prune="all")
    assert Store.open(shop).version == before and not (tmp_path / "new").exists()
    assert embed(shop, f"{photos}/", prune="all")["removed"] == 6
    assert keys(shop) == set() and len(read_rejects(Store.open(shop))) == 0


def test_a_link_to_a_disk_that_is_not_mounted_is_a_source_that_is_gone(tmp_path, photos, model):
    (tmp_path / "link").symlink_to(photos)
    embed(tmp_path / "shop", str(tmp_path / "link"), model=model)
    photos.rename(tmp_path / "elsewhere")
    assert "does not exist any more" in refused(tmp_path / "shop", tmp_path / "link")


@pytest.mark.parametrize("prefix", ["", "p/"])
def test_the_half_is_one_of_this_source_under_this_prefix(tmp_path, shop, photos, image, prefix):
    second = tmp_path / "second"
    second.mkdir()
    for number in range(4):
        (second / f"{number}.png").write_bytes(image(50 + number))
    embed(shop, str(second), prefix=prefix)
    embed(shop, str(second), prefix="other/")
    for number in range(3):
        (second / f"{number}.png").unlink()
    if prefix:
        assert "only 1 of the 4 images" in refused(shop, second, prefix=prefix)
    else:  # the image of 3.png is still there under each prefix
        assert "only 2 of the 8 images" in refused(shop, second)
    assert embed(shop, str(second), prefix="other/", prune="all")["removed"] == 3
    assert len(keys(shop)) == 6 + 4 + 1


def test_a_table_or_an_idx_file_that_shrank_prunes_nothing(tmp_path, shop, photos, model):
    names = [f"cat/{number}.png" for number in range(3)]
    table = photos / "t.csv"
    table.write_text("path,key\n" + "".join(f"{name},t{name}\n" for name in names))
    embed(shop, str(table))
    table.write_text("path,key\ncat/0.png,tcat/0.png\n")
    assert "only 1 of the 3 images" in refused(shop, table)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8), np.uint8)

    def idx(count):
        (tmp_path / "images").write_bytes(
            b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (count, 8, 8)) + pixels[:count].tobytes()
        )

    idx(4)
    embed(shop, str(tmp_path / "images"))
    idx(1)
    assert "1 of the 4 images" in refused(shop, tmp_path / "images")


def test_another_choice_than_all_is_refused(shop, photos):
    with pytest.raises(LookalikeError, match="prune is 'every'"):
        embed(shop, str(photos), prune="every")


POINTERS = {
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "git-annex": b"/annex/objects/SHA256E-s12345--4d7a.png\n",
}


@pytest.mark.parametrize("kind", POINTERS)
def test_pictures_that_were_not_fetched_keep_their_rows(tmp_path, shop, photos, image, kind):
    """A repository that is checked out without its store has lost nothing."""
    for number in range(3):
        (photos / f"cat/{number}.png").write_bytes(POINTERS[kind])
    done = embed(shop, str(photos), prune=True)
    assert (done["rejected"], done["removed"], done["skipped"]) == (4, 0, 3) and len(keys(shop)) == 6
    table = read_rejects(Store.open(shop)).to_pydict()
    assert sum(f"{kind} pointer" in reason for reason in table["reason"]) == 3
    for number in range(3):
        (photos / f"cat/{number}.png").write_bytes(image(number))
    assert embed(shop, str(photos))["skipped"] == 6
    (photos / "cat/0.png").write_bytes(b"no image")  # but what is none any more has none
    assert embed(shop, str(photos))["removed"] == 1


@pytest.fixture
def said(shop, photos, capsys):
    """said(*words): what `lookalike embed` prints with these words, on stdout and stderr, and its exit status."""

    def call(*words):
        capsys.readouterr()
        status = run(["embed", *words])
        return (*capsys.readouterr(), status)

    return call


def test_the_shell_counts_what_is_gone_and_prunes_by_flag(said, shop, photos):
    (photos / "cat/0.png").unlink()
    (photos / "cat/1.png").unlink()
    out, err, status = said(str(shop), str(photos), "--json")
    assert status == 0 and json.loads(out)["removed"] == 0
    assert err.splitlines()[-1] == "2 of this source's files are gone: --prune removes them (such as 'cat/0.png')"
    assert "are gone" in said(str(shop), str(photos))[1]
    # As a flag it may stand before the arguments.
    out, err, status = said("--prune", str(shop), str(photos), "--json")
    assert status == 0 and json.loads(out)["removed"] == 2 and "gone" not in err
    shutil.rmtree(photos / "dog")
    shutil.rmtree(photos / "cat")
    out, err, status = said(str(shop), str(photos))
    assert status == 0 and "4 of this source's files are gone (is a disk not mounted" in err
    out, err, status = said("--prune", str(shop), str(photos))
    assert status == 1 and out == "" and "cannot prune" in err
    out, _, status = said("--prune=all", str(shop), str(photos), "--json")
    assert status == 0 and json.loads(out)["removed"] == 4
    assert said("--prune=some", str(shop), str(photos))[2] == 2


def test_the_shell_says_what_was_skipped_and_which_option_follows_links(said, shop, photos, tmp_path, image):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").write_bytes(image(90))
    (photos / "cat/link.png").symlink_to(tmp_path / "out/a.png")
    (photos / "linked").symlink_to(tmp_path / "out")
    (photos / "@eaDir").mkdir()
    out, err, _ = said(str(shop), str(photos), "--json")
    assert json.loads(out)["rejected"] == 3 and json.loads(out)["ignored"] == 1
    assert err.splitlines() == [
        "skipped 1 file or folder created by a file server or system: @eaDir",
        "2 links out of the source or to folders were not followed: --follow-links follows them",
    ]
    out, err, _ = said(str(shop), str(photos), "--json", "--follow-links", "--workers", "2")
    assert json.loads(out)["rejected"] == 1 and "--follow-links" not in err
    assert {"cat/link.png", "linked/a.png"} <= keys(shop)


def test_after_a_move_nothing_is_embedded_again(tmp_path, shop, photos, monkeypatch):
    new = tmp_path / "pictures"
    photos.rename(new)
    with pytest.raises(LookalikeError, match=f"`lookalike move {shop} {photos} {new}`"):
        embed(shop, str(new))
    before = keys(shop)
    move(shop, photos, new)
    version = Store.open(shop).version
    done = embed(shop, str(new))
    assert (done["seen"], done["skipped"], done["rejected"]) == (7, 6, 1)
    assert keys(shop) == before and Store.open(shop).version == version
    (new / "cat/0.png").unlink()
    assert embed(shop, str(new), prune=True)["removed"] == 1


def test_another_folder_with_the_same_names_is_not_taken_for_a_move(tmp_path, shop, photos):
    shutil.copytree(photos, tmp_path / "copy")
    with pytest.raises(LookalikeError) as error:  # the source is where it was
        embed(shop, str(tmp_path / "copy"))
    assert "lookalike move" not in str(error.value) and "--prefix" in str(error.value)
    photos.rename(tmp_path / "elsewhere")
    photos.mkdir()
    with pytest.raises(LookalikeError, match="lookalike move"):  # an empty mount point is not
        embed(shop, str(tmp_path / "copy"))
    for each in (tmp_path / "copy/cat").iterdir():
        os.truncate(each, 1)
    with pytest.raises(LookalikeError) as error:
        embed(shop, str(tmp_path / "copy"))
    assert "lookalike move" not in str(error.value)


@pytest.fixture
def twice(tmp_path, photos, model):
    """The same six pictures under their own keys, and under p/."""
    embed(tmp_path / "twice", str(photos), model=model, prefix="p/")
    embed(tmp_path / "twice", str(photos))
    return tmp_path / "twice"


def test_rows_under_another_prefix_are_not_said_to_be_gone(said, twice, photos):
    for words in ([], ["--prefix", "p/"]):
        _, err, _ = said(str(twice), str(photos), *words)
        assert "gone" not in err and "keys" not in err
    (photos / "cat/0.png").unlink()
    assert "2 of this source's files are gone: --prune" in said(str(twice), str(photos))[1]  # under both
    assert "1 of this source's files is gone: --prune" in said(str(twice), str(photos), "--prefix", "p/")[1]


def test_prune_keeps_rows_whose_image_is_there_under_another_prefix(twice, photos, tmp_path):
    assert embed(twice, str(photos), prune=True)["removed"] == 0
    assert embed(twice, str(photos), prune="all")["removed"] == 0
    assert len(keys(twice)) == 12
    (photos / "cat/0.png").unlink()
    embed(twice, str(photos), prefix="p/", prune=True)
    assert "cat/0.png" in keys(twice) and "p/cat/0.png" not in keys(twice)
    (photos / "cat/1.png").unlink()
    assert embed(twice, str(photos), prune=True)["removed"] == 3  # both keys of 1.png, the one left of 0.png
    assert len(keys(twice)) == 8
    photos.rename(tmp_path / "elsewhere")
    assert embed(twice, str(photos), prune="all")["removed"] == 8  # of a source that is gone all is gone


def test_prune_keeps_rows_of_a_table_under_another_prefix(tmp_path, photos, model):
    table = photos / "t.csv"
    table.write_text("key,path\n1,cat/1.png\n2,cat/2.png\n3,dog/3.png\n")
    for prefix in ("", "p"):
        embed(tmp_path / "shop", str(table), model=model, prefix=prefix)
    table.write_text("key,path\n2,cat/2.png\n3,dog/3.png\n")
    assert embed(tmp_path / "shop", str(table), prune=True)["removed"] == 2
    assert keys(tmp_path / "shop") == {"2", "3", "p2", "p3"}


def test_a_collection_that_did_not_note_prefixes_says_what_it_is_not_sure_of(said, twice, photos):
    with Store.open(twice) as store, writing(store) as writer:
        writer._set(uses=())
        writer.commit()
    _, err, _ = said(str(twice), str(photos))
    assert "gone" not in err and "6 images of this source have keys that no file of it has now" in err
    assert "'p/cat/0.png'" in err and "--prefix" in err
    assert said(str(twice), str(photos), "--prefix", "p/")[2] == 0
    assert "keys" not in said(str(twice), str(photos))[1]  # now it is noted
