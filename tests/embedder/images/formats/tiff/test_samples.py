"""Deep samples in every arrangement: packed, predicted, in strips, tiles and planes, in both byte orders."""

import zlib

import numpy as np
import pytest

from lookalike.embedder.images.rejected import Rejected

from ....made import decode, page, scene, tiff

DEFLATE, HORIZONTAL, FLOATING = 8, 2, 3
VALUES = np.random.default_rng(3).integers(0, 65536, (30, 40, 3)).astype(np.uint16)
EXPECTED = VALUES >> 8


def stepped(samples):
    """Each sample as its difference to the pixel before, modulo its range."""
    steps = samples.copy()
    steps[:, 1:] -= samples[:, :-1]
    return steps


def floats_apart(samples):
    """Floats as the floating-point predictor has them: bytes in planes, the highest first, then as differences."""
    height, _, bands = samples.shape
    size = samples.dtype.itemsize
    big = samples.astype(samples.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    planes = big.reshape(height, -1, size).transpose(0, 2, 1).reshape(height, -1)
    steps = planes.copy()
    steps[:, bands:] -= planes[:, :-bands]
    return steps


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("rows", [30, 7, 1])
@pytest.mark.parametrize("predictor", [1, HORIZONTAL])
def test_deflated_strips_with_and_without_prediction(order, rows, predictor):
    samples = stepped(VALUES) if predictor == HORIZONTAL else VALUES
    pieces = [samples[at : at + rows].astype(f"{order}u2").tobytes() for at in range(0, 30, rows)]
    entries = page(VALUES, 2, t259=DEFLATE, t317=predictor, t278=rows)
    data = tiff(entries | {"data": [zlib.compress(piece) for piece in pieces]}, order=order)
    np.testing.assert_array_equal(decode(data, 3), EXPECTED)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packing", [1, DEFLATE])
def test_tiles_are_put_together_and_their_padding_left_out(order, packing):
    padded = np.zeros((32, 48, 3), np.uint16)
    padded[:30, :40] = VALUES
    tiles = [padded[y : y + 16, x : x + 16] for y in (0, 16) for x in (0, 16, 32)]
    if packing == DEFLATE:
        tiles = [stepped(tile) for tile in tiles]
    pieces = [tile.astype(f"{order}u2").tobytes() for tile in tiles]
    entries = page(VALUES, 2, t259=packing, t317=HORIZONTAL if packing == DEFLATE else 1, t322=16, t323=16)
    del entries[278]
    pieces = [zlib.compress(piece) for piece in pieces] if packing == DEFLATE else pieces
    np.testing.assert_array_equal(decode(tiff(entries | {"data": pieces}, order=order), 3), EXPECTED)


@pytest.mark.parametrize("packing", [1, DEFLATE])
def test_planes_of_several_strips(packing):
    pieces = [VALUES[at : at + 8, :, band].astype("<u2").tobytes() for band in range(3) for at in range(0, 30, 8)]
    pieces = [zlib.compress(piece) for piece in pieces] if packing == DEFLATE else pieces
    entries = page(VALUES, 2, t259=packing, t284=2, t278=8)
    np.testing.assert_array_equal(decode(tiff(entries | {"data": pieces}), 3), EXPECTED)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bands", [1, 3])
def test_floats_with_their_own_predictor(kind, bands):
    pixels = scene()[:, :, :bands]
    samples = (pixels / 255).astype(kind)
    entries = page(samples, 1 if bands == 1 else 2, t259=DEFLATE, t317=FLOATING)
    data = tiff(entries | {"data": zlib.compress(floats_apart(samples).tobytes())})
    np.testing.assert_array_equal(decode(data, bands), pixels)


def test_sizes_of_strips_that_a_file_does_not_say():
    for entries in (page(VALUES, 2), page(VALUES, 2, t259=DEFLATE)):
        if entries[259] == DEFLATE:
            entries["data"] = zlib.compress(entries["data"])
        data = tiff(entries)
        where = data.index(b"\x17\x01\4\0")  # the entry of StripByteCounts becomes one that nobody knows
        np.testing.assert_array_equal(decode(data[:where] + b"\x17\xff" + data[where + 2 :], 3), EXPECTED)


def test_grey_with_something_beside_it_in_eight_bits():
    grey, other = scene()[:, :, 0], scene()[:, :, 1]
    both = np.dstack([grey, other])
    for photometric, expected in ((0, 255 - grey), (1, grey)):
        data = tiff(page(both, photometric, t338=0))
        np.testing.assert_array_equal(decode(data, 1)[:, :, 0], expected)


def test_what_nobody_writes_is_rejected_in_words():
    nine = np.zeros((4, 4, 9), np.uint16)
    for entries, words in (
        (page(nine, 1), "9 bands"),
        (page(VALUES, 2) | {258: [16, 8, 16]}, "different kinds"),
        (page(VALUES, 2) | {339: [6] * 3}, "unknown kind"),
        (page(VALUES, 2) | {"data": [b""] * 3}, "truncated"),
        (page(VALUES, 2, t278=10), "truncated"),
    ):
        with pytest.raises(Rejected, match=words):
            decode(tiff(entries), 3)


def test_more_bytes_than_pillow_opens_at_once(monkeypatch):
    monkeypatch.setattr("lookalike.embedder.images.formats.tiff.strips._AT_ONCE", 1000)
    for packing in (1, DEFLATE):
        pieces = [VALUES[at : at + 4].tobytes() for at in range(0, 30, 4)]
        pieces = [zlib.compress(piece) for piece in pieces] if packing == DEFLATE else pieces
        entries = page(VALUES, 2, t259=packing, t278=4)
        np.testing.assert_array_equal(decode(tiff(entries | {"data": pieces}), 3), EXPECTED)


def test_a_small_file_that_asks_for_gigabytes_is_rejected_before_they_are_taken():
    entries = page(np.zeros((1, 1, 6), np.float64), 2, t259=DEFLATE) | {256: 9000, 257: 9000, 278: 9000}
    with pytest.raises(Rejected, match="bytes of samples, more than"):
        decode(tiff(entries), 3)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("step", [1, 257])
def test_a_palette_of_8_bit_values_is_not_black(order, step):
    indices = np.arange(40 * 30, dtype=np.int64).reshape(30, 40) % 256
    colours = np.stack([np.arange(256), np.arange(256)[::-1], np.arange(256) // 2])
    entries = page(indices.astype(np.uint8), 3, order=order) | {320: (colours * step).ravel().tolist()}
    np.testing.assert_array_equal(decode(tiff(entries, order=order), 3), colours.T[indices])
