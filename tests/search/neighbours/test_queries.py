"""What images are asked with: names that are a file and a key, folders, patterns, bytes and pixels; and their paths."""

import contextlib
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lookalike import Collection, LookalikeError
from lookalike.search.neighbours.queries import read_queries
from lookalike.search.view import View

from ..photos import pixels, save_model, save_photo


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """photos/IMG_0.png ... IMG_5.png and photos/cat/IMG_1.png, embedded as `shop` by `model`, all in one folder."""
    root = tmp_path_factory.mktemp("asking")
    for i in range(6):
        save_photo(root / "photos" / f"IMG_{i}.png", i)
    save_photo(root / "photos" / "cat" / "IMG_1.png", 11)
    save_model(root / "model")
    with Collection.create(root / "shop") as shop:
        shop.embed(root / "photos", model=root / "model")
    return root


@pytest.fixture
def shop(made, tmp_path, monkeypatch):
    """A copy of it, opened; the working folder is its photo folder, which was moved with it."""
    shutil.copytree(made / "shop", tmp_path / "shop")
    shutil.copytree(made / "photos", tmp_path / "photos", copy_function=shutil.copy2)
    with Collection.open(tmp_path / "shop") as collection:
        collection.move(made / "photos", tmp_path / "photos")
    monkeypatch.chdir(tmp_path / "photos")
    with Collection.open(tmp_path / "shop") as collection:
        yield collection


def refuse(*_):
    raise AssertionError("the encoder is not needed")


def test_a_file_that_is_the_keys_own_picture_is_that_key_and_needs_no_encoder(shop, monkeypatch):
    monkeypatch.setattr(View, "images", property(refuse))
    by_key, by_file = shop.search("key:IMG_1.png", k=3), shop.search("IMG_1.png", k=3)
    assert by_file.rows.tolist() == by_key.rows.tolist() and "IMG_1.png" not in by_file.keys()[0]
    assert shop.search("cat/IMG_1.png", k=3).rows.tolist() == shop.search("key:cat/IMG_1.png", k=3).rows.tolist()
    shutil.copy("IMG_2.png", "copy.png")
    shutil.copy("copy.png", "IMG_2.png")  # another time of change, the same content
    assert "IMG_2.png" not in shop.search("IMG_2.png", k=6).keys()[0]


def test_a_file_with_dot_and_slash_or_a_path_object_is_the_file_whatever_keys_there_are(shop):
    for query in ("./IMG_1.png", Path("IMG_1.png"), os.path.abspath("IMG_1.png")):
        assert shop.search(query, k=1).keys() == [["IMG_1.png"]]


def test_a_copy_in_another_place_finds_the_key_whose_name_it_has(shop, tmp_path, monkeypatch):
    (tmp_path / "card").mkdir()
    monkeypatch.chdir(tmp_path / "card")
    for name in ("IMG_1.png", "IMG_4.png"):
        shutil.copy2(tmp_path / "photos" / name, name)
    for query in ("IMG_1.png", "*_1.png", "../card/IMG_1.png"):
        hits = shop.search(query, k=1)
        assert hits.keys() == [["IMG_1.png"]] and hits.distances[0, 0] < 1e-3, query
    assert shop.search(".", k=1).keys() == [["IMG_1.png"], ["IMG_4.png"]]
    (tmp_path / "photos").rename(tmp_path / "away")  # whether these are the source's own files cannot be told any more
    assert "IMG_1.png" not in shop.search("IMG_1.png", k=6).keys()[0]


def test_another_picture_of_the_keys_name_is_refused_with_both_ways_out(shop, tmp_path, monkeypatch):
    save_photo(tmp_path / "elsewhere" / "IMG_1.png", 3)
    monkeypatch.chdir(tmp_path / "elsewhere")
    words = r"'IMG_1.png' is both a file and a key, which are different pictures: write \./IMG_1\.png or key:IMG_1\.png"
    for ask in (shop.search, shop.classify):
        with pytest.raises(LookalikeError, match=words):
            ask("IMG_1.png")
    assert shop.search("./IMG_1.png", k=1).keys() == [["IMG_3.png"]]
    assert "IMG_1.png" not in shop.search("key:IMG_1.png", k=6).keys()[0]


