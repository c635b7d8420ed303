"""Netpbm's greys and colours of other than 8 bits, which Pillow reads number by number, in minutes.

The header declares the largest sample. With 65,535 it declares no more than that two bytes are used, as every writer
does, so that deep.py's rule for undeclared depth holds.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deep import Deep
from ..rejected import Rejected

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADER = re.compile(rb"(P[56])" + _GAP + rb"(\d{1,10})" + _GAP + rb"(\d{1,10})" + _GAP + rb"(\d{1,5})\s")


@dataclass(frozen=True)
class Header:
    """What a file says of itself. start: where its samples begin."""

    width: int
    height: int
    bands: int
    largest: int
    start: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.width, self.height

    @property
    def unpacked(self) -> int:
        """Bytes of the samples: none beside the file's own."""
        return 0


def header(data: bytes) -> Header | None:
    """Read the header of a binary PGM or PPM of other than 8 bits; None for other files, which Pillow reads."""
    found = _HEADER.match(data[:65536])
    if found is None:
        return None
    width, height, largest = (int(found[group]) for group in (2, 3, 4))
    bands = 1 if found[1] == b"P5" else 3
    if largest == 255 or not 0 < largest < 65536:
        return None
    return Header(width, height, bands, largest, found.end())


def samples(data: bytes, header: Header) -> Deep:
    """Give the samples; Rejected where some are missing."""
    kind = np.dtype(">u2" if header.largest > 255 else "u1")
    count = header.width * header.height * header.bands
    if len(data) - header.start < count * kind.itemsize:
        raise Rejected("decode", "truncated: fewer samples than the header says")
    values = np.frombuffer(data, kind, count, header.start).reshape(header.height, header.width, header.bands)

    # Pillow's own steps, so that its pixels stay what they were: greys of two bytes by way of 16 bits.
    white = 65535.0 if header.bands == 1 and header.largest > 255 else 255.0

    def rows(top: int, bottom: int) -> NDArray[Any]:
        block = values[top:bottom].astype(kind.newbyteorder("="))
        if header.largest == 65535:
            return block
        scaled = np.minimum(block, header.largest) / header.largest * white
        return np.rint(scaled) if white > 255 else scaled

    declared = white if header.largest < 65535 else None
    return Deep(
        header.width, header.height, "L" if header.bands == 1 else "RGB", rows, declared=declared, high_bytes=False
    )
