"""Which picture of a TIFF or a camera raw file is taken: the full one, or none."""

import contextlib
import io
import struct

import numpy as np
import pytest
from PIL import Image

from lookalike.embedder.images.decode import picture_of
from lookalike.embedder.images.rejected import Rejected

from ....made import decode, encoded, page, scene, tiff

FULL = scene(1, 160, 120)
HALF = np.ascontiguousarray(FULL[::2, ::2])
THUMB = np.full((10, 12, 3), 77, np.uint8)
SENSOR = {256: 164, 257: 124, 258: 16, 259: 1, 262: 32803, 277: 1, 278: 124, "data": bytes(2 * 164 * 124)}


def full(**tags):
    return page(FULL, 2, **tags)


def thumb(**tags):
    return page(THUMB, 2, **({"t254": 1} | tags))


def jpeg(pixels=FULL, **options):
    return encoded(pixels, "JPEG", quality=95, subsampling=0, **options)


def preview(pixels=FULL):
    """A directory with a whole JPEG, as cameras write it: by the old entries, without a size of its own."""
    return {254: 1, 259: 6, "jpeg": jpeg(pixels)}


def raw(*sub, make=b"NIKON CORPORATION\0", first=None, start=None, order="<", pages=()):
    """A camera raw file: a thumbnail, and below it what is given."""
    directories = [dict(one) for one in sub]
    head = dict(first or thumb())
    head[271] = make
    return tiff(head, *map(_as_strip, pages), sub=list(map(_as_strip, directories)), start=start, order=order)


def _as_strip(directory):
    """A directory whose JPEG is its strip: what reads it by either pair of entries finds the same."""
    directory = dict(directory)
    if "jpeg" in directory:
        directory["data"] = directory.pop("jpeg")
        directory[256], directory[257] = 160, 120
        picture = Image.open(io.BytesIO(directory["data"]))
        directory[256], directory[257] = picture.size
    return directory


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mark", [{"t254": 1}, {"t255": 2}, {"t254": 5}])
def test_a_first_directory_of_reduced_size_is_passed_over(order, mark):
    small = page(THUMB, 2, order=order, **mark)
    for data in (
        tiff(small, page(FULL, 2, order=order), order=order),
        tiff(small, sub=[page(FULL, 2, order=order)], order=order),
        tiff(small, page(HALF, 2, order=order), page(FULL, 2, order=order), order=order),
        tiff(small, page(HALF, 2, order=order, t254=1), sub=[page(FULL, 2, order=order)], order=order),
    ):
        np.testing.assert_array_equal(decode(data, 3), FULL)


def test_an_unmarked_thumbnail_of_its_own_sub_directory_is_passed_over():
    np.testing.assert_array_equal(decode(tiff(page(THUMB, 2), sub=[full()]), 3), FULL)


def test_a_mask_is_no_picture():
    mask = page(np.zeros((120, 160), np.uint8), 1, t254=4)
    np.testing.assert_array_equal(decode(tiff(mask, full()), 3), FULL)


def test_the_first_page_of_several_is_taken_as_ever():
    first = page(HALF, 2)
    np.testing.assert_array_equal(decode(tiff(first, full()), 3), HALF)
    np.testing.assert_array_equal(decode(tiff(page(HALF, 2, t254=2), page(FULL, 2, t254=2)), 3), HALF)


def test_a_pyramid_gives_its_full_size():
    levels = [page(HALF, 2, t254=1), thumb()]
    np.testing.assert_array_equal(decode(tiff(full(), *levels), 3), FULL)
    np.testing.assert_array_equal(decode(tiff(full(), sub=levels), 3), FULL)


def test_the_only_picture_is_taken_whatever_it_calls_itself():
    np.testing.assert_array_equal(decode(tiff(full(t254=1)), 3), FULL)
    np.testing.assert_array_equal(decode(tiff(thumb(), page(HALF, 2, t254=1)), 3), HALF)


def test_deep_and_compressed_pictures_below_a_thumbnail_are_read():
    deep = page(FULL.astype(np.uint16) * 257, 2)
    np.testing.assert_array_equal(decode(tiff(thumb(), sub=[deep]), 3), FULL)


def test_the_full_picture_is_upright_as_the_first_directory_says():
    turned = np.ascontiguousarray(np.rot90(FULL, -1))
    for data in (
        tiff(thumb(t274=6), sub=[full()]),
        tiff(thumb(), sub=[full(t274=6)]),
        tiff(thumb(t274=3), sub=[full(t274=6)]),
        tiff(thumb(t274=6), sub=[page(FULL.astype(np.uint16) * 257, 2)]),
    ):
        picture = picture_of(data, 3)
        np.testing.assert_array_equal(picture.pixels, turned)
        assert (picture.width, picture.height) == (120, 160)