def test_where_no_model_takes_an_image_in_a_name_is_the_key(tmp_path, monkeypatch):
    monkeypatch.chdir(save_photo(tmp_path / "photos" / "IMG_1.png", 1).parent)
    with Collection.create(tmp_path / "vectors") as vectors:
        vectors.add(np.eye(3, 8, dtype=np.float32), ["IMG_1.png", "IMG_2.png", "IMG_3.png"])
        assert vectors.search("IMG_1.png", k=2).rows.tolist() == [[1, 2]]
        with pytest.raises(LookalikeError, match="has no model"):
            vectors.search("./IMG_1.png")


def test_the_rows_own_file_is_asked_as_it_is_now_and_its_row_left_out(made, tmp_path, monkeypatch):
    shutil.copytree(made / "photos", tmp_path / "photos")
    with Collection.create(tmp_path / "own") as own:
        own.embed(tmp_path / "photos", model=made / "model")
        monkeypatch.chdir(tmp_path / "photos")
        save_photo(Path("IMG_1.png"), 4)  # now the picture of IMG_4.png
        hits = own.search("IMG_1.png", k=6)
        assert hits.keys()[0][0] == "IMG_4.png" and "IMG_1.png" not in hits.keys()[0]


def test_keys_with_a_prefix_and_keys_that_are_absolute_paths_are_their_own_files(made, tmp_path, monkeypatch):
    shutil.copytree(made / "photos", tmp_path / "photos")
    table = tmp_path / "list.csv"
    table.write_text("path\n" + "".join(f"{tmp_path}/photos/IMG_{i}.png\n" for i in range(3)))
    with Collection.create(tmp_path / "own") as own:
        own.embed(tmp_path / "photos", model=made / "model", prefix="photos/")
        own.embed(table)
        monkeypatch.chdir(tmp_path)
        for name in ("photos/IMG_1.png", str(tmp_path / "photos" / "IMG_1.png")):
            assert name not in own.search(name, k=10).keys()[0]
        save_photo(tmp_path / "other.png", 9)
        key = str(tmp_path / "photos" / "IMG_1.png")
        own.remove("photos/IMG_1.png")
        shutil.copy(tmp_path / "other.png", key)
        assert key not in own.search(key, k=20).keys()[0]  # still the row's file


def test_a_folder_named_as_a_key_is_a_question_only_where_it_has_images(shop, tmp_path, monkeypatch):
    other = tmp_path / "other"
    (other / "IMG_1.png").mkdir(parents=True)
    monkeypatch.chdir(other)
    assert shop.search("IMG_1.png", k=2).rows.tolist() == shop.search("key:IMG_1.png", k=2).rows.tolist()
    save_photo(other / "IMG_1.png" / "a.png", 3)
    with pytest.raises(LookalikeError, match=r"both a folder of images and a key: write key:IMG_1\.png or \./IMG_1"):
        shop.search("IMG_1.png")
    hits = shop.search("./IMG_1.png", k=1)
    assert hits.queries == ["./IMG_1.png/a.png"] and hits.keys() == [["IMG_3.png"]]


@pytest.fixture
def new(tmp_path):
    """new/: b.png (picture 2), sub/deep/a.PNG (4), sub/noext (2 again), and no images: notes.txt, .hidden.png."""
    save_photo(tmp_path / "new" / "b.png", 2)
    save_photo(tmp_path / "new" / "sub" / "deep" / "a.PNG", 4)
    save_photo(tmp_path / "new" / ".hidden.png", 1)
    shutil.copy(tmp_path / "new" / "b.png", tmp_path / "new" / "sub" / "noext")
    (tmp_path / "new" / "notes.txt").write_text("no image")
    return tmp_path / "new"


def test_a_folder_stands_for_all_its_images_in_order(shop, new):
    hits = shop.search(str(new), k=1)
    assert hits.queries == [f"{new}/b.png", f"{new}/sub/deep/a.PNG", f"{new}/sub/noext"]
    assert hits.keys() == [["IMG_2.png"], ["IMG_4.png"], ["IMG_2.png"]]
    (new / "bad.png").write_bytes(b"<html>")
    asked = read_queries(shop._view, [str(new), "IMG_0.png"], strict=False)
    assert [name for name, _ in asked.failed] == [f"{new}/bad.png"] and len(asked.names) == 4
    assert asked.order == [0, -1, 1, 2, 3]
    assert asked.names[-1] == "IMG_0.png" and asked.excluded.tolist() == [-1, -1, -1, asked.excluded[-1]]


