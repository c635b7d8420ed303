"""What pixels do not need never costs them: notes, profiles, checksums, stray bytes, further pictures, videos."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo

from lookalike.embedder.images.container import opened
from lookalike.embedder.images.decode import picture_of
from lookalike.embedder.images.rejected import Rejected

from ..made import chunk, decode, encoded, png, scene

PIXELS = scene()
LARGE = os.urandom(1_200_000).hex().encode()
TURN = Image.Exif()
TURN[0x0112] = 6
TURNED = np.rot90(PIXELS, -1)


@pytest.fixture(autouse=True)
def _pillows_settings_stay():
    before = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)
    yield
    assert before == (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)


def refused(data):
    with pytest.raises(Rejected) as caught:
        decode(data, 3)
    return caught.value.reason


TEXTS = {
    "zTXt": (b"zTXt", b"workflow\0\0" + zlib.compress(LARGE)),
    "tEXt": (b"tEXt", b"workflow\0" + LARGE * 30),
    "iTXt": (b"iTXt", b"prompt\0\0\0\0\0" + LARGE),
    "packed iTXt": (b"iTXt", b"prompt\0\1\0en\0name\0" + zlib.compress(LARGE)),
    "profile": (b"iCCP", b"scanner\0\0" + zlib.compress(LARGE)),
    "damaged text": (b"zTXt", b"workflow\0\0junk"),
    "damaged profile": (b"iCCP", b"scanner\0\0junk"),
    "exif": (b"eXIf", b"II*\0\xff\xff\xff\xff"),
    "large exif": (b"eXIf", b"II*\0" + bytes(3 << 20)),
    "own chunk": (b"vpAg", LARGE),
    "short gamma": (b"gAMA", b"\0"),
    "short chromaticities": (b"cHRM", b"\0"),
    "short size": (b"pHYs", b""),
    "broken animation": (b"acTL", b"\0\0"),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_notes_in_a_png_never_cost_its_pixels(kind):
    note = chunk(*TEXTS[kind])
    np.testing.assert_array_equal(decode(png(PIXELS, note), 3), PIXELS)
    np.testing.assert_array_equal(decode(png(PIXELS, b"", note), 3), PIXELS)


@pytest.mark.parametrize(
    "name", [b"tEXt", b"zTXt", b"iTXt", b"gAMA", b"pHYs", b"tIME", b"eXIf", b"iCCP", b"sBIT", b"bKGD", b"vpAg"]
)
def test_a_wrong_checksum_counts_only_where_pixels_are(name):
    note = chunk(name, b"\x08\x08\x08\0\0\0", wrong=1)
    np.testing.assert_array_equal(decode(png(PIXELS, note), 3), PIXELS)
    np.testing.assert_array_equal(decode(png(PIXELS, b"", note), 3), PIXELS)


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"tRNS", b"IDAT"])
def test_a_wrong_checksum_of_pixels_is_a_fault(name):
    image = Image.fromarray(PIXELS).quantize(16)
    data = bytearray(encoded(image, "PNG", transparency=3))
    at = data.index(name)
    data[at + 4 + int.from_bytes(data[at - 4 : at], "big")] ^= 1
    assert refused(bytes(data)) == f"wrong checksum in chunk {name.decode()}"


def test_what_tells_a_pngs_orientation_is_kept():
    xmp = '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    texts = [PngInfo() for _ in range(4)]
    texts[0].add_itxt("XML:com.adobe.xmp", xmp)
    texts[1].add_itxt("XML:com.adobe.xmp", xmp, zip=True)
    texts[2].add_itxt("XML:com.adobe.xmp", xmp + " " * 3_000_000)
    profile = TURN.tobytes().hex()
    texts[3].add_text("Raw profile type exif", f"\nexif\n{len(profile) // 2:8}\n{profile}\n", zip=True)
    image = Image.fromarray(PIXELS)
    for data in [encoded(image, "PNG", exif=TURN), *(encoded(image, "PNG", pnginfo=text) for text in texts)]:
        np.testing.assert_array_equal(decode(data, 3), TURNED)


def test_apples_own_packing_of_a_png_is_named():
    data = encoded(scene(), "PNG")
    assert "as Apple's tools pack it" in refused(data[:8] + chunk(b"CgBI", bytes(4)) + data[8:])


def test_very_many_notes_do_not_reach_the_decoder():
    data = png(PIXELS, chunk(b"tEXt", b"a\0b") * 50_000)
    np.testing.assert_array_equal(decode(data, 3), PIXELS)
    assert opened(data).data == png(PIXELS)


@pytest.fixture(scope="module")
def gif():
    image = Image.fromarray(PIXELS).quantize(32)
    return encoded(image, "GIF"), np.asarray(image.convert("RGB"))


def test_zeros_between_the_blocks_of_a_gif_are_passed_over(gif):
    data, pixels = gif
    start = data.index(b",\0\0\0\0")  # the image descriptor
    for zeros in (1, 2, 100_000):
        for at in (start, len(data) - 1):
            np.testing.assert_array_equal(decode(data[:at] + bytes(zeros) + data[at:], 3), pixels)
    both = data[:start] + b"\0" + data[start:-1] + b"\0\0;"
    np.testing.assert_array_equal(decode(both + b"junk", 3), pixels)


def test_a_gif_that_is_cut_off_stays_rejected_also_with_zeros(gif):
    data, _ = gif
    for cut in (data[:-1], data[:-1] + b"\0", data[:-1] + bytes(5000), data[: len(data) // 2], data[:-20]):
        assert "truncated" in refused(cut)


def test_an_animated_gif_with_zeros_gives_its_first_frame():
    frames = [Image.fromarray(np.roll(PIXELS, 5 * n, 1)).quantize(32) for n in range(3)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=99)
    at = data.index(b"!\xf9", data.index(b",\0\0\0\0"))  # before the second frame
    for whole in (data, data[:at] + b"\0\0" + data[at:]):
        np.testing.assert_array_equal(decode(whole, 3), np.asarray(frames[0].convert("RGB")))


def test_comments_of_a_gif_do_not_reach_the_decoder(gif):
    data, pixels = gif
    comment = b"!\xfe" + b"\1x" * 1_000_000 + b"\0"
    at = data.index(b",\0\0\0\0")
    np.testing.assert_array_equal(decode(data[:at] + comment + data[at:], 3), pixels)
    assert len(opened(data[:at] + comment + data[at:]).data) <= len(data)


def segment(marker, body):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


VIDEO = b"\0\0\0\x18ftypmp42" + b"\xff\xda\xff\xd8\xff\xc4" * 5000 + b"\xff\xd9"


@pytest.mark.parametrize("progressive", [True, False])
def test_what_follows_a_jpeg_is_not_its_scans(progressive):
    data = encoded(scene(0, 700, 500), "JPEG", progressive=progressive)
    large = bytearray(data)
    at = max(large.find(b"\xff\xc2"), large.find(b"\xff\xc0"))
    large[at + 5 : at + 9] = struct.pack(">HH", 9000, 9000)  # so many pixels that 300 scans would be too costly
    pixels = decode(data, 3)
    for tail in (VIDEO, bytes(1000), b"\xff\xda" * 3000, data, os.urandom(5000)):
        np.testing.assert_array_equal(decode(data + tail, 3), pixels)
        assert decode(bytes(large) + tail, 3, 28).shape[2] == 3


def test_a_jpeg_without_its_end_is_cut_off_whatever_follows():
    for progressive in (True, False):
        data = encoded(scene(), "JPEG", progressive=progressive)
        for tail in (b"", bytes(500)):
            assert "truncated" in refused(data[:-2] + tail)


def test_several_pictures_in_one_jpeg_give_the_first():
    frames = [Image.fromarray(scene(seed)) for seed in range(3)]
    data = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode(data, 3), decode(encoded(frames[0], "JPEG"), 3))


def test_megabytes_of_segments_do_not_reach_the_decoder():
    """Pillow joins Exif segments in quadratic time."""
    small = encoded(PIXELS[:8, :8], "JPEG")
    pixels = decode(small, 3)
    exif = segment(0xE1, TURN.tobytes())
    bombs = {
        "Exif": segment(0xE1, b"Exif\0\0" + bytes(65000)) * 400,
        "Exif after a good one": exif + segment(0xE1, b"Exif\0\0" + bytes(65000)) * 400,
        "XMP": segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(65000)) * 400,
        "profile": segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(65000)) * 400,
        "Photoshop": segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 5000) * 200,
        "comments": segment(0xFE, bytes(65000)) * 400,
        "fill": b"\xff" * 3_000_000,
        "many": segment(0xE5, b"") * 50_000,
    }
    for kind, bomb in bombs.items():
        expected = np.rot90(pixels, -1) if kind == "Exif after a good one" else pixels
        np.testing.assert_array_equal(decode(small[:2] + bomb + small[2:], 3), expected)
        assert len(opened(small[:2] + bomb + small[2:]).data) < len(small) + 70_000


def test_adobes_and_jfifs_segments_still_count():
    inks = Image.fromarray(PIXELS).convert("CMYK")
    data = encoded(inks, "JPEG", quality=100, subsampling=0)
    assert b"Adobe" in data
    np.testing.assert_allclose(decode(data, 3).astype(int), np.asarray(inks.convert("RGB")).astype(int), atol=6)
    # Adobe's marker with transform 0: three components that are RGB, not YCbCr.
    rgb = encoded(PIXELS, "JPEG", keep_rgb=True, quality=100)
    np.testing.assert_allclose(decode(rgb, 3).astype(int), PIXELS.astype(int), atol=6)


def test_the_same_pixels_are_the_same_array_whatever_the_container():
    random = np.random.default_rng(0)
    for shape in ((1, 1), (7, 5), (30, 40), (3, 700)):
        colours = random.integers(0, 256, (*shape, 3)).astype(np.uint8)
        grey = colours[:, :, 0]
        for pixels in (colours, grey):
            kinds = {"PNG": {}, "BMP": {}, "PPM": {}, "WEBP": {"lossless": True}, "TIFF": {}}
            files = [encoded(pixels, kind, **options) for kind, options in kinds.items()]
            files += [
                encoded(pixels, "TIFF", compression=name) for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits")
            ]
            for channels in (1, 3):
                answers = [decode(data, channels) for data in files]
                assert all(np.array_equal(answers[0], answer) for answer in answers)
                given = np.asarray(Image.fromarray(pixels).convert("L" if channels == 1 else "RGB"))
                np.testing.assert_array_equal(answers[0], given.reshape(*shape, channels))


def test_an_animated_png_gives_its_first_frame():
    frames = [Image.fromarray(scene(seed)) for seed in range(3)]
    for options in ({}, {"default_image": True}):
        data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(decode(data, 3), np.asarray(frames[0]))


def test_open_pictures_of_any_source_are_not_changed():
    image = Image.open(io.BytesIO(png(PIXELS, chunk(b"tEXt", b"a\0b"))))
    np.testing.assert_array_equal(picture_of(image, 3).pixels, PIXELS)
    assert image.text == {"a": "b"}
