"""The predicted memory against what a process really takes, for every format and many modes."""

import io
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from PIL import Image, features

from lookalike.embedder.images import cost
from lookalike.embedder.images.cost import decoded_bytes
from lookalike.embedder.images.decode import memory_of
from lookalike.embedder.images.rejected import Rejected

WIDTH, HEIGHT = 1600, 1250
BLOCK = 1 << 17  # small against the image, as in large ones
KINDS = {
    "RGB PNG": ("RGB", {"format": "PNG", "compress_level": 1}),
    "grey PNG": ("L", {"format": "PNG", "compress_level": 1}),
    "RGBA PNG": ("RGBA", {"format": "PNG", "compress_level": 1}),
    "16-bit PNG": ("I;16", {"format": "PNG", "compress_level": 1}),
    "palette GIF": ("P", {"format": "GIF"}),
    "RGB BMP": ("RGB", {"format": "BMP"}),
    "RGB PPM": ("RGB", {"format": "PPM"}),
    "JPEG": ("RGB", {"format": "JPEG"}),
    "progressive JPEG": ("RGB", {"format": "JPEG", "progressive": True}),
    "progressive full JPEG": ("RGB", {"format": "JPEG", "progressive": True, "subsampling": 0}),
    "progressive CMYK JPEG": ("CMYK", {"format": "JPEG", "progressive": True}),
    "CMYK TIFF": ("CMYK", {"format": "TIFF"}),
    "float TIFF": ("F", {"format": "TIFF"}),
    "LZW TIFF": ("RGB", {"format": "TIFF", "compression": "tiff_lzw"}),
    "bitonal TIFF": ("1", {"format": "TIFF", "compression": "group4"}),
    "WebP": ("RGB", {"format": "WEBP", "method": 0}),
    "WebP with alpha": ("RGBA", {"format": "WEBP", "lossless": True, "method": 0, "quality": 0}),
    "white drawing": ("LA", {"format": "PNG", "compress_level": 1}),
    "packed float TIFF": ("F", {"format": "TIFF", "compression": "tiff_adobe_deflate"}),
    "16-bit TIFF": ("I;16", {"format": "TIFF"}),
}
if features.check("avif"):
    KINDS["AVIF"] = ("RGB", {"format": "AVIF", "speed": 10})
FEW = ["RGBA PNG", "progressive CMYK JPEG", "packed float TIFF", "bitonal TIFF", "WebP"]
"""One kind for each way in which a decoder takes memory."""
CHILD = """
import os, resource, sys
from pathlib import Path
from lookalike.embedder.images import cost, pixels
from lookalike.embedder.images.decode import picture_of
cost.BLOCK_PIXELS = pixels.BLOCK_PIXELS = int(sys.argv[2])
warm = Path(sys.argv[1], "warm").read_bytes()
picture_of(warm, 3, 8)
unit = 1 if sys.platform == "darwin" else 1024
for name in sys.argv[3:]:
    data = Path(sys.argv[1], name).read_bytes()
    read, write = os.pipe()
    if not (child := os.fork()):
        picture_of(warm, 3, 8)  # what a process forked anew touches for the first time
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        picture_of(data, 3)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        os.write(write, b"%d" % ((after - before) * unit))
        os._exit(0)
    os.waitpid(child, 0)
    print(name, int(os.read(read, 30)), sep="\\t")
"""


def scene(mode):
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    pixels = np.stack([x * 255 // WIDTH, y * 255 // HEIGHT, (x + y) // 20 % 256], -1).astype(np.uint8)
    if mode == "I;16":
        return Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257)
    if mode == "F":
        return Image.fromarray(pixels[:, :, 0].astype(np.float32))
    return Image.fromarray(pixels).convert(mode)


@cache
def encoded(kind):
    mode, options = KINDS[kind]
    stream = io.BytesIO()
    scene(mode).save(stream, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kinds", [FEW, pytest.param(list(KINDS), marks=pytest.mark.long)], ids=["few", "all"])
def test_the_prediction_is_near_what_a_process_takes(kinds, tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "BLOCK_PIXELS", BLOCK)
    (tmp_path / "warm").write_bytes(_small())
    predicted = {}
    for kind in kinds:
        (tmp_path / kind).write_bytes(data := encoded(kind))
        predicted[kind] = memory_of(data, 3)
    command = [sys.executable, "-c", CHILD, str(tmp_path), str(BLOCK), *kinds]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    taken = {line.split("\t")[0]: int(line.split("\t")[1]) for line in done.stdout.splitlines()}
    assert set(taken) == set(kinds)
    for kind in kinds:
        assert predicted[kind] > 0.9 * taken[kind], kind
        # What is taken whatever the size weighs more here than in a large image.
        assert predicted[kind] - cost._FIXED < 2 * taken[kind], kind


def _small():
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG")
    return stream.getvalue()


def test_a_header_alone_is_enough_and_nothing_is_decoded():
    data = encoded("CMYK TIFF")
    with Image.open(io.BytesIO(data)) as image:
        assert decoded_bytes(image, 3) > 7 * WIDTH * HEIGHT
        assert image.tile  # what `load` would have emptied


def test_a_jpeg_that_is_decoded_smaller_takes_less_but_its_coefficients_stay():
    full, small = (memory_of(encoded("JPEG"), 3, size) for size in (None, 28))
    assert small < full / 2
    progressive = encoded("progressive full JPEG")
    assert memory_of(progressive, 3, 28) > 6 * WIDTH * HEIGHT
    assert memory_of(progressive, 1, 28) <= memory_of(progressive, 3, 28)


def test_what_is_no_image_is_rejected():
    with pytest.raises(Rejected, match="not an image"):
        memory_of(b"\0" * 100, 3)
