"""Every kind of image file gets its rule: the pixels it must give, or the rejection it must meet."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from lookalike.embedder.images import decode as decode_module
from lookalike.embedder.images.decode import picture_of
from lookalike.embedder.images.rejected import Rejected
from lookalike.embedder.sources.base import RawPixels

from ..made import decode

# Pillow warns about half of these files; the rules say what they get.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

LOSSLESS = {"PNG": {}, "TIFF": {}, "BMP": {}, "PPM": {}, "WEBP": {"lossless": True}}


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def scene(width=40, height=30, seed=0):
    """A smooth colour picture without any symmetry."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    parts = [x, y, (x * 2 + y + seed / 7) / 4]
    return Image.fromarray(np.rint(255 * np.stack(parts, -1).clip(0, 1)).astype(np.uint8))


def refused(data, stage="decode"):
    with pytest.raises(Rejected) as caught:
        decode(data, 3, 28)
    assert caught.value.stage == stage
    assert "\n" not in caught.value.reason and "/" not in caught.value.reason and len(caught.value.reason) < 130
    return caught.value.reason


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_give_their_pixels(kind):
    image = scene()
    np.testing.assert_array_equal(decode(encoded(image, kind, **LOSSLESS[kind]), 3), np.asarray(image))
    grey = decode(encoded(image, kind, **LOSSLESS[kind]), 1)
    np.testing.assert_array_equal(grey[:, :, 0], np.asarray(image.convert("L")))


@pytest.mark.parametrize("kind", [*LOSSLESS, "JPEG", "GIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_cut_off_files_are_rejected(kind, share):
    data = encoded(scene(200, 150), kind, **LOSSLESS.get(kind, {}))
    refused(data[: int(len(data) * share)])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
def test_a_missing_end_marker_is_rejected(kind):
    data = encoded(scene(), kind)
    cut = {"JPEG": 2, "PNG": 12, "GIF": 1}[kind]
    assert "truncated" in refused(data[:-cut])


def test_every_truncation_of_small_files_is_rejected():
    for kind in ("JPEG", "PNG", "GIF", "BMP", "PPM", "TIFF", "WEBP"):
        data = encoded(scene(8, 7), kind)  # 8 pixels: a BMP's rows need no padding, so that every byte matters
        for length in range(len(data)):
            with pytest.raises(Rejected):
                decode(data[:length], 3)


def test_bytes_after_the_end_marker_do_no_harm():
    data = encoded(scene(), "JPEG")
    np.testing.assert_array_equal(decode(data + b"trailer" * 20, 3), decode(data, 3))


def test_an_end_marker_within_a_thumbnail_does_not_count():
    thumbnail = encoded(scene(8, 8), "JPEG")
    data = encoded(scene(), "JPEG", comment=thumbnail)
    assert b"\xff\xd9" in data[:-2]
    assert decode(data, 3).shape == (30, 40, 3)
    refused(data[:-2])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html></html>", "markup"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        (b"8BPS\0\1" + bytes(40), "PSD"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\0" * 100, "not an image"),
        (b"BM", "not an image"),
    ],
)
def test_what_is_no_image_is_rejected_with_its_reason(data, words):
    assert words in refused(data)


def png_of_header(width, height, bits=8, colour=2):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_a_huge_header_is_rejected_before_decoding():
    assert "more than 100000000 pixels" in refused(png_of_header(100_000, 100_000))
    assert "10001 x 10000 is more than" in refused(png_of_header(10_001, 10_000))


def test_our_own_cap_counts_not_pillows(monkeypatch):
    data = encoded(scene(), "PNG")
    monkeypatch.setattr(decode_module, "MAX_PIXELS", 40 * 30)
    decode(data, 3)
    monkeypatch.setattr(decode_module, "MAX_PIXELS", 40 * 30 - 1)
    assert "more than 1199 pixels" in refused(data)


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, 0)])
def test_zero_width_is_rejected(width, height):
    refused(png_of_header(width, height))
    refused(b"P6 %d %d 255\n" % (width, height))
    bmp = bytearray(encoded(scene(), "BMP"))
    bmp[18:26] = struct.pack("<ii", width, height)
    refused(bytes(bmp))


def test_whatever_a_decoder_raises_is_a_rejection(monkeypatch):
    """A TIFF whose strip offsets are text makes Pillow raise TypeError; other files raise other things."""
    data = bytearray(encoded(scene(), "TIFF"))
    count = struct.unpack_from("<H", data, ifd := struct.unpack_from("<I", data, 4)[0])[0]
    for entry in range(ifd + 2, ifd + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, entry)[0] == 273:
            struct.pack_into("<HII", data, entry + 2, 2, 4, int.from_bytes(b"abc\0", "little"))
    refused(bytes(data))
    for error in (TypeError("x"), MemoryError(), struct.error("/etc/passwd"), RecursionError()):
        monkeypatch.setattr(Image, "open", lambda *_, e=error, **__: (_ for _ in ()).throw(e))
        refused(encoded(scene(), "PNG"))