def test_a_pattern_stands_for_the_images_it_matches(shop, new, monkeypatch):
    monkeypatch.chdir(new.parent)
    assert shop.search("new/*", k=1).queries == ["new/b.png", "new/sub/deep/a.PNG", "new/sub/noext"]
    assert shop.search("new/**", k=1).queries == ["new/b.png", "new/sub/deep/a.PNG", "new/sub/noext"]
    assert shop.search("new/?.png", k=1).keys() == [["IMG_2.png"]]
    np.save(new / "v.npy", shop._view.store.gather(np.array([5, 6])))
    assert shop.search("new/*.npy", k=1).queries == ["new/v.npy[0]", "new/v.npy[1]"]
    new.rename(new.parent / "new [1]")
    assert shop.search("new [1]/*.png", k=1).queries == ["new [1]/b.png"]
    with pytest.raises(LookalikeError, match=r"no file matches 'new/z\*'"):
        shop.search("new/z*")
    with pytest.raises(LookalikeError, match=r"'n\*/\*\.txt' matches 1 names, but no image is among them"):
        shop.search("n*/*.txt")


def test_a_file_or_key_with_brackets_is_no_pattern(shop):
    save_photo(Path("IMG[0].png"), 5)
    assert shop.search("IMG[0].png", k=1).keys() == [["IMG_5.png"]]
    shop.add(shop._view.store.gather(np.array([2])), ["x*"])
    assert shop.search("x*", k=1).scores[0, 0] == pytest.approx(1, abs=1e-5)


def test_files_of_a_pattern_are_files_where_a_key_of_that_name_is_another_picture(shop, tmp_path, monkeypatch):
    save_photo(tmp_path / "elsewhere" / "IMG_1.png", 3)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert shop.search("*.png", k=1).keys() == [["IMG_3.png"]]
    monkeypatch.chdir(tmp_path / "photos")
    assert shop.search("IMG_[1].png", k=1).rows.tolist() == shop.search("IMG_1.png", k=1).rows.tolist()


def test_what_holds_no_images_is_refused_by_name(shop, made, tmp_path):
    (tmp_path / "empty").mkdir()
    for query, words in (
        (tmp_path / "empty", "is a folder without images"),
        (str(tmp_path / "shop"), "is a collection, not a folder of images"),
    ):
        with pytest.raises(LookalikeError, match=words):
            shop.search(query)


def bytes_of(array, kind="PNG"):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind)
    return stream.getvalue()


def test_bytes_and_pixels_are_images(shop):
    png, array = bytes_of(pixels(3)), pixels(3)
    opaque = np.dstack([array, np.full(array.shape[:2], 255, np.uint8)])
    for query in (png, bytearray(png), memoryview(png), np.frombuffer(png, np.uint8), array, opaque, [array], (png,)):
        hits = shop.search(query, k=1)
        assert hits.keys() == [["IMG_3.png"]], type(query)
        assert hits.distances[0, 0] < 2e-3
    several = shop.search(np.stack([pixels(1), pixels(4)]), k=1)
    assert several.keys() == [["IMG_1.png"], ["IMG_4.png"]]
    assert shop.search([pixels(1), png, "IMG_5.png", Path("IMG_2.png")], k=1).rows.shape == (4, 1)
    assert shop.search(Path().glob("IMG_[02].png"), k=1).rows.shape == (2, 1)
    assert shop.search(np.array(["./IMG_0.png", "key:IMG_2.png"]), k=1).keys()[0] == ["IMG_0.png"]
    grey = pixels(2)[:, :, 0]
    np.testing.assert_allclose(
        read_queries(shop._view, grey).vectors, read_queries(shop._view, grey[:, :, None]).vectors, atol=1e-6
    )
    np.testing.assert_allclose(
        read_queries(shop._view, grey).vectors, read_queries(shop._view, bytes_of(grey)).vectors, atol=1e-6
    )
    np.testing.assert_allclose(
        read_queries(shop._view, array[:, ::-1]).vectors,
        read_queries(shop._view, bytes_of(array[:, ::-1])).vectors,
        atol=1e-6,
    )


