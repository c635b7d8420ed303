"""Thumbnails: the right picture by key, prefix and content, and a reason where there is none."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lookalike.embedder.images.thumbnails import file_thumbnail, fitted, source_thumbnails
from lookalike.embedder.sources import RawPixels


def save(path, value, size=(10, 20)):
    """Write a PNG of one colour and return its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 0, 255 - value)).save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def folder(tmp_path):
    """Two class folders of one image each, and the images' contents by key."""
    root = tmp_path / "photos"
    return root, {key: save(root / key, value) for key, value in (("cat/1.png", 10), ("dog/1.png", 200))}


def test_a_folder_gives_the_pictures_of_its_keys_reduced(folder):
    root, contents = folder
    pictures = source_thumbnails(str(root), list(contents), list(contents.values()), 8)
    assert [picture.shape for picture in pictures] == [(8, 4, 3)] * 2
    assert [picture[0, 0].tolist() for picture in pictures] == [[10, 0, 245], [200, 0, 55]]


def test_a_prefix_is_found_out_and_content_decides_which_ending_it_is(folder):
    root, contents = folder
    # "1.png" lies in the root too: a shorter ending of the same key, with another content.
    save(root / "1.png", 99)
    keys = [f"spring/{key}" for key in contents]
    pictures = source_thumbnails(str(root), keys, list(contents.values()), 40)
    assert [picture[0, 0].tolist() for picture in pictures] == [[10, 0, 245], [200, 0, 55]]
    swapped = source_thumbnails(str(root), keys, list(contents.values())[::-1], 40)
    assert swapped == ["changed since"] * 2


def test_what_cannot_be_shown_says_why(folder, tmp_path):
    root, contents = folder
    content = contents["cat/1.png"]
    save(root / "cat" / "1.png", 11)
    os.unlink(root / "dog" / "1.png")
    (root / "bad.png").write_bytes(b"<html>")
    os.mkfifo(root / "pipe.png")
    keys = ["cat/1.png", "dog/1.png", "bad.png", "pipe.png", "imported", "../secret.png", "/etc/passwd"]
    bad = hashlib.sha256(b"<html>").hexdigest()
    secret = save(tmp_path / "secret.png", 7)
    asked = [content, contents["dog/1.png"], bad, content, None, secret, content]
    reasons = source_thumbnails(str(root), keys, asked, 40)
    assert reasons == [
        "changed since",
        "not found",
        "markup, not an image",
        "not a regular file",
        "no image",
        "not found",
        "not found",
    ]
    assert source_thumbnails(str(tmp_path / "gone"), ["a", "b"], [content, None], 40) == [
        "source cannot be read",
        "no image",
    ]


def test_tables_and_idx_files_give_theirs(folder, tmp_path):
    root, contents = folder
    table = root / "list.csv"
    table.write_text("path,key\ncat/1.png,one\ndog/1.png,two\n")
    first, second = source_thumbnails(str(table), ["two", "p-one"], list(contents.values())[::-1], 40)
    assert first[0, 0].tolist() == [200, 0, 55] and second[0, 0].tolist() == [10, 0, 245]

    data = [(root / key).read_bytes() for key in contents]
    pq.write_table(pa.table({"image": data}), tmp_path / "images.parquet")
    # Asked in falling order: the table is read forward all the same.
    keys, hashes = ["00000001", "00000000"], [hashlib.sha256(one).hexdigest() for one in data[::-1]]
    first, second = source_thumbnails(str(tmp_path / "images.parquet"), keys, hashes, 40)
    assert first[0, 0].tolist() == [200, 0, 55] and second[0, 0].tolist() == [10, 0, 245]

    pixels = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4)
    idx = tmp_path / "images-idx3-ubyte"
    idx.write_bytes(b"\0\0\x08\x03" + np.array(pixels.shape, ">u4").tobytes() + pixels.tobytes())
    content = RawPixels(pixels[1]).sha256()
    (picture,) = source_thumbnails(str(idx), ["00000001"], [content], 8)
    np.testing.assert_array_equal(picture[::2, ::2, 0], pixels[1])


def test_a_file_or_picture_that_asks(folder, tmp_path):
    root, _ = folder
    assert file_thumbnail(root / "cat" / "1.png", 10).shape == (10, 5, 3)
    assert file_thumbnail(Image.new("L", (4, 4), 9), 9).tolist() == np.full((8, 8, 3), 9).tolist()
    assert file_thumbnail(tmp_path / "none.png", 10) == "no such file"


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 64))
def test_a_picture_fits_fills_and_keeps_its_shape(height, width, side):
    fit = fitted(np.zeros((height, width, 3), np.uint8), side)
    high, wide = fit.shape[:2]
    assert min(high, wide) >= 1 and max(high, wide) <= side and 2 * max(high, wide) > side
    assert abs(high * width - wide * height) <= max(height, width)  # half a pixel of either side
    if max(height, width) <= side:
        assert high % height == 0 and high // height == wide // width


def test_torch_is_not_loaded():
    code = "import sys, lookalike.embedder.images.thumbnails; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_pictures_behind_links_are_found(tmp_path):
    content = save(tmp_path / "outside/1.png", 10)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/cat").symlink_to(tmp_path / "outside")
    (tmp_path / "photos/2.png").symlink_to(tmp_path / "outside/1.png")
    keys = ["cat/1.png", "2.png", "spring/cat/1.png"]
    pictures = source_thumbnails(str(tmp_path / "photos"), keys, [content] * 3, 8)
    assert [picture.shape for picture in pictures] == [(8, 4, 3)] * 3