def test_directories_that_lead_in_circles_end():
    data = bytearray(tiff(full(), page(HALF, 2)))
    first = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, first)[0]
    for where in (first, 0, len(data) + 5):
        struct.pack_into("<I", data, first + 2 + 12 * count, where)
        np.testing.assert_array_equal(decode(bytes(data), 3), FULL)
    assert decode(tiff(*[thumb()] * 3000), 3).shape == (10, 12, 3)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (b"NIKON CORPORATION\0", "Nikon NEF"), (b"SONY\0", "Sony ARW"), (b"PENTAX Corporation\0", "Pentax PEF"),
        (b"SAMSUNG\0", "Samsung SRW"), (b"Hasselblad\0", "Hasselblad 3FR"),
    ],
)  # fmt: skip
def test_a_raw_file_without_a_full_picture_is_named_and_never_its_thumbnail(make, kind):
    for data in (raw(SENSOR, make=make), raw(preview(HALF), SENSOR, make=make), raw(SENSOR, thumb(), make=make)):
        with pytest.raises(Rejected) as caught:
            decode(data, 3, 28)
        assert caught.value.reason == f"camera raw ({kind}): export a JPEG or TIFF from it"


def test_dng_is_known_by_its_version_and_linear_values_are_no_picture():
    linear = page((FULL.astype(np.uint16)) * 16, 34892)
    for sub in (SENSOR, linear):
        with pytest.raises(Rejected, match=r"camera raw \(DNG\)"):
            decode(raw(sub, first=thumb(t50706=[1, 4, 0, 0]), make=b"Canon\0"), 3)


def test_a_raw_first_directory_is_no_picture_either():
    with pytest.raises(Rejected, match=r"camera raw \(Pentax PEF\)"):
        decode(raw(first=SENSOR, make=b"PENTAX\0", pages=[thumb()]), 3)


def test_the_cameras_full_picture_is_taken():
    expected = decode(jpeg(), 3)
    for data in (
        raw(preview(), SENSOR),
        raw(SENSOR, preview(HALF), preview()),
        raw(first=SENSOR, make=b"PENTAX\0", pages=[thumb(), preview()]),
    ):
        np.testing.assert_array_equal(decode(data, 3), expected)
    np.testing.assert_array_equal(decode(raw(SENSOR, full(t254=1)), 3), FULL)
    turned = raw(preview(), SENSOR, first=thumb(t274=8))
    np.testing.assert_array_equal(decode(turned, 3), np.rot90(expected))


def canon(picture, sensor):
    """A CR2: its JPEG first, the sensor's size only in a lossless JPEG."""
    frame = struct.pack(">HBHHB", 14, 14, sensor[1], sensor[0] // 2, 2) + bytes(6)
    lossless = b"\xff\xd8\xff\xc4\0\5abc\xff\xc3" + frame + b"\xff\xda" + bytes(30)
    size = Image.open(io.BytesIO(picture)).size
    first = {256: size[0], 257: size[1], 259: 6, 271: b"Canon\0", "data": picture}
    return tiff(first, {259: 6, 50752: [1, 2, 3], "data": lossless})


def test_canon_says_the_sensors_size_in_its_lossless_jpeg():
    np.testing.assert_array_equal(decode(canon(jpeg(), (164, 124)), 3), decode(jpeg(), 3))
    with pytest.raises(Rejected, match=r"camera raw \(Canon CR2\)"):
        decode(canon(jpeg(HALF), (164, 124)), 3)


def fuji(picture, sensor):
    tags = struct.pack(">IHHHH", 1, 0x100, 4, sensor[1], sensor[0])
    head = b"FUJIFILMCCD-RAW 0201".ljust(84, b"\0")
    return head + struct.pack(">IIII", 100 + len(tags), len(picture), 100, len(tags)) + tags + picture


def test_fujifilm_too():
    np.testing.assert_array_equal(decode(fuji(jpeg(), (164, 124)), 3), decode(jpeg(), 3))
    for data in (fuji(jpeg(HALF), (164, 124)), fuji(jpeg(), (0, 0))[:100], fuji(b"", (164, 124))):
        with pytest.raises(Rejected, match=r"camera raw \(Fujifilm RAF\)"):
            decode(data, 3)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(99), "Canon CR3"), (raw(SENSOR, start=b"IIRO"), "Olympus ORF"),
        (raw(SENSOR, start=b"IIU\0"), "Panasonic RW2"), (b"II*\0\x10\0\0\0CR\2\0" + bytes(99), "Canon CR2"),
        (b"FOVb" + bytes(99), "Sigma X3F"), (b"\0MRM" + bytes(99), "Minolta MRW"),
    ],
)  # fmt: skip
def test_raw_files_of_other_kinds_are_named(data, kind):
    with pytest.raises(Rejected) as caught:
        decode(data, 3)
    assert caught.value.reason == f"camera raw ({kind}): export a JPEG or TIFF from it"