def test_transparent_pixels_are_decoded_as_a_file_of_them_is(shop):
    alpha = np.dstack([pixels(3), np.arange(20 * 24, dtype=np.uint32).reshape(20, 24).astype(np.uint8)])
    np.testing.assert_allclose(
        read_queries(shop._view, alpha).vectors, read_queries(shop._view, bytes_of(alpha)).vectors, atol=1e-6
    )
    pair = alpha[:, :, 2:]  # grey and alpha
    np.testing.assert_allclose(
        read_queries(shop._view, pair).vectors, read_queries(shop._view, bytes_of(pair)).vectors, atol=1e-6
    )


def test_uint8_is_never_taken_for_vectors_and_floats_never_for_pixels(shop):
    assert read_queries(shop._view, np.zeros((3, 16), np.uint8)).vectors.shape == (1, 16)  # one grey image of 3 x 16
    for array, words in (
        (np.zeros((3, 20, 24), np.uint8), r"array of uint8 with shape \(3, 20, 24\).*several images as a list"),
        (np.zeros((20, 24, 3), np.float32), r"array of float32 with shape \(20, 24, 3\): give vectors as floats"),
        (np.zeros((20, 24, 3), np.uint16), "array of uint16"),
        (np.zeros((0, 24), np.uint8), "no pixels"),
        (b"", "'bytes' is empty"),
        (b"no image", "the picture is not a readable image"),
        (io.BytesIO(b"x"), "a query cannot be of type BytesIO: give a path"),
    ):
        with pytest.raises(LookalikeError, match=words):
            shop.search(array)


def test_a_npy_is_one_in_any_case_and_as_bytes(shop):
    rows = shop._view.store.gather(np.array([2, 3]))
    np.save("v.npy", rows)
    os.rename("v.npy", "V.NPY")
    assert shop.search("V.NPY", k=1).rows.tolist() == [[2], [3]]
    assert shop.search(Path("V.NPY").read_bytes(), k=1).rows.tolist() == [[2], [3]]
    os.mkfifo("pipe.npy")
    with pytest.raises(LookalikeError, match=r"pipe\.npy is a pipe, not a regular file"):
        shop.search("pipe.npy")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("IMG_11.png", "is neither a file nor a key of .*; did you mean 'IMG_1.png'"),
        ("img_3.PNG", "; did you mean 'IMG_3.png'"),
        ("/home/me/photos/cat/IMG_1.png", r"; did you mean 'cat/IMG_1.png' or 'IMG_1.png'\?$"),
        ("key:cat/IMG_2.png", r"no key 'cat/IMG_2.png' in .*; did you mean"),
        ("zebra", "'zebra' is neither a file nor a key of [^;]*$"),
        ("a red shoe", "neither a file nor a key of .*this version cannot search by text"),
        ("text:shoe", "'text:shoe' is a query in words, and this version cannot search by text"),
    ],
)
def test_what_is_neither_a_file_nor_a_key_is_answered_with_what_may_be_meant(shop, query, words):
    with pytest.raises(LookalikeError, match=words):
        shop.search(query)


def test_removing_a_key_that_is_not_there_offers_the_nearest(shop):
    with pytest.raises(LookalikeError, match=r"has no key 'IMG_77.png': nothing was removed; did you mean"):
        shop.remove("IMG_77.png")


@given(st.lists(st.sampled_from(["IMG_0.png", "key:IMG_1.png", "gone.png", "cat", "*.none"]), max_size=6))
def test_each_query_is_answered_in_its_place(made, queries):
    with contextlib.chdir(made / "photos"), Collection.open(made / "shop") as shop:
        asked = read_queries(shop._view, queries, strict=False)
        named = [asked.names[at] if at >= 0 else asked.failed[-1 - at][0] for at in asked.order]
    assert named == ["cat/IMG_1.png" if query == "cat" else query for query in queries]