def test_random_damage_gives_pixels_or_a_rejection():
    random = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP"):
        good = np.frombuffer(encoded(scene(33, 21), kind), np.uint8)
        for _ in range(60):
            bad = good.copy()
            bad[random.integers(0, len(bad), 3)] = random.integers(0, 256, 3)
            try:
                pixels = decode(bad.tobytes(), 3, 28)
            except Rejected:
                continue
            assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size


def test_a_jpeg_of_very_many_scans_is_rejected():
    data = encoded(scene(64, 64), "JPEG", progressive=True)
    scans = data[data.find(b"\xff\xda") : -2]
    many = data[:-2] + scans * 200 + data[-2:]
    decode(many, 3)
    baseline = encoded(scene(64, 64), "JPEG")
    at = baseline.find(b"\xff\xc0")
    assert baseline[at + 9] == 3 and decode(baseline, 3).shape == (64, 64, 3)
    one = baseline.find(b"\xff\xda")
    apart = baseline[:one] + (b"\xff\xda\0\x08\1\1\0\0\x3f\0" + baseline[one + 14 : -2]) * 300 + b"\xff\xd9"
    apart = apart[: at + 5] + struct.pack(">HH", 9000, 9000) + apart[at + 9 :]
    assert "too costly" in refused(apart)
    big = bytearray(many)
    at = big.find(b"\xff\xc2")
    big[at + 5 : at + 9] = struct.pack(">HH", 9000, 9000)
    assert "too costly" in refused(bytes(big))


def test_a_text_bomb_in_a_png_is_rejected():
    body = b"comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    data = encoded(scene(), "PNG")
    refused(data[:33] + chunk + data[33:])


def test_content_decides_not_the_extension():
    # decode never sees a name; every accepted format is told from its bytes alone.
    for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        assert decode(encoded(scene(), kind), 3).shape == (30, 40, 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_never_clipped(kind):
    values = np.linspace(0, 65535, 1200).astype(np.uint16).reshape(30, 40)
    grey = decode(encoded(Image.fromarray(values), kind), 1)[:, :, 0]
    np.testing.assert_array_equal(grey, np.rint(values / 257.0).astype(np.uint8))
    colour = decode(encoded(Image.fromarray(values), kind), 3)
    assert all((colour[:, :, c] == grey).all() for c in range(3))


def test_deep_pgm_int32_and_float_tiffs_are_scaled():
    pgm = b"P5 3 1 65535\n" + np.array([0, 32896, 65535], ">u2").tobytes()
    assert decode(pgm, 1)[0, :, 0].tolist() == [0, 128, 255]
    wide = np.array([[-1_000_000, 0, 1_000_000]], np.int32)
    assert decode(encoded(Image.fromarray(wide), "TIFF"), 1)[0, :, 0].tolist() == [0, 128, 255]
    for values in ([0.0, 0.5, 1.0], [0.0, 127.6, 255.0], [0.0, 32768.0, 65535.0], [-1e38, 0.0, 1e38]):
        pixels = decode(encoded(Image.fromarray(np.array([values], np.float32)), "TIFF"), 1)
        assert pixels[0, :, 0].tolist() == [0, 128, 255]
    assert decode(encoded(Image.fromarray(np.full((2, 2), 70000, np.int32)), "TIFF"), 1).shape == (2, 2, 1)
    for value in (np.nan, np.inf):
        assert "finite" in refused(encoded(Image.fromarray(np.array([[0.0, value]], np.float32)), "TIFF"))


def cmyk_of(image):
    """CMYK without black: the complement of RGB, which every conversion undoes."""
    inks = 255 - np.asarray(image)
    return Image.fromarray(np.concatenate([inks, np.zeros_like(inks[:, :, :1])], 2), "CMYK")


def test_cmyk_is_converted_with_adobes_inversion_and_without():
    image = scene()
    data = encoded(cmyk_of(image), "JPEG", quality=100, subsampling=0)
    at = data.find(b"\xff\xee")
    assert data[at + 4 : at + 9] == b"Adobe"
    close = {"atol": 6}
    np.testing.assert_allclose(decode(data, 3).astype(int), np.asarray(image).astype(int), **close)
    # Without Adobe's marker the values are what they seem: store them so, and strip the marker.
    plain = encoded(Image.fromarray(255 - np.asarray(cmyk_of(image)), "CMYK"), "JPEG", quality=100, subsampling=0)
    plain = plain[:at] + plain[at + 2 + int.from_bytes(plain[at + 2 : at + 4], "big") :]
    np.testing.assert_allclose(decode(plain, 3).astype(int), np.asarray(image).astype(int), **close)
    np.testing.assert_allclose(decode(encoded(cmyk_of(image), "TIFF"), 3), np.asarray(image), **close)
    assert decode(data, 1).shape == (30, 40, 1)


def test_transparency_lies_on_white():
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[:2] = (200, 0, 0, 255)
    rgba[2:, :2, 3] = 128
    image = Image.fromarray(rgba)
    expected = np.rint(rgba[:, :, :3] * (rgba[:, :, 3:] / 255.0) + 255 * (1 - rgba[:, :, 3:] / 255.0))
    for kind, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})):
        np.testing.assert_allclose(decode(encoded(image, kind, **options), 3), expected, atol=1)
    np.testing.assert_allclose(decode(encoded(image.convert("LA"), "PNG"), 1)[2:, 2:], 255)


