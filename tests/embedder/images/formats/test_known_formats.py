"""What is no image is named, with the way out; what is accepted is not."""

import bz2
import gzip
import io
import lzma
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image, features

from lookalike.embedder.images import opening
from lookalike.embedder.images.decode import memory_of
from lookalike.embedder.images.formats import heif
from lookalike.embedder.images.formats.known_formats import is_avif, is_heic, not_read, what_it_is
from lookalike.embedder.images.rejected import Rejected

from ...made import decode, encoded, page, scene, tiff


def zipped(*names):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return stream.getvalue()


def tarred():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    return stream.getvalue()


def box(brand, *others):
    body = brand + bytes(4) + b"".join(others)
    return (len(body) + 8).to_bytes(4, "big") + b"ftyp" + body + bytes(60)


PAGE = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>gone</body></html>"
FILES = [
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "Git LFS pointer", "git lfs pull"),
    (b"/annex/objects/SHA256E-s1--ab.jpg\n", "git-annex", "git annex get"),
    (PAGE, "HTML", "fetch it again"),
    (b"\n  " + PAGE.upper(), "HTML", "fetch it again"),
    ("\ufeff<html><body>x</body></html>".encode(), "HTML", "fetch"),
    ("<html><body>x</body></html>".encode("utf-16"), "HTML", "fetch"),
    (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "XML", "error message"),
    (b'{"error": {"message": "not found", "code": 404}}', "JSON", "error message"),
    (b'[\n  {"a": 1}\n]', "JSON", "error message"),
    (b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>', "SVG", "export"),
    (b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg width="1"></svg>', "SVG", "export"),
    (zipped("a.jpg"), "zip archive", "unpack"),
    (zipped("[Content_Types].xml", "word/document.xml"), "Word", "export"),
    (zipped("xl/workbook.xml"), "Excel", "export"),
    (zipped("ppt/presentation.xml"), "PowerPoint", "export"),
    (gzip.compress(b"x"), "gzip", "unpack"),
    (bz2.compress(b"x"), "bzip2", "unpack"),
    (lzma.compress(b"x"), "xz", "unpack"),
    (tarred(), "tar archive", "unpack"),
    (b"Rar!\x1a\x07\x01\0" + bytes(9), "rar", "unpack"),
    (b"7z\xbc\xaf\x27\x1c" + bytes(9), "7z", "unpack"),
    (box(b"isom", b"isom", b"mp42"), "MP4 video", "frames"),
    (box(b"qt  "), "QuickTime video", "frames"),
    (b"RIFF\0\0\0\0AVI LIST" + bytes(9), "AVI video", "frames"),
    (b"\x1aE\xdf\xa3" + bytes(40), "Matroska or WebM", "frames"),
    (b"8BPS\0\1" + bytes(40), "PSD", "export"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript", "export"),
    (b"\xc5\xd0\xd3\xc6" + bytes(30), "EPS", "export"),
    (b"%PDF-1.7\n", "PDF", "export"),
    (b"\xff\x0a" + bytes(range(40)), "JPEG XL", "export"),
    (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "JPEG XL", "export"),
    (encoded(scene(), "JPEG2000"), "JPEG 2000", "export"),
    (encoded(scene(), "JPEG2000", no_jp2=True), "JPEG 2000", "export"),
    (encoded(scene(), "ICO"), "ICO", "export"),
    (encoded(scene(), "TGA"), "TGA", "export"),
    (bytes(128) + b"DICM" + bytes(40), "DICOM", "export"),
    (b"SIMPLE  =                    T" + b" " * 99, "FITS", "export"),
    (b"\x76\x2f\x31\x01\2\0\0\0", "OpenEXR", "export"),
    (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n", "Radiance HDR", "export"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(40), "Office document", "export"),
    (b"\x93NUMPY\1\0" + bytes(40), "NumPy array", "import"),
    (b"PAR1" + bytes(40), "Parquet", "source"),
    (b"https://example.org/a.jpg\n", "web address", "fetch"),
    (b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB", "base64", "decode"),
    (b"data:image/png;base64,iVBORw0KGgo", "data: address", "decode"),
    (b"path,label\na.jpg,cat\n", "plain text", "not an image"),
    ("größer als ein Wort".encode("latin-1"), "plain text", "not an image"),
    (b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(40), "AppleDouble", "lies beside"),
    (b"L\0\0\0\1\x14\2\0" + bytes(40), "Windows shortcut", "leads to"),
    (b"[InternetShortcut]\r\nURL=file\r\n", "Windows shortcut", "leads to"),
    (encoded(scene(), "PNG").replace(b"\r\n", b"\n"), "line ends were changed", "again, as bytes"),
    (encoded(scene(), "PNG").decode("utf-8", "replace").encode(), "PNG that was read and written as text", "again"),
    (encoded(scene(), "PNG").decode("latin-1").encode(), "PNG that was read and written as text", "again"),
    (encoded(scene(), "JPEG").decode("latin-1").encode(), "JPEG that was read and written as text", "again"),
    (encoded(scene(), "JPEG").decode("utf-8", "replace").encode(), "read and written as text", "again"),
    (b"<?xpacket begin=''?><x:xmpmeta xmlns:x='adobe:ns:meta'></x:xmpmeta>", "XML", "look at it"),
    (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG", "export"),
    (b"SDPX" + bytes(40), "DPX", "export"),
    (b"404", "plain text", "not an image"),
    (b"[]", "JSON", "error message"),
    (b"AC1032" + bytes(40), "DWG", "export"),
    (b"HTTP/1.1 200 OK\r\n\r\n" + encoded(scene(), "JPEG"), "after 19 bytes of something else", "cut them off"),
    (b"\n" + encoded(scene(), "PNG"), "after 1 byte of something else", "fetch it again"),
    (bytes(100), "zero bytes", "not an image"),
    (bytes(range(200, 250)) * 3, "not an image in an accepted format", ""),
]


@pytest.mark.parametrize(("data", "what", "way"), FILES)
def test_a_file_that_is_no_image_is_named(data, what, way):
    for answer in (decode, memory_of):
        with pytest.raises(Rejected) as caught:
            answer(data, 3)
        reason = caught.value.reason
        assert what in reason and way in reason
        assert len(reason) < 130 and "\n" not in reason and "/" not in reason


def frame(data, marker=None, bits=8):
    """A JPEG whose frame is said to be of another kind."""
    at = data.index(b"\xff\xc0")
    return data[: at + 1] + bytes([marker or 0xC0]) + data[at + 2 : at + 4] + bytes([bits]) + data[at + 5 :]


JPEG = encoded(scene(), "JPEG")
GREYS = scene()[:, :, 0]
UNREAD = [
    (frame(JPEG, bits=12), "JPEG of 12 bits is not accepted: export a JPEG or PNG from it"),
    (frame(JPEG, 0xC3, 16), "lossless JPEG of 16 bits is not accepted: export a JPEG or PNG from it"),
    (frame(JPEG, 0xC5), "hierarchical JPEG is not accepted: export a JPEG or PNG from it"),
    (frame(JPEG, 0xF7), "JPEG-LS is not accepted: export a JPEG or PNG from it"),
    (
        tiff(page(GREYS, 1, t259=34712)),
        "a TIFF packed as JPEG 2000 is not accepted: save it with LZW or without compression",
    ),
    (
        tiff(page(scene(), 2, t259=50002)),
        "a TIFF packed as JPEG XL is not accepted: save it with LZW or without compression",
    ),
    (
        tiff(page(scene().astype(np.uint16) * 257, 8)),
        "a TIFF of 16-bit Lab colours is not accepted: save it in RGB",
    ),
    (
        tiff(page(GREYS, 1) | {262: 6, 258: [8, 8, 8], 277: 3}),
        "a TIFF of subsampled YCbCr colours without compression is not accepted: save it in RGB",
    ),
]


@pytest.mark.parametrize(("data", "reason"), UNREAD, ids=[reason[:30] for _, reason in UNREAD])
def test_an_unread_kind_of_an_accepted_format_is_named_and_not_called_damaged(data, reason):
    with pytest.raises(Rejected) as caught:
        decode(data, 3)
    assert caught.value.reason == reason


def test_an_eight_bit_jpeg_in_any_case_is_not_unusual():
    assert not_read(JPEG) is None and not_read(JPEG[:100]) is None and not_read(tiff(page(scene(), 2))) is None
    assert not_read(encoded(scene(), "JPEG", progressive=True)) is None


@pytest.mark.parametrize("start", [b"II*\0\xff\xff\xff\xff", box(b"avif"), b"\x89PNG\r\n\x1a\n\0"])
def test_an_accepted_format_that_cannot_be_read_is_called_damaged(start):
    with pytest.raises(Rejected, match=r"damaged|truncated"):
        decode(start, 3)


def test_random_bytes_are_never_a_crash():
    random = np.random.default_rng(0)
    for length in (1, 2, 7, 40, 700, 3000):
        for _ in range(30):
            assert what_it_is(random.integers(0, 256, length).astype(np.uint8).tobytes())


def avif(pixels, **options):
    if not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    return encoded(pixels, "AVIF", quality=95, **options)


@pytest.fixture
def heic(needs):
    """heic(pixels, **options) gives a HEIC; the extra `heif` is needed."""
    needs("pillow_heif")
    import pillow_heif

    def make(pixels, **options):
        stream = io.BytesIO()
        pillow_heif.from_pillow(Image.fromarray(pixels)).save(stream, quality=95, chroma=444, **options)
        return stream.getvalue()

    return make


PHOTO = scene(0, 160, 96)
TURN = Image.Exif()
TURN[0x0112] = 6


@pytest.mark.parametrize("kind", ["avif", "heic"])
def test_heic_and_avif_give_their_pixels_upright_once(kind, heic):
    make = avif if kind == "avif" else heic
    data = make(PHOTO)
    assert (is_avif(data), is_heic(data)) == (kind == "avif", kind == "heic")
    for channels in (1, 3):
        expected = decode(encoded(PHOTO, "PNG"), channels).astype(int)
        assert np.abs(decode(data, channels) - expected).mean() < 4
    for turned in (make(PHOTO, exif=TURN.tobytes()),):
        expected = np.rot90(PHOTO, -1).astype(int)
        assert np.abs(decode(turned, 3) - expected).mean() < 4
    assert memory_of(data, 3) > 6 * PHOTO.size


@pytest.mark.parametrize("kind", ["avif", "heic"])
def test_heic_and_avif_that_are_cut_off_are_rejected(kind, heic):
    data = (avif if kind == "avif" else heic)(PHOTO)
    for length in {*range(0, len(data), 37), *range(len(data) - 30, len(data))}:
        with pytest.raises(Rejected):
            decode(data[:length], 3)


@pytest.mark.parametrize("kind", ["avif", "heic"])
def test_the_cap_on_pixels_holds_for_heic_and_avif(kind, heic, monkeypatch):
    data = (avif if kind == "avif" else heic)(PHOTO)
    monkeypatch.setattr("lookalike.embedder.images.decode.MAX_PIXELS", 1000)
    with pytest.raises(Rejected, match="160 x 96 is more than 1000 pixels"):
        decode(data, 3)


def test_without_the_package_heic_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(Rejected) as caught:
        decode(box(b"heic", b"mif1", b"heic"), 3)
    assert caught.value.reason == "HEIC needs a package: pip install 'lookalike[heif]'"
    with pytest.raises(Rejected):
        heif.opened(b"")


def test_without_avif_in_pillow_it_says_so(monkeypatch):
    monkeypatch.setattr(opening.features, "check", lambda name: False)
    with pytest.raises(Rejected, match="AVIF needs a Pillow that reads it"):
        decode(box(b"avif", b"mif1"), 3)
    assert decode(encoded(PHOTO, "PNG"), 3).shape == PHOTO.shape


def test_the_users_pillow_is_not_changed(heic):
    decode(heic(PHOTO), 3)
    assert "HEIF" not in Image.OPEN
