"""One writer and any number of readers, by flock: the system releases a lock when its holder ends, however it ends.

The writer locks `lock`, and writes its name into it. A reader locks the manifest of its version, so that `gc` leaves
it. All descriptors are closed on exec, so that workers never hold the locks of their driver; the writer's descriptor is
also closed in forked children.
"""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shlex
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from ..errors import Busy, LookalikeError, LookalikeWarning
from .folders import check_lock, check_writable
from .lock_trust import doubt
from .publish import reason

_PATIENCE = 0.5  # seconds
_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
_descriptors: set[int] = set()


def _drop_in_child() -> None:
    """Close the descriptor, which does not affect the parent's lock."""
    for descriptor in _descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _descriptors.clear()


os.register_at_fork(after_in_child=_drop_in_child)


class Held:
    """The writer's lock while it is held. doubt: why it may not keep others out; None where nothing indicates that."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder, self._descriptor = folder, descriptor
        self.doubt = doubt(folder / "lock", descriptor)
        self._note = _sign(descriptor)
        if self.doubt is not None:
            self._warn(self.doubt)

    def now_ns(self) -> int:
        """The time by the file system's own clock, in ns: on a network share, the clock of its server."""
        with contextlib.suppress(OSError):
            os.utime(self._descriptor)
        return os.fstat(self._descriptor).st_mtime_ns

    def warn_if_shared(self) -> None:
        """Warn, once, where another process has signed the lock since, so that it does not keep others out."""
        note = _read_note(self.folder / "lock")
        if self._note is None or note in (None, self._note):
            return
        self._note = None
        self._warn(f"{_name(note)} got it too")

    def _warn(self, why: str) -> None:
        warnings.warn(
            f"the lock of {self.folder} may not keep other processes out: {why}. Let one process write at a time; if "
            "two commit at once, one of them is refused, and `gc` keeps files younger than a day",
            LookalikeWarning,
            stacklevel=4,
        )


@contextlib.contextmanager
def writer_lock(folder: Path) -> Iterator[Held]:
    """Become the only writer of the collection in `folder`.

    Raises Busy within a second where another process is, and LookalikeError where the folder cannot be written to.
    Warns where the lock may not work.
    """
    path = Path(folder) / "lock"
    check_lock(path)
    check_writable(Path(folder))
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise LookalikeError(f"cannot write to {folder}: {reason(error)}") from error
    _descriptors.add(descriptor)
    try:
        _take(descriptor, folder)
        yield Held(Path(folder), descriptor)
    finally:
        if descriptor in _descriptors:  # not in a forked child
            _descriptors.discard(descriptor)
            os.close(descriptor)


def _take(descriptor: int, folder: Path) -> None:
    """Take the lock, or report who holds it."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in _HELD:
                raise LookalikeError(f"cannot lock {folder}: {reason(error)}: use a folder on a local disk") from error
        if time.monotonic() > until:
            raise Busy(f"{folder} is being written to by {_holder(descriptor)}: wait until it is done, or end it")
        time.sleep(0.02)


def _sign(descriptor: int) -> bytes | None:
    """Write this process's name into the lock and return it.

    Returns None where that fails, since a full disk does not matter here.
    """
    command = shlex.join(sys.argv)[:200] or "python"
    name = {"pid": os.getpid(), "command": command, "host": socket.gethostname(), "token": secrets.token_hex(8)}
    text = json.dumps(name).encode()
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text, 0)
    except OSError:
        return None
    return text


def _read_note(path: Path) -> bytes | None:
    """The lock's content now, opened again since a share may return old content; None where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.pread(descriptor, 4096, 0) or None  # empty while another process signs
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    """The name that the holder has left."""
    try:
        return _name(os.pread(descriptor, 4096, 0))
    except OSError:
        return "another process"


def _name(note: bytes | None) -> str:
    """The writer of a note, in words."""
    try:
        name = json.loads(note or b"")
        host = name.get("host") or socket.gethostname()
        where = "" if host == socket.gethostname() else f" on {host!r}"
        return f"process {int(name['pid'])}{where} ({str(name['command'])!r})"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "another process"


def reader_lock(path: Path) -> int | None:
    """A descriptor that holds a shared lock on the manifest `path` until it is closed; None where the file has gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:  # gc holds it, to remove it
            os.close(descriptor)
            return None
        # if nothing can be locked, nothing can be collected either, since gc then refuses
    if os.fstat(descriptor).st_nlink == 0:
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def unread(path: Path) -> Iterator[bool]:
    """Whether nobody reads the version with the manifest `path`; while True, nobody can begin to."""
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
