"""A GIF's first frame alone: comments and later frames are walked past, not decoded.

Browsers pass over zero bytes between blocks, which some writers leave there; so do we. The end marker is asked for,
since a GIF that ends without it is cut off: nothing else tells.
"""

from ..rejected import Rejected

_MOST_BLOCKS = 20_000_000
_TRAILER, _EXTENSION, _IMAGE, _STRAY = 0x3B, 0x21, 0x2C, 0x00
_CONTROL = 0xF9


def first_frame(data: bytes) -> bytes:
    """Give a GIF of the first frame, with its palettes and transparency; Rejected where the file is cut off."""
    at = 13 + _palette(data, 10)
    kept = [data[:at]]
    control, done, budget = b"", False, [_MOST_BLOCKS]
    while at < len(data):
        start = at
        if data[at] == _TRAILER:
            return b"".join([*kept, b";"]) if done else data
        if data[at] == _STRAY:
            at = _past_zeros(data, at)
        elif data[at] == _EXTENSION:
            at = _past_blocks(data, at + 2, budget)
            control = data[start:at] if data[start + 1 : start + 2] == bytes([_CONTROL]) else control
        elif data[at] == _IMAGE and at + 9 < len(data):
            at = _past_blocks(data, at + 11 + _palette(data, at + 9), budget)
            if not done and at <= len(data):
                kept += [control, data[start:at]]
                done = True
        else:
            break
    raise Rejected("decode", "truncated: no end marker")


def _palette(data: bytes, at: int) -> int:
    """Bytes of the palette that the flags at `at` announce."""
    flags = data[at] if at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _past_zeros(data: bytes, at: int) -> int:
    """Past a run of zeros, in steps: a file may be full of them."""
    step = 4096
    while data[at : at + step] == bytes(step):
        at += step
    while at < len(data) and data[at] == 0:
        at += 1
    return at


def _past_blocks(data: bytes, at: int, budget: list[int]) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
        budget[0] -= 1
        if budget[0] < 0:
            raise Rejected("decode", f"more than {_MOST_BLOCKS} blocks")
    return at + 1
