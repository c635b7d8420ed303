"""Sizes as people write them."""

import math
import re

from .errors import LookalikeError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_size(text: str) -> int:
    """Bytes of a size such as "512M" or "2G" (powers of 1024); LookalikeError for another text, and from 2^63 on."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    size = float(match[1]) * _UNITS[match[2].upper()] if match else math.inf
    if size >= 1 << 63:
        raise LookalikeError(f"size {text!r} is not understood: write a number and K, M, G or T, such as 2G")
    return int(size)
