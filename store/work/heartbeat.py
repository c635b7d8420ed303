"""Heartbeats of a worker process, so that its driver can tell a working one from a hanging one.

A thread of the worker reports once a second how long the current step has taken; the code that does the work marks each
step, such as the decoding of one image, with `step`. A stopped worker reports nothing, and one that hangs in a step
reports that. The driver's patience is counted in time that the driver itself was running, and a step's in time that the
worker was running: a machine that sleeps, or a job that is suspended and continued, uses up neither.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from ..errors import LookalikeError

VARIABLE = "LOOKALIKE_TIMEOUT"
"""The environment variable that sets the deadline, in seconds."""
DEADLINE = 60.0
"""Seconds that one step may take where nobody says otherwise."""
LEAST_SILENCE = 15.0
"""Seconds of silence that are always allowed: a process starts, and a machine has other work."""
_EVERY = 1.0

_watched = False
_began: float | None = None  # on the clock of `Patience`, or None between steps
_clock = 0.0


class Patience:
    """Seconds that have passed while this process was running, tick by tick: a longer pause counts as one tick."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def tick(self) -> float:
        """Seconds since the last tick, two ticks' worth at most."""
        now = time.monotonic()
        passed, self._last = min(now - self._last, 2 * _EVERY), now
        return passed


def deadline(variables: Mapping[str, str] | None = None) -> float:
    """The deadline in seconds, from the environment. Raises LookalikeError for a value that is not above zero."""
    text = (os.environ if variables is None else variables).get(VARIABLE)
    if not text:
        return DEADLINE
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    return _positive(VARIABLE, text, seconds)


def checked(seconds: float | None) -> float:
    """The given deadline, or that of the environment if it is None. Raises LookalikeError for an invalid one."""
    if seconds is None:
        return deadline()
    return _positive("timeout", seconds, seconds)


def _positive(name: str, value: object, seconds: float) -> float:
    if not 0 < seconds < math.inf:
        raise LookalikeError(f"{name} is {value!r}: it must be a number of seconds above 0, such as 60")
    return float(seconds)


@contextmanager
def step() -> Iterator[None]:
    """Mark one step of the work: the process may be ended if it takes longer than the deadline."""
    global _began
    _began = _clock
    try:
        yield
    finally:
        _began = None


def watched() -> bool:
    """Whether a driver watches this process, and ends it when a step takes too long."""
    return _watched


def beat(send: Callable[[float], None]) -> None:
    """Call send(seconds that the current step has taken) once a second, from a separate thread."""
    global _watched
    _watched = True
    threading.Thread(target=_beat, args=(send,), daemon=True).start()


def _beat(send: Callable[[float], None]) -> None:
    global _clock
    patience = Patience()
    while True:
        began = _began
        send(0.0 if began is None else _clock - began)
        time.sleep(_EVERY)
        _clock += patience.tick()