def test_transparent_palette_grey_and_colour_keys_lie_on_white():
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putdata([0, 1])
    for kind in ("PNG", "GIF"):
        pixels = decode(encoded(palette, kind, transparency=1), 3)
        assert pixels[0].tolist() == [[10, 20, 30], [255, 255, 255]]
    grey = Image.fromarray(np.array([[7, 90]], np.uint8))
    assert decode(encoded(grey, "PNG", transparency=7), 1)[0, :, 0].tolist() == [255, 90]
    deep = Image.fromarray(np.array([[7 * 257, 90 * 257]], np.uint16))
    assert decode(encoded(deep, "PNG", transparency=7 * 257), 1)[0, :, 0].tolist() == [255, 90]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_gives_the_channels_asked_for(mode, channels):
    grey = np.asarray(scene().convert("L"))
    deep = {"I;16": grey.astype(np.uint16), "I": grey.astype(np.int32), "F": grey.astype(np.float32)}
    image = Image.fromarray(deep[mode]) if mode in deep else scene().convert(mode)
    kind = "JPEG" if mode == "YCbCr" else "TIFF"
    pixels = decode(encoded(image, kind), channels)
    assert pixels.shape == (30, 40, channels) and pixels.dtype == np.uint8
    picture_of(image, channels)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_an_animation_gives_its_first_frame(kind):
    frames = [Image.new("RGB", (12, 10), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(decode(data, 3), np.asarray(frames[0]))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_all_eight_orientations_are_the_same_picture(kind):
    # 64 x 48 is whole 16-pixel blocks, so that a JPEG's blocks turn with the picture.
    upright = scene(64, 48)
    turned = {1: upright, 2: ImageOps.mirror(upright), 3: upright.rotate(180), 4: ImageOps.flip(upright)}
    turned[5] = upright.transpose(Image.Transpose.TRANSPOSE)
    turned[6] = upright.transpose(Image.Transpose.ROTATE_90)
    turned[7] = upright.transpose(Image.Transpose.TRANSVERSE)
    turned[8] = upright.transpose(Image.Transpose.ROTATE_270)
    for orientation, stored in turned.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
        picture = picture_of(encoded(stored, kind, exif=exif, **options), 3)
        assert (picture.width, picture.height) == (64, 48)
        np.testing.assert_allclose(picture.pixels, np.asarray(upright), atol=8 if kind == "JPEG" else 0)


def test_a_damaged_or_odd_orientation_leaves_the_picture_as_it_is():
    for value in (0, 9, 65535):
        exif = Image.Exif()
        exif[0x0112] = value
        np.testing.assert_array_equal(decode(encoded(scene(), "PNG", exif=exif), 3), np.asarray(scene()))
    data = encoded(scene(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decode(data, 3).shape == (30, 40, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1)])
def test_extreme_shapes_are_defined(size):
    for kind in ("PNG", "JPEG"):
        assert decode(encoded(Image.new("RGB", size, "red"), kind), 3, 28).shape == (size[1], size[0], 3)


def test_a_large_jpeg_is_decoded_smaller_but_never_below_twice_the_size():
    data = encoded(scene(800, 600), "JPEG", quality=95)
    picture = picture_of(data, 3, 28)
    assert (picture.width, picture.height) == (800, 600)
    assert picture.pixels.shape == (75, 100, 3)
    assert decode(data, 3, 100).shape == (300, 400, 3)
    assert decode(data, 3, 400).shape == (600, 800, 3)
    small = np.asarray(scene(800, 600).resize((100, 75), Image.Resampling.BOX)).astype(int)
    assert np.abs(picture.pixels - small).mean() < 1.5
    np.testing.assert_array_equal(picture.pixels, picture_of(data, 3, 28).pixels)


def test_raw_pixels_and_open_pictures_take_the_same_way():
    image = scene()
    np.testing.assert_array_equal(picture_of(RawPixels(np.asarray(image)), 3).pixels, np.asarray(image))
    grey = np.asarray(image.convert("L"))
    for pixels in (grey, grey[:, :, None]):
        assert (picture_of(RawPixels(pixels), 3).pixels == grey[:, :, None]).all()
    np.testing.assert_array_equal(picture_of(image, 1).pixels[:, :, 0], grey)
    assert RawPixels(grey).sha256() != RawPixels(grey.reshape(40, 30)).sha256()
    rejected = Image.open(io.BytesIO(encoded(image, "BMP")[:200]))
    with pytest.raises(Rejected):
        picture_of(rejected, 3)


def test_the_warning_filters_of_the_process_stay_as_they_are():
    code = (
        "import warnings, numpy; from PIL import Image; before = list(warnings.filters); "
        "from lookalike.embedder.images.decode import picture_of; picture_of(Image.new('L', (9, 9)), 1); "
        "raise SystemExit(warnings.filters != before)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
