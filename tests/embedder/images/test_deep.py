"""Samples of more than 8 bits: what becomes white, in every container, and what must stay as it is."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.embedder.images.decode import memory_of
from lookalike.embedder.images.rejected import Rejected

from ..made import chunk, decode, packed, page, png, scene, tiff

GREY = scene()[:, :, 2]
COLOUR = scene()


def deep(pixels, bits):
    """8-bit pixels as values of so many bits in words of 16."""
    return np.rint(pixels / 255.0 * ((1 << bits) - 1)).astype(np.uint16)


def pgm(values):
    kind = b"P6" if values.ndim == 3 else b"P5"
    return kind + b" %d %d 65535\n" % (values.shape[1], values.shape[0]) + values.astype(">u2").tobytes()


GREYS = {
    "PNG": png,
    "TIFF": lambda values: tiff(page(values, 1)),
    "big-endian TIFF": lambda values: tiff(page(values, 1, order=">"), order=">"),
    "PGM": pgm,
    "signed TIFF": lambda values: tiff(page(values.astype(np.int16), 1)),
    "32-bit TIFF": lambda values: tiff(page(values.astype(np.uint32), 1)),
    "float TIFF": lambda values: tiff(page(values.astype(np.float32), 1)),
}
COLOURS = {
    "PNG": png,
    "TIFF": lambda values: tiff(page(values, 2)),
    "big-endian TIFF": lambda values: tiff(page(values, 2, order=">"), order=">"),
    "PPM": pgm,
    "RGBA PNG": lambda values: png(np.dstack([values, np.full_like(values[:, :, 0], 65535)])),
    "RGBA PNG, alpha as deep": lambda values: png(np.dstack([values, np.full_like(values[:, :, 0], values.max())])),
    "RGBA TIFF": lambda values: tiff(page(np.dstack([values, np.full_like(values[:, :, 0], 65535)]), 2, t338=2)),
    "planar TIFF": lambda values: tiff(
        page(values, 2, t284=2) | {"data": [values[:, :, band].astype("<u2").tobytes() for band in range(3)]}
    ),
}


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("kind", GREYS)
def test_greys_of_few_bits_in_wide_words_are_brought_to_their_own_white(kind, bits):
    values = deep(255 - GREY, bits)  # its brightest pixel is white
    np.testing.assert_array_equal(decode(GREYS[kind](values), 1)[:, :, 0], 255 - GREY)
    shifted = (255 - GREY).astype(np.uint16) << (bits - 8)
    np.testing.assert_allclose(decode(GREYS[kind](shifted), 1)[:, :, 0], 255 - GREY, atol=1)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("kind", COLOURS)
def test_colours_of_few_bits_in_wide_words_too(kind, bits):
    np.testing.assert_array_equal(decode(COLOURS[kind](deep(COLOUR, bits)), 3), COLOUR)
    grey = decode(COLOURS[kind](deep(COLOUR, bits)), 1)
    np.testing.assert_array_equal(grey, decode(png(COLOUR), 1))


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_grey_with_alpha_of_few_bits(bits):
    values = np.dstack([deep(GREY, bits), np.full(GREY.shape, 65535, np.uint16)])
    np.testing.assert_array_equal(decode(png(values), 1)[:, :, 0], GREY)
    np.testing.assert_array_equal(decode(tiff(page(values, 1, t338=2)), 1)[:, :, 0], GREY)


@pytest.mark.parametrize("bits", [9, 10, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("photometric", [0, 1, 2])
def test_packed_samples_are_scaled_by_the_bits_that_are_declared(bits, photometric):
    pixels = COLOUR if photometric == 2 else GREY
    values = deep(pixels // 2, bits)  # half as bright: the declaration counts, not the largest value
    data = tiff(page(values, photometric, bits) | {"data": packed(values, bits)})
    expected = 255 - pixels // 2 if photometric == 0 else pixels // 2
    np.testing.assert_array_equal(decode(data, 3), np.broadcast_to(expected.reshape(30, 40, -1), (30, 40, 3)))
    words = tiff(page(values, photometric, bits))  # the same in words of 16 bits
    np.testing.assert_array_equal(decode(words, 3), decode(data, 3))


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_what_a_file_declares_counts_for_pictures_that_are_dark_too(bits):
    values = deep(GREY // 8, bits)
    white = (1 << bits) - 1
    for data in (
        tiff(page(values, 1, t341=white)),
        tiff(page(values, 1, t281=white)),
        png(values, chunk(b"sBIT", bytes([bits]))),
        b"P5 40 30 %d\n" % white + values.astype(">u2").tobytes(),
    ):
        np.testing.assert_array_equal(decode(data, 1)[:, :, 0], GREY // 8)
    colours = deep(COLOUR // 8, bits)
    for data in (
        tiff(page(colours, 2, t281=[white] * 3)),
        png(colours, chunk(b"sBIT", bytes([bits] * 3))),
        b"P6 40 30 %d\n" % white + colours.astype(">u2").tobytes(),
    ):
        np.testing.assert_array_equal(decode(data, 3), COLOUR // 8)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("darker", [8, 20, 60])
def test_dark_samples_that_fill_the_upper_bits_stay_dark(bits, darker):
    values = deep(GREY // darker, bits) << 16 - bits  # as PNG's sBIT means it
    declared = chunk(b"sBIT", bytes([bits]))
    np.testing.assert_allclose(decode(png(values, declared), 1)[:, :, 0], GREY // darker, atol=1)
    colours = deep(COLOUR // darker, bits) << 16 - bits
    np.testing.assert_allclose(decode(png(colours, chunk(b"sBIT", bytes([bits] * 3))), 3), COLOUR // darker, atol=1)


def test_a_declaration_that_the_samples_exceed_clips_nothing():
    values = deep(255 - GREY, 16)
    for data in (tiff(page(values, 1, t341=4095)), png(values, chunk(b"sBIT", b"\x0c"))):
        np.testing.assert_array_equal(decode(data, 1)[:, :, 0], 255 - GREY)


@pytest.mark.parametrize("top", [300, 1200, 4500, 6000, 8000, 12000])
def test_a_picture_that_does_not_reach_its_white_is_not_almost_black(top):
    values = np.rint(GREY / GREY.max() * top).astype(np.uint16)
    white = next((1 << bits) - 1 for bits in (8, 10, 12, 14) if top < 1 << bits)
    for data in (png(values), tiff(page(values, 1)), tiff(page(values.astype(np.int32), 1)), pgm(values)):
        pixels = decode(data, 1)[:, :, 0]
        np.testing.assert_array_equal(pixels, np.rint(values.astype(np.float32) * (255.0 / white)))
        assert pixels.max() > 255 / 4.5


def test_dark_pictures_of_sixteen_bits_stay_dark():
    for top in (16500, 20000, 40000):
        values = np.rint(GREY / GREY.max() * top).astype(np.uint16)
        np.testing.assert_array_equal(decode(png(values), 1)[:, :, 0], np.rint(values / 257.0))
        np.testing.assert_array_equal(decode(tiff(page(values, 1)), 1)[:, :, 0], np.rint(values / 257.0))
    widened = (GREY // 20).astype(np.uint16)  # 8 bits, brought to 16 in either way
    np.testing.assert_array_equal(decode(png(widened * 257), 1)[:, :, 0], widened)
    np.testing.assert_allclose(decode(png(widened * 256), 1)[:, :, 0], widened, atol=1)
    declared = png(deep(GREY // 20, 16), chunk(b"sBIT", b"\x10"))
    np.testing.assert_array_equal(decode(declared, 1)[:, :, 0], GREY // 20)


def test_sixteen_bits_of_colour_keep_what_pillow_gives():
    values = np.random.default_rng(0).integers(0, 65536, (30, 40, 4)).astype(np.uint16)
    for data in (png(values[:, :, :3]), tiff(page(values[:, :, :3], 2)), tiff(page(values, 2, t338=0))):
        np.testing.assert_array_equal(decode(data, 3), values[:, :, :3] >> 8)
    cmyk = decode(tiff(page(values, 5)), 3)
    np.testing.assert_array_equal(cmyk, decode(tiff(page((values >> 8).astype(np.uint8), 5)), 3))


KINDS = {
    "1 bit": (np.where(GREY > 99, 1, 0), 1, np.where(GREY > 99, 255, 0)),
    "4 bits": (GREY >> 4, 4, (GREY >> 4) * 17),
    "8 bits": (GREY, 8, GREY),
    "16 bits": (GREY.astype(np.uint16) * 257, 16, GREY),
    "32 bits": (GREY.astype(np.uint32) * 257, 32, GREY),
    "float": ((GREY / 255).astype(np.float32), 32, GREY),
    "double": (GREY / 255, 64, GREY),
    "half": ((GREY.astype(np.float16)), 16, GREY),
    "signed": (GREY.astype(np.int16) * 128, 16, np.rint(GREY * (128 / 32767 * 255))),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["<", ">"])
def test_white_is_zero_inverts_at_every_depth(kind, order):
    values, bits, expected = KINDS[kind]
    for photometric in (0, 1):
        entries = page(values, photometric, bits, order)
        if bits < 8:
            entries["data"] = packed(values, bits)
            entries.pop(339, None)
        pixels = decode(tiff(entries, order=order), 1)[:, :, 0]
        np.testing.assert_array_equal(pixels, 255 - expected if photometric == 0 else expected)


def test_signed_samples_below_zero_take_their_own_range():
    values = (GREY.astype(np.int16) - 100) * 20
    low, high = values.min(), values.max()
    expected = np.rint((values - float(low)) * (255.0 / (float(high) - low)))
    for kind in (np.int16, np.int32):
        np.testing.assert_array_equal(decode(tiff(page(values.astype(kind), 1)), 1)[:, :, 0], expected)
    bytes_ = (GREY.astype(np.int16) - 128).astype(np.int8)
    pixels = decode(tiff(page(bytes_, 1)), 1)[:, :, 0].astype(int)
    assert (np.diff(pixels.ravel()[np.argsort(bytes_.ravel(), kind="stable")]) >= 0).all()


@pytest.mark.parametrize("top", [1, 255, 4095, 65535])
def test_floats_have_their_white_by_their_largest_value(top):
    values = (255 - GREY).astype(np.float32) / 255 * top
    np.testing.assert_array_equal(decode(tiff(page(values, 1)), 1)[:, :, 0], 255 - GREY)
    colours = COLOUR.astype(np.float32) / 255 * top
    np.testing.assert_array_equal(decode(tiff(page(colours, 2)), 3), COLOUR)


@pytest.mark.parametrize("top", [1.2, 7.5, 20])
def test_highlights_and_distances_in_floats_are_no_black_picture(top):
    values = GREY.astype(np.float32) / GREY.max() * top
    np.testing.assert_allclose(decode(tiff(page(values, 1)), 1)[:, :, 0], GREY / GREY.max() * 255, atol=1)


def test_a_transparent_colour_of_sixteen_bits_is_told_from_its_neighbours():
    values = np.full((4, 4), 1601, np.uint16)
    values[1:3, 1:3] = 1600
    values[0] = 100
    data = png(values, chunk(b"tRNS", struct.pack(">H", 1600)))
    assert (decode(data, 1)[1:3, 1:3] == 255).all() and decode(data, 1)[3, 3] == np.rint(1601 / 4095 * 255)
    colours = np.repeat(values[:, :, None], 3, axis=2)
    data = png(colours, chunk(b"tRNS", struct.pack(">HHH", 1600, 1600, 1600)))
    assert (decode(data, 3)[1:3, 1:3] == 255).all() and decode(data, 3)[3, 3, 0] == np.rint(1601 / 4095 * 255)


def test_what_is_not_finite_is_rejected_wherever_it_lies():
    values = np.zeros((30, 40), np.float32)
    for bad in (np.nan, np.inf, -np.inf):
        values[17, 3] = bad
        with pytest.raises(Rejected, match="finite"):
            decode(tiff(page(values, 1)), 1)


def test_missing_samples_are_rejected():
    for data in (pgm(deep(GREY, 16)), tiff({**page(deep(GREY, 16), 1)})):
        with pytest.raises(Rejected):
            decode(data[: len(data) // 2], 1)


@given(st.integers(1, 65535), st.integers(0, 2**32 - 1))
def test_nothing_is_ever_clipped_and_order_is_kept(top, seed):
    values = np.random.default_rng(seed).integers(0, top + 1, (5, 7)).astype(np.uint16)
    pixels = decode(png(values), 1)[:, :, 0].astype(int)
    order = np.argsort(values.ravel(), kind="stable")
    assert (np.diff(pixels.ravel()[order]) >= 0).all()
    np.testing.assert_array_equal(pixels, decode(tiff(page(values, 1)), 1)[:, :, 0])
    np.testing.assert_array_equal(pixels, decode(pgm(values), 1)[:, :, 0])


def test_the_memory_of_deep_samples_is_predicted_by_their_bytes():
    small, large = (memory_of(tiff(page(np.zeros((99, 9000), kind), 1)), 3) for kind in (np.uint16, np.float64))
    assert large - small >= 6 * 99 * 9000


@pytest.mark.parametrize(
    ("kind", "top", "empty"),
    [("f4", 1.0, "-9999"), ("f4", 1.0, "-3.4028234663852886e+38"), ("f8", 1.0, "nan"), ("u2", 4095, "65535"),
     ("i2", 4095, "-32768")],
)  # fmt: skip
def test_what_means_no_data_is_black_and_costs_no_contrast(kind, top, empty):
    values = (GREY / 255 * top).astype(kind) if kind[0] == "f" else np.rint(GREY / 255 * top).astype(kind)
    values[:5, :7] = np.dtype(kind).type(float(empty))
    expected = GREY.copy()
    expected[:5, :7] = 0
    data = tiff(page(values, 1, t42113=empty.encode() + b"\0"))
    np.testing.assert_allclose(decode(data, 1)[:, :, 0], expected, atol=1)
    with pytest.raises(Rejected, match="the file declares to mean no data"):
        decode(tiff(page(np.full_like(values, values[0, 0]), 1, t42113=empty.encode() + b"\0")), 1)


def test_black_may_be_declared_beside_white():
    values = (GREY / 255 * 40 + 280).astype(np.float32)
    data = tiff(page(values, 1, t340=280.0, t341=320.0))
    np.testing.assert_allclose(decode(data, 1)[:, :, 0], GREY, atol=1)
    clipped = tiff(page(values, 1, t340=300.0, t341=320.0))  # what lies below what is declared
    assert len(np.unique(decode(clipped, 1))) > 20
