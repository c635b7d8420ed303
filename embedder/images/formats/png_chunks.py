"""A PNG without what its pixels do not need.

Text and colour profiles of megabytes, or with a wrong checksum, make Pillow refuse a whole picture. What is passed on
is the header, palette, transparency and data, the significant bits, and what tells the orientation: eXIf, and the two
texts in which other writers keep it. A wrong checksum in a chunk of pixels stays a fault.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from ..rejected import Rejected

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}
_EXIF_TEXT, _XMP_TEXT = b"Raw profile type exif", b"XML:com.adobe.xmp"
_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)[0-9]')
_MOST_TEXT = 1 << 20
_BOMB, _MOST_PACKED = 64 << 20, 1032  # bytes, and how many of them zlib packs into one at most
_MOST_CHUNKS = 1_000_000


class _Chunk(NamedTuple):
    name: bytes
    start: int  # of its body
    stop: int


def cleaned(data: bytes) -> bytes:
    """Give a PNG without the chunks that its pixels do not need.

    Rejected where it is cut off, where a checksum of pixels is wrong, or where text is a decompression bomb.
    """
    pieces, start = [data[:8]], 8
    for chunk in _chunks(data):
        if chunk.name == b"CgBI":
            raise Rejected("decode", "PNG as Apple's tools pack it for apps is not accepted: export a PNG from it")
        kept = _kept(data, chunk)
        # Neighbours that stay are copied at once: a picture may have tens of thousands of chunks.
        if kept is None or len(kept):
            pieces += [data[start : chunk.start - 8], kept or b""]
            start = chunk.stop + 4
        if chunk.name == b"IEND":
            return b"".join(pieces)
    raise Rejected("decode", "truncated: no end marker")


def significant_bits(data: bytes) -> tuple[int, ...] | None:
    """What sBIT says of each band of a cleaned PNG; None where there is none."""
    for chunk in _chunks(data):
        if chunk.name == b"sBIT":
            return tuple(data[chunk.start : chunk.stop])
        if chunk.name == b"IDAT":
            break
    return None


def depth_and_colour(data: bytes) -> tuple[int, int]:
    """Bits per sample, and the colour type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha."""
    return (data[24], data[25]) if len(data) > 25 else (0, 0)


def transparent_colour(data: bytes) -> tuple[int, ...] | None:
    """The samples that tRNS makes transparent in a cleaned PNG of grey or RGB; None where there are none."""
    for chunk in _chunks(data):
        if chunk.name == b"tRNS" and chunk.stop - chunk.start in (2, 6):
            return struct.unpack(f">{(chunk.stop - chunk.start) // 2}H", data[chunk.start : chunk.stop])
        if chunk.name == b"IDAT":
            break
    return None


def _chunks(data: bytes) -> Iterator[_Chunk]:
    at = 8
    for _ in range(_MOST_CHUNKS):
        if at + 12 > len(data):
            return
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            return
        yield _Chunk(data[at + 4 : at + 8], at + 8, at + 8 + length)
        at += 12 + length
    raise Rejected("decode", f"more than {_MOST_CHUNKS} chunks")


def _kept(data: bytes, chunk: _Chunk) -> bytes | None:
    """What is put in a chunk's place: b"" for the chunk as it is, None for nothing."""
    if chunk.name in _PIXELS:
        if not _is_sound(data, chunk):
            raise Rejected("decode", f"wrong checksum in chunk {chunk.name.decode()}")
        return b""
    if chunk.name == b"IEND":
        return _chunk(b"IEND", b"")
    if chunk.name in (b"eXIf", b"sBIT"):
        return b"" if chunk.stop - chunk.start <= _MOST_TEXT and _is_sound(data, chunk) else None
    if chunk.name in (b"zTXt", b"iTXt", b"iCCP"):
        _check_bomb(chunk.name, data[chunk.start : chunk.stop])
    if chunk.name in (b"tEXt", b"zTXt", b"iTXt"):
        text = _orientation_text(chunk.name, data[chunk.start : chunk.stop])
        return text if text is not None and _is_sound(data, chunk) else None
    if not chunk.name.isalpha():
        raise Rejected("decode", "a chunk without a name: damaged")
    return None if chunk.name[0] & 0x20 else b""  # critical ones of unknown kind are the decoder's to refuse


def _check_bomb(name: bytes, body: bytes) -> None:
    """Reject text or a profile that would unpack to far more than anybody writes: the file is made to do harm."""
    if len(body) * _MOST_PACKED <= _BOMB:
        return
    rest = body.partition(b"\0")[2]
    if name == b"iTXt":
        if rest[:1] != b"\1":
            return
        rest = b"\0" + rest[2:].split(b"\0", 2)[-1]
    worker, left = zlib.decompressobj(), _BOMB
    packed = rest[1:]
    try:
        while left > 0 and packed and not worker.eof:
            left -= len(worker.decompress(packed, 1 << 20))
            packed = worker.unconsumed_tail
    except zlib.error:
        return
    if left <= 0:
        raise Rejected("decode", f"a decompression bomb: text of more than {_BOMB >> 20} MiB")


def _is_sound(data: bytes, chunk: _Chunk) -> bool:
    view = memoryview(data)[chunk.start - 4 : chunk.stop]
    return zlib.crc32(view) == int.from_bytes(data[chunk.stop : chunk.stop + 4], "big")


def _orientation_text(name: bytes, body: bytes) -> bytes | None:
    """A chunk with what of a text tells the orientation; None for other texts, and those too long to tell it."""
    keyword, _, rest = body.partition(b"\0")
    if keyword == _EXIF_TEXT and name != b"iTXt":
        text = _unpacked(rest[1:]) if name == b"zTXt" else rest
        return b"" if text is not None and len(text) <= _MOST_TEXT else None
    if keyword != _XMP_TEXT or name != b"iTXt":
        return None
    text = rest[2:].split(b"\0", 2)[-1]
    found = _ORIENTATION.search((_unpacked(text) or b"") if rest[:1] == b"\1" else text)
    return _chunk(b"iTXt", _XMP_TEXT + b"\0\0\0\0\0" + found[0] + b'"') if found else None


def _unpacked(packed: bytes) -> bytes | None:
    """Compressed text, if it is sound and not absurdly long."""
    try:
        worker = zlib.decompressobj()
        text = worker.decompress(packed, _MOST_TEXT)
    except zlib.error:
        return None
    return None if worker.unconsumed_tail else text


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