def test_a_cut_off_picture_is_rejected_not_replaced_by_its_thumbnail():
    data = tiff(thumb(), sub=[full()])
    at = data.find(FULL[60].tobytes())
    for cut in (at, at + 1000):
        with pytest.raises(Rejected):
            decode(data[:cut], 3)


def without_value(data, tag):
    """A little-endian TIFF in which the value of an entry lies beyond the end."""
    at = struct.unpack_from("<I", data, 4)[0]
    for entry in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", data, at)[0], 12):
        if struct.unpack_from("<H", data, entry)[0] == tag:
            return data[: entry + 8] + struct.pack("<I", len(data)) + data[entry + 12 :]
    raise AssertionError(tag)


def test_a_note_that_is_lost_costs_no_entry_behind_it():
    drawing = np.dstack([FULL, np.where(FULL[:, :, 0] > 99, 255, 0).astype(np.uint8)])
    for kind in (np.uint8, np.uint16):
        for extra in (0, 2):
            data = tiff(page(drawing.astype(kind), 2, t338=extra) | {305: b"somebody's program, 1.0\0"})
            np.testing.assert_array_equal(decode(without_value(data, 305), 3), decode(data, 3))


def test_a_directory_whose_samples_are_not_known_is_truncated():
    for tag in (258, 273):
        data = tiff(page(FULL, 2) | {"data": [FULL[:60].tobytes(), FULL[60:].tobytes()], 278: 60})
        assert decode(data, 3).shape == FULL.shape
        with pytest.raises(Rejected, match="truncated: its first directory is cut off"):
            decode(without_value(data, tag), 3)


def test_an_offset_beyond_any_memory_is_a_rejection():
    for at in (b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\x10" + bytes(7)):
        with pytest.raises(Rejected):
            decode(b"II+\0\x08\0\0\0" + at + b"\1\0\0\0\0\0\0\0" + b"\0\1\3\0" + b"\xff" * 20, 3)


def test_a_make_that_is_no_text_costs_nothing():
    np.testing.assert_array_equal(decode(tiff(full(t271=5)), 3), FULL)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"II*\0\x10\0\0\0IIII\1waR" + bytes(90), "Phase One IIQ"),
        (b"MM\0*\0\0\0\x10\xba\xb0\xac\xbb" + bytes(90), "Canon raw TIFF"),
        (tiff(thumb() | {271: b"Canon\0"}), "Canon CR2"),
        (tiff(thumb() | {271: b"Phase One A/S\0"}, thumb()), "Phase One IIQ"),
    ],
    ids=["IIQ", "1D", "thumbnail", "two thumbnails"],
)
def test_a_raw_file_that_shows_its_thumbnail_alone_is_named(data, kind):
    with pytest.raises(Rejected) as caught:
        decode(data, 3)
    assert caught.value.reason == f"camera raw ({kind}): export a JPEG or TIFF from it"


def test_damaged_files_print_nothing(capfd):
    data = encoded(FULL, "TIFF", compression="tiff_lzw")
    random = np.random.default_rng(0)
    for _ in range(40):
        bad = bytearray(data)
        for place in random.integers(8, len(bad), 5):
            bad[place] ^= 0x55
        with contextlib.suppress(Rejected):
            decode(bytes(bad), 3)
    first = struct.unpack_from("<I", data, 4)[0]
    if first < len(data) // 2:  # the directory lies before the pixels: cut those off
        with pytest.raises(Rejected):
            decode(data[: len(data) - len(data) // 4], 3)
    strips = page(FULL, 2, t259=5)  # LZW that is none
    with pytest.raises(Rejected, match="damaged or cut off"):
        decode(tiff(strips), 3)
    with pytest.raises(Rejected):
        decode(tiff(page(np.zeros((4, 4, 99), np.uint8), 1)), 3)
    assert capfd.readouterr() == ("", "")
