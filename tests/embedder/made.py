"""Files that tests make byte by byte, since no writer makes them, or only one that tests do not have."""

import hashlib
import io
import json
import struct
import zlib

import numpy as np
from PIL import Image

from lookalike.embedder.images.decode import picture_of

HEIGHT, WIDTH = 30, 40
SHORT, LONG, ASCII = 3, 4, 2


def scene(seed=0, width=WIDTH, height=HEIGHT):
    """uint8 (height, width, 3), smooth and without any symmetry."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    parts = [x, y, (x * 2 + y + seed / 7) / 4]
    return np.rint(255 * np.stack(parts, -1).clip(0, 1)).astype(np.uint8)


def encoded(image, kind, **options):
    """An image, or pixels, as a file of one of Pillow's kinds."""
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, kind, **options)
    return stream.getvalue()


def chunk(name, body, wrong=0):
    """A PNG chunk; wrong: what its checksum is off by."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ wrong)


def png(pixels, before=b"", after=b""):
    """A PNG of pixels (h, w) or (h, w, 1 to 4), uint8 or uint16, with chunks before and after its data."""
    height, width = pixels.shape[:2]
    bands = pixels.shape[2] if pixels.ndim == 3 else 1
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[bands]
    header = struct.pack(">IIBBBBB", width, height, pixels.dtype.itemsize * 8, kind, 0, 0, 0)
    rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", data) + after + chunk(b"IEND", b"")


def bmp32(pixels, alpha, header=124, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000)):
    """A BMP of 32 bits with BITFIELDS and a header of 56, 108 (V4) or 124 (V5) bytes, whose alpha mask is set."""
    height, width = pixels.shape[:2]
    rows = np.dstack([pixels[:, :, ::-1], alpha])[::-1].tobytes()
    info = struct.pack("<IiiHHIIiiII", header, width, height, 1, 32, 3, len(rows), 2835, 2835, 0, 0)
    info += struct.pack("<IIII", *masks)
    info += bytes(header - len(info))
    return b"BM" + struct.pack("<IHHI", 14 + header + len(rows), 0, 0, 14 + header) + info + rows


def tiff(*pages, order="<", sub=(), start=None):
    """A TIFF of directories, each a dict of tag: value(s), a "data" (strip, or list of strips) among them.

    sub: pages that are sub-directories of the first. start: the first four bytes, where they are others than TIFF's.
    """
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] if start is None else start
    body = bytearray(head + bytes(4))
    inner = [_directory(body, page, order)[0] for page in sub]
    pages = [dict(page) for page in pages]
    if inner:
        pages[0][330] = inner
    at = 4
    for page in pages:
        offset, end = _directory(body, page, order)
        struct.pack_into(order + "I", body, at, offset)
        at = end
    return bytes(body)


def _directory(body, page, order):
    """Append a page's data and directory; give the directory's offset and that of its pointer to the next one."""
    page = dict(page)
    data = page.pop("data", None)
    if data is not None:
        strips = data if isinstance(data, list) else [data]
        offsets = []
        for strip in strips:
            offsets.append(len(body))
            body += strip
        where, sizes = (324, 325) if 322 in page else (273, 279)
        page[where], page[sizes] = offsets, [len(strip) for strip in strips]
    entries = b""
    for tag in sorted(page):
        value = page[tag]
        if isinstance(value, bytes):
            kind, count, packed = ASCII, len(value), value
        elif isinstance(value, float):
            kind, count, packed = 11, 1, struct.pack(order + "f", value)
        else:
            values = value if isinstance(value, list | tuple) else [value]
            kind = LONG if tag in (273, 279, 324, 325, 330, 513, 514, 256, 257, 278) else SHORT
            count, packed = len(values), struct.pack(order + f"{len(values)}{'I' if kind == LONG else 'H'}", *values)
        if len(packed) > 4:
            where = len(body)
            body += packed
            packed = struct.pack(order + "I", where)
        entries += struct.pack(order + "HHI", tag, kind, count) + packed.ljust(4, b"\0")
    body += bytes(len(body) % 2)
    offset = len(body)
    body += struct.pack(order + "H", len(page)) + entries + bytes(4)
    return offset, len(body) - 4


def page(samples, photometric, bits=None, order="<", **tags):
    """A page for `tiff` of samples (h, w) or (h, w, c), in one uncompressed strip; tags by number as t123=value."""
    height, width = samples.shape[:2]
    bands = samples.shape[2] if samples.ndim == 3 else 1
    bits = bits or samples.dtype.itemsize * 8
    entries = {256: width, 257: height, 258: [bits] * bands, 259: 1, 262: photometric, 277: bands, 278: height}
    if samples.dtype.kind in "if":
        entries[339] = [{"i": 2, "f": 3}[samples.dtype.kind]] * bands
    data = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    return {**entries, "data": data, **{int(name[1:]): value for name, value in tags.items()}}


def packed(samples, bits):
    """The bytes of samples (h, w, ...) of so many bits, each row filled up to a whole byte."""
    rows = samples.reshape(len(samples), -1).astype(np.uint32)
    each = (rows[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(each.reshape(len(rows), -1).astype(np.uint8), axis=1).tobytes()


def decode(data, channels, size=None):
    """The pixels of an encoded image."""
    return picture_of(data, channels, size).pixels


def digest_of(preprocessing):
    """SHA-256 (hex) of every field."""
    text = json.dumps(preprocessing.to_json(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
