"""One writer and any number of readers, by flock: the system drops a lock when its holder ends, however it ends.

The writer holds `lock`, and writes there who it is. A reader holds its version's manifest, so that `gc` leaves it.
All descriptors are closed on exec, so that workers never hold what their driver holds; the writer's in a forked child
too.
"""

import contextlib
import errno
import fcntl
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from .errors import Busy, LookalikeError
from .publish import reason

_PATIENCE = 0.5  # seconds
_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
_descriptors: set[int] = set()


def _drop_in_child() -> None:
    """Close, which leaves the parent's lock alone."""
    for descriptor in _descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _descriptors.clear()


os.register_at_fork(after_in_child=_drop_in_child)


@contextlib.contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Be the one writer of the collection in `folder`; Busy within a second where another process is.

    Raises LookalikeError where the folder cannot be written to.
    """
    path = Path(folder) / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise LookalikeError(f"cannot write to {folder}: {reason(error)}") from error
    _descriptors.add(descriptor)
    try:
        _take(descriptor, folder)
        _sign(descriptor)
        yield
    finally:
        if descriptor in _descriptors:  # not so in a forked child
            _descriptors.discard(descriptor)
            os.close(descriptor)


def _take(descriptor: int, folder: Path) -> None:
    """Lock, or say who holds it."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in _HELD:
                raise LookalikeError(f"cannot lock {folder}: {reason(error)}; a local disk works") from error
        if time.monotonic() > until:
            raise Busy(f"{folder} is being written to by {_holder(descriptor)}: wait until it is done, or end it")
        time.sleep(0.02)


def _sign(descriptor: int) -> None:
    """Leave our name in the lock; it only helps people, so that a full disk does not matter here."""
    command = shlex.join(sys.argv)[:200] or "python"
    text = json.dumps({"pid": os.getpid(), "command": command}).encode()
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text, 0)


def _holder(descriptor: int) -> str:
    """The name that the holder left."""
    try:
        name = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {int(name['pid'])} ({str(name['command'])!r})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def reader_lock(path: Path) -> int | None:
    """A descriptor that holds the manifest `path` shared until it is closed; None where the file has gone meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:  # gc has it, to remove it
            os.close(descriptor)
            return None
        # where nothing can be locked, nothing can be collected under us either, for gc then refuses
    if os.fstat(descriptor).st_nlink == 0:
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def unread(path: Path) -> Iterator[bool]:
    """Whether nobody reads the version whose manifest is `path`; while True, nobody can begin to."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except OSError:
            free = False
        yield free
    finally:
        os.close(descriptor)
