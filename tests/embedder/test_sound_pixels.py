"""Sound images give, bit for bit, the arrays that decoding rules 1 gave: models made with those go on as they were.

The files are made from formulas, without lossy codecs, so that the digest of all their arrays could be recorded with
the decoder of rules 1.
"""

import hashlib

import numpy as np
from PIL import Image

from .made import HEIGHT, WIDTH, bmp32, decode, encoded, page, png, tiff

RECORDED = "b211520e32f59c6be173877f9beff282b1fa2a7ce6f42b3093067ef845ac2bb4"


def pattern():
    """uint16 (HEIGHT, WIDTH, 4), whole numbers only, over the full range."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.int64)
    bands = [x * 65535 // (WIDTH - 1), y * 65535 // (HEIGHT - 1), (x * 7919 + y * 104729) % 65536]
    alpha = (x * 3 + y * 5) * 65535 // (3 * WIDTH + 5 * HEIGHT)
    return np.stack([*bands, alpha], -1).astype(np.uint16)


def files():
    """Sound files of every lossless kind, depth and mode, by name."""
    deep = pattern()
    flat = (deep >> 8).astype(np.uint8)
    colours = Image.fromarray(flat[:, :, :3])
    palette = Image.fromarray((flat[:, :, 2] >> 4).astype(np.uint8), "P")
    palette.putpalette([level for n in range(16) for level in (n * 16, 255 - n * 13, n * n)])
    images = {
        "RGB": colours,
        "L": Image.fromarray(flat[:, :, 2]),
        "1": Image.fromarray(flat[:, :, 2] > 127),
        "RGBA": Image.fromarray(flat),
        "P": palette,
    }
    made = {}
    for kind, options in {"PNG": {}, "TIFF": {}, "TIFF lzw": {"compression": "tiff_lzw"}, "BMP": {}, "GIF": {}}.items():
        for mode, image in images.items():
            if (kind, mode) not in {("GIF", "RGB"), ("GIF", "RGBA"), ("GIF", "1"), ("BMP", "RGBA")}:
                made[f"{mode} {kind}"] = encoded(image, kind.split()[0], **options)
    made["LA PNG"] = png(flat[:, :, 2:])
    made["16-bit LA PNG"] = png(deep[:, :, 2:])
    made["16-bit PNG"] = png(deep[:, :, 2])
    made["16-bit RGB PNG"] = png(deep[:, :, :3])
    made["16-bit RGBA PNG"] = png(deep)
    made["keyed PNG"] = encoded(palette, "PNG", transparency=3)
    made["keyed GIF"] = encoded(palette, "GIF", transparency=3)
    made["BMP with alpha"] = bmp32(flat[:, :, :3], flat[:, :, 3])
    made["16-bit PGM"] = b"P5 %d %d 65535\n" % (WIDTH, HEIGHT) + deep[:, :, 2].astype(">u2").tobytes()
    made["16-bit PPM"] = b"P6 %d %d 65535\n" % (WIDTH, HEIGHT) + deep[:, :, :3].astype(">u2").tobytes()
    made["12-bit PGM"] = b"P5 %d %d 4095\n" % (WIDTH, HEIGHT) + (deep[:, :, 2] >> 4).astype(">u2").tobytes()
    made["7-bit PPM"] = b"P6 %d %d 100\n" % (WIDTH, HEIGHT) + (flat[:, :, :3] * 100.0 / 255).astype(np.uint8).tobytes()
    for order in "<>":
        made[f"{order}16-bit TIFF"] = tiff(page(deep[:, :, 2], 1, order=order), order=order)
        made[f"{order}16-bit RGB TIFF"] = tiff(page(deep[:, :, :3], 2, order=order), order=order)
        made[f"{order}16-bit RGBA TIFF"] = tiff(page(deep, 2, order=order, t338=2), order=order)
        made[f"{order}16-bit CMYK TIFF"] = tiff(page(deep, 5, order=order), order=order)
    made["CMYK TIFF"] = tiff(page(flat, 5))
    made["white-is-zero TIFF"] = tiff(page(flat[:, :, 2], 0))
    made["premultiplied TIFF"] = tiff(page(np.minimum(flat, flat[:, :, 3:]), 2, t338=1))
    made["32-bit TIFF"] = tiff(page(deep[:, :, 2].astype(np.int32), 1))
    made["wide TIFF"] = tiff(page(deep[:, :, 2].astype(np.int32) * 1000 - 9_000_000, 1))
    for top in (1, 255, 65535):
        made[f"float TIFF to {top}"] = tiff(page((deep[:, :, 2] / 65535 * top).astype(np.float32), 1))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for kind in ("PNG", "TIFF"):
            made[f"{kind} turned {orientation}"] = encoded(colours, kind, exif=exif)
        made[f"16-bit TIFF turned {orientation}"] = tiff(page(deep[:, :, 2], 1, t274=orientation))
    made["pages"] = encoded(colours, "TIFF", save_all=True, append_images=[images["L"]])
    return made


def digest(decoder):
    """SHA-256 over the arrays of all files, in grey and in colour."""
    sums = hashlib.sha256()
    for name, data in sorted(files().items()):
        for channels in (1, 3):
            pixels = decoder(data, channels)
            sums.update(f"{name} {pixels.shape}".encode() + pixels.tobytes())
    return sums.hexdigest()


def test_sound_images_are_what_they_were():
    assert len(files()) > 70
    assert digest(decode) == RECORDED
