"""Lengths of time as people write them."""

import math
import re

from .errors import LookalikeError

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> float:
    """Seconds of a time such as "90s", "30m", "24h" or "7d" (a number alone is seconds); LookalikeError for others."""
    match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*(s|min|m|h|d|)\s*", text, re.IGNORECASE | re.ASCII)
    seconds = float(match[1]) * _UNITS[match[2].lower()] if match else math.inf
    if not math.isfinite(seconds):
        raise LookalikeError(f"time {text!r} is not understood: write a number and s, m, h or d, such as 24h")
    return seconds
