"""FAULTS.md's list of images, each a real file, accounted for one by one in one run of `embed`."""

import io
import os
import socket
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from lookalike.embedder.syncing.sync import embed
from lookalike.store.version.rejects import read_rejects
from lookalike.store.version.store import Store

# Pillow warns about some of them; what they get is said here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]


def encoded(picture, kind, **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def scene(width=64, height=48):
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, 255 - x], -1).astype(np.uint8))


def png_header(width, height):
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = b"\0\0\0\0IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + end


def odd_tiff():
    """A TIFF whose strip offset is text: Pillow raises TypeError."""
    data = bytearray(encoded(Image.new("L", (4, 4)), "TIFF"))
    start = struct.unpack_from("<I", data, 4)[0]
    for entry in range(start + 2, len(data) - 12, 12):
        if struct.unpack_from("<H", data, entry)[0] == 273:
            struct.pack_into("<HII", data, entry + 2, 2, 4, 0x636261)
            break
    return bytes(data)


def text_bomb():
    body = b"zTXtcomment\0\0" + zlib.compress(bytes(100_000_000), 9)
    data = encoded(scene(), "PNG")
    return data[:33] + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) + data[33:]


def scans():
    data = bytearray(encoded(scene(), "JPEG", progressive=True))
    at = data.find(b"\xff\xc2")
    data[at + 5 : at + 9] = struct.pack(">HH", 9999, 9999)
    scan = bytes(data[data.find(b"\xff\xda") : -2])
    return bytes(data[:-2]) + scan * 50 + b"\xff\xd9"


JPEG = encoded(scene(), "JPEG")
BAD = {
    "truncated.jpg": JPEG[: len(JPEG) // 2],
    "no-end.jpg": JPEG[:-2],
    "zero-bytes.png": b"",
    "page.jpg": b"<!DOCTYPE html>\n<html><body>404</body></html>",
    "drawing.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "layers.psd": b"8BPS\0\1" + bytes(60),
    "paper.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "paper-as.jpg": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "huge-header.png": png_header(100_000, 100_000),
    "above-cap.png": png_header(10_001, 10_000),
    "zero-width.png": png_header(0, 10),
    "typeerror.tif": odd_tiff(),
    "text-bomb.png": text_bomb(),
    "scan-bomb.jpg": scans(),
}
TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turn = TURNS[orientation]
    return encoded(scene() if turn is None else scene().transpose(turn), "PNG", exif=exif)


def cmyk():
    inks = 255 - np.asarray(scene())
    return Image.fromarray(np.concatenate([inks, np.zeros_like(inks[:, :, :1])], 2), "CMYK")


def plain_cmyk_jpeg():
    """Without Adobe's marker, and not inverted."""
    data = encoded(Image.fromarray(255 - np.asarray(cmyk()), "CMYK"), "JPEG", quality=100, subsampling=0)
    at = data.find(b"\xff\xee")
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]


def transparent(hidden):
    rgba = np.asarray(scene().convert("RGBA")).copy()
    rgba[:, 32:] = (*hidden, 0)
    return encoded(Image.fromarray(rgba), "PNG")


GREY16 = (np.asarray(scene().convert("L")).astype(np.uint16)) * 257
GOOD = {
    "wrong-extension.gif": JPEG,
    "no-extension": encoded(scene(), "BMP"),
    "grey16.png": encoded(Image.fromarray(GREY16), "PNG"),
    "grey8.png": encoded(scene().convert("L"), "PNG"),
    "cmyk-adobe.jpg": encoded(cmyk(), "JPEG", quality=100, subsampling=0),
    "cmyk-plain.jpg": plain_cmyk_jpeg(),
    "cmyk.tif": encoded(cmyk(), "TIFF"),
    "clear-red.png": transparent((255, 0, 0)),
    "clear-blue.png": transparent((0, 0, 255)),
    "animation.gif": encoded(scene().convert("L"), "GIF", save_all=True, append_images=[Image.new("L", (64, 48))]),
    "1x1.png": encoded(Image.new("RGB", (1, 1), "red"), "PNG"),
    "1x20000.png": encoded(Image.new("RGB", (1, 20_000), "red"), "PNG"),
    "new\nline.png": encoded(ImageOps.invert(scene()), "PNG"),
    os.fsdecode(b"not-\xff-text.png"): encoded(ImageOps.solarize(scene()), "PNG"),
    **{f"exif-{orientation}.png": turned(orientation) for orientation in TURNS},
}
DUPLICATE = {"copy of 1x1.png": GOOD["1x1.png"], "again/1x1.png": GOOD["1x1.png"], "bad copy.jpg": BAD["page.jpg"]}


