"""IDX files against arrays packed by hand, and Fashion-MNIST itself."""

import gzip
import struct

import numpy as np
import pytest

from lookalike.embedder.sources import from_spec, open_source
from lookalike.store.errors import LookalikeError


def idx(values, kind=8):
    shape = struct.pack(f">{values.ndim}I", *values.shape)
    return struct.pack(">BBBB", 0, 0, kind, values.ndim) + shape + values.tobytes()


PIXELS = np.random.default_rng(0).integers(0, 256, (7, 5, 4)).astype(np.uint8)
LABELS = np.array([0, 1, 2, 9, 255, 1, 0], np.uint8)


@pytest.mark.parametrize("packed", [True, False])
def test_a_pair_gives_every_image_its_label(tmp_path, packed):
    pack = gzip.compress if packed else bytes
    (tmp_path / "images.gz").write_bytes(pack(idx(PIXELS)))
    (tmp_path / "labels.gz").write_bytes(pack(idx(LABELS)))
    source = open_source(f"{tmp_path}/images.gz:{tmp_path}/labels.gz")
    records = list(source.records())
    assert [r.key for r in records] == [f"{i:08d}" for i in range(7)]
    assert [r.label for r in records] == [str(label) for label in LABELS]
    again = from_spec(source.describe())
    for record, pixels in zip(records, PIXELS, strict=True):
        np.testing.assert_array_equal(again.read(record.locator).pixels, pixels)
    assert source.ignored == 0 and source.name.endswith("images.gz")


def test_labels_are_told_without_unpacking_the_images(tmp_path):
    (tmp_path / "images.gz").write_bytes(gzip.compress(idx(PIXELS))[:-20])
    (tmp_path / "labels.gz").write_bytes(gzip.compress(idx(LABELS)))
    assert list(open_source(f"{tmp_path}/images.gz:{tmp_path}/labels.gz").labels()) == [str(each) for each in LABELS]
    assert list(open_source(tmp_path / "images.gz").labels()) == [None] * 7


def test_images_alone_have_no_labels(tmp_path):
    colour = np.random.default_rng(1).integers(0, 256, (3, 5, 4, 3)).astype(np.uint8)
    (tmp_path / "colour-idx4-ubyte").write_bytes(idx(colour))
    source = open_source(tmp_path / "colour-idx4-ubyte")
    assert [r.label for r in source.records()] == [None] * 3
    np.testing.assert_array_equal(source.read(2).pixels, colour[2])


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (idx(PIXELS)[:-1], idx(LABELS), "does not have the length that its header"),
        (idx(PIXELS) + b"x", idx(LABELS), "does not have the length that its header"),
        (gzip.compress(idx(PIXELS))[:-20], idx(LABELS), "cannot be read"),
        (gzip.compress(idx(PIXELS))[:60] + b"damage" * 9, idx(LABELS), "cannot be read"),
        (gzip.compress(idx(PIXELS)[:-1]), idx(LABELS), "does not have the length that its header"),
        (idx(PIXELS), idx(LABELS[:6]), r"labels of shape \(6,\), .* 7 images"),
        (idx(PIXELS), b"", "not an IDX file"),
        (idx(LABELS), idx(LABELS), "images have the shape"),
        (idx(PIXELS.astype(np.int16), kind=11), idx(LABELS), "0x0b"),
        (b"\0\0\x08\x03\0\0", idx(LABELS), "header is cut off"),
    ],
)
def test_damaged_files_are_refused_in_one_line(tmp_path, images, labels, words):
    (tmp_path / "images").write_bytes(images)
    (tmp_path / "labels").write_bytes(labels)
    with pytest.raises(LookalikeError, match=words) as caught:
        list(open_source(f"{tmp_path}/images:{tmp_path}/labels").records())
    assert "\n" not in str(caught.value)


def test_a_missing_labels_file_is_named(tmp_path):
    (tmp_path / "images").write_bytes(idx(PIXELS))
    with pytest.raises(LookalikeError, match="'nowhere' does not exist"):
        open_source(f"{tmp_path}/images:nowhere")
    (tmp_path / "labels").write_bytes(idx(LABELS))
    with pytest.raises(LookalikeError, match="images have the shape"):
        open_source(tmp_path / "labels")


def test_fashion_mnist(fashion_mnist):
    source = open_source(f"{fashion_mnist}/t10k-images-idx3-ubyte.gz:{fashion_mnist}/t10k-labels-idx1-ubyte.gz")
    records = list(source.records())
    assert len(records) == 10_000
    assert [records.count(r) for r in records[:3]] == [1, 1, 1]
    assert {label: sum(r.label == label for r in records) for label in map(str, range(10))} == dict.fromkeys(
        map(str, range(10)), 1000
    )
    assert source.read(0).pixels.shape == (28, 28)
