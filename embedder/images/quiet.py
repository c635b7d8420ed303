"""libtiff and Pillow kept from writing to stderr: their complaints about a damaged file become our rejection.

Pillow leaves libtiff's default handlers in place, which print. They are taken away while a TIFF is decoded, and given
back after the last of those that run at once. Where Pillow was built so that they cannot be reached, nothing happens.
"""

import ctypes
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from PIL import Image

from ...store.work.forks import Lock

# Pillow logs some faults of files; without any handler Python would print them. Who sets up logging still gets them.
logging.getLogger("PIL").addHandler(logging.NullHandler())
_NAMES = ("TIFFSetErrorHandler", "TIFFSetWarningHandler")
_lock = Lock()
_running = 0
_before: list[Any] = []


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
