"""Sizes and durations as people write them."""

import math
import re

from .errors import LookalikeError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_size(text: str) -> int:
    """The bytes of a size such as "512M" or "2G" (powers of 1024).

    Raises LookalikeError for any other text, and for 2^63 bytes or more.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    size = float(match[1]) * _UNITS[match[2].upper()] if match else math.inf
    if size >= 1 << 63:
        raise LookalikeError(f"size {text!r} is not understood: write a number and K, M, G or T, such as 2G")
    return int(size)


_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> float:
    """The seconds of a duration such as "90s", "30m", "24h" or "7d"; a number alone means seconds.

    Raises LookalikeError for any other text.
    """
    match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*(s|min|m|h|d|)\s*", text, re.IGNORECASE | re.ASCII)
    seconds = float(match[1]) * _SECONDS[match[2].lower()] if match else math.inf
    if not math.isfinite(seconds):
        raise LookalikeError(f"time {text!r} is not understood: write a number and s, m, h or d, such as 24h")
    return seconds
