"""Limits of a `where` condition: time, memory and threads. The work runs in a thread that can be stopped.

Defaults are 60 seconds, 1 GiB and as many threads as OMP_NUM_THREADS says (otherwise, as there are cores).
LOOKALIKE_WHERE_TIME ("90s", "5m"), LOOKALIKE_WHERE_MEMORY ("512M") and LOOKALIKE_WHERE_THREADS change them.
"""

import atexit
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from ...errors import LookalikeError
from ...sizes import parse_duration, parse_size

T = TypeVar("T")
TIME, MEMORY, THREADS = (f"LOOKALIKE_WHERE_{name}" for name in ("TIME", "MEMORY", "THREADS"))
_LEAST_MEMORY = 32 << 20
_PATIENCE = 5.0  # seconds until what does not stop is left to itself
_LAST_PATIENCE = 30.0
_LOOKS = 0.05
_WORKER = "lookalike: a condition"


@dataclass(frozen=True)
class Limits:
    """Seconds, bytes and threads."""

    seconds: float
    memory: int
    threads: int


def limits() -> Limits:
    """The limits that the environment sets. Raises LookalikeError, which names the variable, for an invalid value."""
    seconds = _read(TIME, parse_duration) or 60.0
    memory = _read(MEMORY, parse_size) or 1 << 30
    threads = _read(THREADS, _parse_count) or _threads()
    if memory < _LEAST_MEMORY:
        raise LookalikeError(f"{MEMORY} is {os.environ[MEMORY]!r}: it must be at least 32M")
    return Limits(seconds, memory, threads)


def _read(name: str, parse: Callable[[str], T]) -> T | None:
    """The value of a variable; None where it is not set."""
    text = os.environ.get(name)
    if not text:
        return None
    try:
        return parse(text)
    except (LookalikeError, ValueError) as error:
        raise LookalikeError(f"{name} is not understood: {error}") from None


def _parse_count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= 1024):
        raise ValueError(f"{text!r} is not a whole number from 1 to 1024")
    return int(text)


def _threads() -> int:
    """The first number of OMP_NUM_THREADS, otherwise the number of cores that this process can use."""
    with contextlib.suppress(ValueError):
        return _parse_count(os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip())
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def within(seconds: float, work: Callable[[], T], stop: Callable[[], object]) -> T:
    """The result of `work`, which runs in another thread.

    Raises TimeoutError after `seconds`; an interrupt is raised at once. `stop` is called until the work ends, from a
    thread other than the work's.
    """
    done: Future[T] = Future()

    def act() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=act, name=_WORKER, daemon=True).start()
    try:
        return done.result(seconds)
    except BaseException:
        if not _stopped(done, stop, _PATIENCE):
            _left.append((done, stop))
        raise


def left_running() -> bool:
    """Whether work that could not be stopped still runs in a thread of this process."""
    return any(thread.name == _WORKER and thread.is_alive() for thread in threading.enumerate())


def _stopped(done: "Future[Any]", stop: Callable[[], object], patience: float) -> bool:
    """Stop the work repeatedly, since it may be between two steps. False where it runs on nevertheless."""
    for _ in range(int(patience / _LOOKS)):
        if done.done():
            return True
        with contextlib.suppress(Exception):
            stop()
        with contextlib.suppress(Exception):
            done.exception(_LOOKS)
    return done.done()


def _wait_for_left() -> None:
    """At exit, wait for threads in DuckDB: they would crash the process when Python shuts down."""
    for done, stop in _left:
        _stopped(done, stop, _LAST_PATIENCE)


_left: list[tuple[Future[Any], Callable[[], object]]] = []
atexit.register(_wait_for_left)
