"""Locks, imports and values computed once, in forms that still work in a forked child.

A child only has the thread that forked it: locks that other threads of the parent held at that moment would stay locked
for ever. `Lock` and `RLock` are free again in the child. `cached_property` is that of functools with such a lock for
each instance: Python 3.11 holds one lock for the whole class while it computes, and later versions hold none, so that
threads load the same thing twice. A fork waits until no other thread is importing one of our modules, or of those that
we load when they are first needed, since the child would wait for ever for a half-imported module.
"""

import functools
import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar, overload
from weakref import WeakSet

T = TypeVar("T")
_MISSING = object()
_LOADED_LATE = frozenset(
    ("lookalike", "numpy", "pyarrow", "duckdb", "faiss", "torch", "sklearn", "scipy", "PIL", "safetensors", "pandas")
)
_PATIENCE = 30.0  # seconds


class Lock:
    """A lock for `with` statements; in a forked child nobody holds it."""

    _make: Callable[[], Any] = staticmethod(threading.Lock)

    def __init__(self) -> None:
        self._lock = self._make()
        _all.add(self)

    def __enter__(self) -> "Lock":
        self._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def _renew(self) -> None:
        self._lock = self._make()


class RLock(Lock):
    """A `Lock` that the thread that holds it may take again."""

    _make = staticmethod(threading.RLock)


class cached_property(functools.cached_property[T]):
    """A method's value, computed by one thread when it is first needed."""

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        if instance is None:
            return self
        held = instance.__dict__
        with held.get("_computing") or held.setdefault("_computing", RLock()):
            value = held.get(self.attrname, _MISSING)
            if value is _MISSING:
                value = held[self.attrname] = self.func(instance)
        return value


def _wait_for_imports() -> None:
    """Called before a fork; returns at once where the forking thread itself is importing something."""
    frame = sys._getframe()
    while (caller := frame.f_back) is not None:
        frame = caller
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return
    until = time.monotonic() + _PATIENCE
    while _importing() and time.monotonic() < until:
        time.sleep(0.01)


def _importing() -> bool:
    """Whether a module that we may need is half imported."""
    return any(
        name.partition(".")[0] in _LOADED_LATE and getattr(getattr(module, "__spec__", None), "_initializing", False)
        for name, module in list(sys.modules.items())
    )


def _renew_all() -> None:
    for lock in list(_all):
        lock._renew()


_all: "WeakSet[Lock]" = WeakSet()
os.register_at_fork(before=_wait_for_imports, after_in_child=_renew_all)