@pytest.fixture
def zoo(tmp_path):
    """The files of FAULTS.md, by what must become of them."""
    root = tmp_path / "zoo"
    for name, data in {**BAD, **GOOD, **DUPLICATE}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (tmp_path / "secret.png").write_bytes(GOOD["grey8.png"])
    (root / "dangling.jpg").symlink_to("nowhere.jpg")
    (root / "loop.jpg").symlink_to("loop.jpg")
    (root / "up").symlink_to("..")
    (root / "out.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(root / "fifo.jpg")
    (root / "device.jpg").symlink_to("/dev/zero")
    here = Path.cwd()
    os.chdir(root)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.jpg")
        os.chdir(here)
    (root / "unreadable.png").write_bytes(GOOD["grey8.png"])
    (root / "notes.txt").write_text("not an input")
    return root


SPECIAL = ["dangling.jpg", "loop.jpg", "up", "out.png", "fifo.jpg", "device.jpg", "socket.jpg", "unreadable.png"]


def test_every_image_is_accounted_for(tmp_path, zoo, model, monkeypatch):
    opened = os.open

    def denied(path, *rest, **more):
        if str(path).endswith("unreadable.png"):  # the tests may run as root, whom no mode stops
            raise PermissionError(13, "Permission denied")
        return opened(path, *rest, **more)

    monkeypatch.setattr(os, "open", denied)
    done = embed(tmp_path / "shop", str(zoo), model=model)
    inputs = len(BAD) + len(GOOD) + len(DUPLICATE) + len(SPECIAL)
    assert done["seen"] == inputs == done["embedded"] + done["skipped"] + done["rejected"] + done["duplicates"]
    assert (done["embedded"], done["duplicates"], done["ignored"]) == (len(GOOD), 2, 1)
    store = Store.open(tmp_path / "shop")
    rejected = read_rejects(store).to_pydict()
    assert sorted(rejected["key"]) == sorted([*BAD, *SPECIAL, "bad copy.jpg"])
    for key, stage, reason in zip(rejected["key"], rejected["stage"], rejected["reason"], strict=True):
        assert stage == ("read" if key in SPECIAL else "decode"), key
        assert reason and "\n" not in reason and str(tmp_path) not in reason
    assert sorted(store.keys(store.live_rows())) == sorted([*GOOD, "copy of 1x1.png", "again/1x1.png"])
    _check_vectors(store)


def _check_vectors(store):
    def vector(name):
        return store.gather(store.find([name]))[0]

    for orientation in TURNS:
        np.testing.assert_array_equal(vector(f"exif-{orientation}.png"), vector("exif-1.png"))
    np.testing.assert_array_equal(vector("clear-red.png"), vector("clear-blue.png"))
    np.testing.assert_array_equal(vector("grey16.png"), vector("grey8.png"))
    np.testing.assert_array_equal(vector("copy of 1x1.png"), vector("1x1.png"))
    np.testing.assert_allclose(vector("animation.gif"), vector("grey8.png"), atol=1e-6)
    for name in ("cmyk-adobe.jpg", "cmyk-plain.jpg", "cmyk.tif"):
        assert vector(name) @ vector("exif-1.png") > 0.999, name
    assert abs(vector("new\nline.png") @ vector("exif-1.png")) < 0.999, "the encoder tells pictures apart"
