"""Checks of single values that users give, each with one wording: whole numbers, shares, choices and misspelt names."""

import difflib
import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

from .errors import LookalikeError
from .shown import shortened

DEVICES = ("auto", "cpu", "gpu")
"""Where searches and encoders run: a GPU where there is one, or always the CPU, or always a GPU."""


def whole_number(
    name: str, value: Any, least: int = 1, most: int | None = None, error: type[Exception] = LookalikeError
) -> int:
    """`value` as an int. Raises `error` for anything but a whole number of at least `least` and at most `most`."""
    number = isinstance(value, Integral) and not isinstance(value, bool)
    if not number or value < least or (most is not None and value > most):
        range_ = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise error(f"{name} is {quoted(value)}: it must be a whole number {range_}")
    return int(value)


def share(name: str, value: Any, *, open_: bool = False, zero: bool = True) -> float:
    """`value` as a float. Raises LookalikeError for anything but a number from 0 to 1.

    open_: refuse both ends. zero: whether 0 is allowed.
    """
    number = isinstance(value, Real) and not isinstance(value, bool)
    refused = (0, 1) if open_ else () if zero else (0,)
    if not number or not math.isfinite(value) or not 0 <= value <= 1 or value in refused:
        range_ = "between 0 and 1" if open_ else "from 0 to 1" if zero else "above 0 and at most 1"
        raise LookalikeError(f"{name} is {quoted(value)}: it must be a number {range_}")
    return float(value)


def choice(name: str, value: Any, choices: Sequence[str], error: type[Exception] = LookalikeError) -> str:
    """`value`. Raises `error` where it is not one of the `choices`."""
    if not isinstance(value, str) or value not in choices:
        said = choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise error(f"unknown {name} {quoted(value)}: use {said}")
    return value


def did_you_mean(name: str, candidates: Iterable[str], cutoff: float = 0.6) -> str:
    """The end of a sentence about a name that does not exist, such as ": did you mean 'cat'?"; or nothing."""
    near = difflib.get_close_matches(name, list(candidates), n=1, cutoff=cutoff)
    return f": did you mean {near[0]!r}?" if near else ""


def quoted(value: Any, most: int = 80) -> str:
    """`repr` of a value, its middle left out where it is longer than `most` characters."""
    return shortened(repr(value), most)
