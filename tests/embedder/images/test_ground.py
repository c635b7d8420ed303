"""What lies behind transparency, in every way that a file can carry it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lookalike.embedder.images.decode import picture_of

from ..made import bmp32, decode, encoded, page, png, scene, tiff

SHAPE = (30, 40)
ALPHA = np.zeros(SHAPE, np.uint8)
ALPHA[5:20, 8:30] = 255


def drawing(colour, alpha=ALPHA):
    """One colour wherever alpha says so, and the same colour unseen around it."""
    return np.dstack([np.full(SHAPE, level, np.uint8) for level in colour] + [alpha])


def palette(pixels):
    """The drawing as a palette image whose second entry is transparent."""
    image = Image.fromarray((pixels[:, :, 3] == 0).astype(np.uint8), "P")
    image.putpalette([*map(int, pixels[10, 10, :3]), 1, 2, 3])
    return image


def premultiplied(pixels):
    colours = np.rint(pixels[:, :, :3] * (pixels[:, :, 3:] / 255.0)).astype(np.uint8)
    return np.dstack([colours, pixels[:, :, 3]])


RGBA = {
    "PNG": lambda pixels: encoded(pixels, "PNG"),
    "WebP": lambda pixels: encoded(pixels, "WEBP", lossless=True, exact=True),
    "TIFF": lambda pixels: encoded(pixels, "TIFF"),
    "16-bit PNG": lambda pixels: png(pixels.astype(np.uint16) * 257),
    "16-bit TIFF": lambda pixels: tiff(page(pixels.astype(np.uint16) * 257, 2, t338=2)),
    "TIFF without ExtraSamples": lambda pixels: tiff(page(pixels, 2)),
    "BMP V4": lambda pixels: bmp32(pixels[:, :, :3], pixels[:, :, 3], 108),
    "BMP V5": lambda pixels: bmp32(pixels[:, :, :3], pixels[:, :, 3], 124),
    "BMP V3": lambda pixels: bmp32(pixels[:, :, :3], pixels[:, :, 3], 56),
    "Pillow image": Image.fromarray,
    "premultiplied": lambda pixels: Image.fromarray(pixels).convert("RGBa"),
    "premultiplied TIFF": lambda pixels: tiff(page(premultiplied(pixels), 2, t338=1)),
    "premultiplied 16-bit TIFF": lambda pixels: tiff(page(premultiplied(pixels).astype(np.uint16) * 257, 2, t338=1)),
}
GREY = {
    "LA PNG": lambda pixels: encoded(Image.fromarray(pixels).convert("LA"), "PNG"),
    "LA 16-bit PNG": lambda pixels: png(np.asarray(Image.fromarray(pixels).convert("LA")).astype(np.uint16) * 257),
    "LA TIFF": lambda pixels: encoded(Image.fromarray(pixels).convert("LA"), "TIFF"),
    "palette PNG": lambda pixels: encoded(palette(pixels), "PNG", transparency=1),
    "palette PNG, shares of alpha": lambda pixels: encoded(palette(pixels), "PNG", transparency=b"\xff\0"),
    "GIF": lambda pixels: encoded(palette(pixels), "GIF", transparency=1),
    "palette and alpha": lambda pixels: palette_with_alpha(pixels),
}


def palette_with_alpha(pixels):
    image = palette(pixels)
    image.info["transparency"] = 1
    return image.convert("PA")


def shown(data, channels=3):
    return picture_of(data, channels).pixels


@pytest.mark.parametrize("kind", [*RGBA, *GREY])
def test_white_drawings_lie_on_black_and_black_ones_on_white(kind):
    make = (RGBA | GREY)[kind]
    for level, ground in ((255, 0), (246, 0), (0, 255), (60, 255), (200, 255)):
        expected = np.where(ALPHA, level, ground)
        for channels in (1, 3):
            pixels = shown(make(drawing((level,) * 3)), channels)
            assert pixels.shape == (*SHAPE, channels)
            np.testing.assert_array_equal(pixels, np.repeat(expected[:, :, None], channels, axis=2))


@pytest.mark.parametrize("kind", RGBA)
def test_two_white_drawings_are_not_alike(kind):
    other = np.roll(ALPHA, 9, axis=1)
    one, two = (shown(RGBA[kind](drawing((255,) * 3, alpha))) for alpha in (ALPHA, other))
    assert (one != two).mean() > 0.2


@pytest.mark.parametrize("kind", RGBA)
def test_half_transparent_drawings_show_too(kind):
    for level, ground in ((255, 0), (0, 255)):
        pixels = shown(RGBA[kind](drawing((level,) * 3, ALPHA // 2)), 1)
        np.testing.assert_allclose(pixels[:, :, 0], np.where(ALPHA, 127.5, ground), atol=1)


def test_a_coloured_drawing_and_one_with_dark_parts_lie_on_white():
    for colour in ((255, 255, 0), (255, 0, 0), (0, 255, 255)):
        assert shown(encoded(drawing(colour), "PNG"))[0, 0].tolist() == [255, 255, 255]
    lettered = drawing((255, 255, 255))
    lettered[10:12, 10:20, :3] = 0
    assert shown(encoded(lettered, "PNG"))[0, 0].tolist() == [255, 255, 255]


def test_a_faint_shadow_stays_on_white():
    assert shown(encoded(drawing((0, 0, 0), ALPHA // 40), "PNG"))[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", RGBA)
def test_alpha_of_zeros_everywhere_is_no_transparency(kind):
    colours = scene()
    pixels = np.dstack([colours, np.zeros(SHAPE, np.uint8)])
    if kind == "premultiplied TIFF":
        data = tiff(page(pixels, 2, t338=1))  # colours that were never multiplied
    elif kind == "premultiplied 16-bit TIFF":
        data = tiff(page(pixels.astype(np.uint16) * 257, 2, t338=1))
    elif kind == "premultiplied":
        data = Image.frombytes("RGBa", SHAPE[::-1], pixels.tobytes())
    else:
        data = RGBA[kind](pixels)
    np.testing.assert_array_equal(shown(data), colours)


def test_grey_with_alpha_of_zeros_shows_its_grey():
    grey = scene()[:, :, 1]
    pixels = np.dstack([grey, np.zeros(SHAPE, np.uint8)])
    for data in (encoded(Image.fromarray(pixels, "LA"), "PNG"), tiff(page(pixels, 1, t338=2))):
        np.testing.assert_array_equal(decode(data, 1)[:, :, 0], grey)
    for extra in (1, 2):
        np.testing.assert_array_equal(decode(tiff(page(pixels, 1, t338=extra)), 1)[:, :, 0], grey)


@given(st.integers(0, 2**32 - 1), st.integers(1, 255))
def test_what_is_opaque_is_never_changed(seed, share):
    random = np.random.default_rng(seed)
    colours = random.integers(0, 256, (4, 5, 3)).astype(np.uint8)
    alpha = np.full((4, 5), 255, np.uint8)
    np.testing.assert_array_equal(shown(encoded(np.dstack([colours, alpha]), "PNG")), colours)
    alpha[0] = share
    np.testing.assert_array_equal(shown(encoded(np.dstack([colours, alpha]), "PNG"))[1:], colours[1:])


def test_a_drawing_larger_than_a_block_of_rows_has_one_ground(monkeypatch):
    monkeypatch.setattr("lookalike.embedder.images.pixels.BLOCK_PIXELS", 100)
    pixels = drawing((255, 255, 255))
    pixels[28:, :, :] = (0, 0, 0, 255)  # dark, in the last block only
    shown_ = shown(encoded(pixels, "PNG"))
    assert shown_[0, 0].tolist() == [255, 255, 255] and shown_[29, 0].tolist() == [0, 0, 0]
