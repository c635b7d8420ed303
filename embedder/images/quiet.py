"""Keeping libtiff and Pillow from writing to stderr: their complaints about a damaged file become our rejection.

Pillow leaves libtiff's default handlers in place, which print. They are removed while a TIFF is decoded, and restored
after the last of several that run at once. If Pillow was built such that they cannot be reached, nothing happens.
Pillow's warnings are silenced in the same way, so that the warning filters of the process stay as they are.
"""

import ctypes
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from PIL import Image

from ...store.work.forks import Lock

# Pillow logs some faults of files; without any handler Python would print them. A user's own handlers still get them.
logging.getLogger("PIL").addHandler(logging.NullHandler())
_NAMES = ("TIFFSetErrorHandler", "TIFFSetWarningHandler")
_lock = Lock()
_running = 0
_before: list[Any] = []
_decoding = 0
_filters: list[Any] = []


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Decode without Pillow's warnings: we have our own limits and messages, and there would be one per odd file."""
    global _decoding
    with _lock:
        _decoding += 1
        if _decoding == 1:
            _filters.append(warnings.catch_warnings())
            _filters[0].__enter__()
            warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    try:
        yield
    finally:
        with _lock:
            _decoding -= 1
            if _decoding == 0:
                _filters.pop().__exit__(None, None, None)


@contextmanager
def quiet_libtiff() -> Iterator[None]:
    """Decode without libtiff's messages."""
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _running
    with _lock:
        _running += 1
        if _running == 1:
            _before[:] = [setter(None) for setter in _setters()]


def _leave() -> None:
    global _running
    with _lock:
        _running -= 1
        if _running == 0:
            for setter, handler in zip(_setters(), _before, strict=True):
                setter(handler)


@cache
def _setters() -> tuple[Any, ...]:
    """libtiff's functions that take a new handler and give the one before."""
    try:
        library = ctypes.CDLL(Image.core.__file__)  # type: ignore[attr-defined]
        setters = tuple(getattr(library, name) for name in _NAMES)
    except (AttributeError, OSError):
        return ()
    for setter in setters:
        setter.restype, setter.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    return setters
