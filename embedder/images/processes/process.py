"""A process that decodes images (worker.py), as its owner sees it.

Idle processes are kept for the next images, since starting one takes a third of a second. Nothing here ever waits for
the process: what it does not accept or return at once is requested again, so a stopped process does not delay others.
"""

import atexit
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....store.errors import LookalikeError
from ....store.work.interrupts import interrupts_later

_PIECE = 1 << 18
_COMMAND = [sys.executable, "-P", "-m", "lookalike.embedder.images.processes.worker"]
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class Reply(NamedTuple):
    """What the process said, and pixels, uint8 (h, w, c), where it gave some."""

    said: dict[str, Any]
    pixels: NDArray[np.uint8] | None


class DecodingProcess:
    """One process.

    places: what its owner has asked it, in order; it works on the first. ready: whether it has started. waited: seconds
    that the request at hand has taken.
    """

    def __init__(self) -> None:
        try:
            with interrupts_later():
                self._process = subprocess.Popen(
                    [*_COMMAND, str(os.getpid())],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    bufsize=0,
                    env={**os.environ, **_ONE_THREAD},
                )
        except OSError as error:
            raise LookalikeError(f"cannot start a process for decoding images: {error.strerror}") from error
        self._owner = os.getpid()
        self._in, self._out = (pipe.fileno() for pipe in (self._process.stdin, self._process.stdout))  # type: ignore[union-attr]
        for descriptor in (self._in, self._out):
            os.set_blocking(descriptor, False)
            with contextlib.suppress(OSError, AttributeError):  # Linux alone has the setting
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 1 << 20)
        self._unsent: list[memoryview] = []
        self._received = bytearray()
        self._head: dict[str, Any] | None = None
        self.places: deque[int] = deque()
        self.ready = False
        self.waited = 0.0

    def fileno(self) -> int:
        """The pipe that answers come from."""
        return self._out

    def alive(self) -> bool:
        """Whether it still runs: where memory is short, the system takes an idle one as well."""
        return self._process.poll() is None

    def stopped(self) -> bool:
        """Whether somebody has stopped it (SIGSTOP), which is no image's fault; False where the system does not say."""
        with contextlib.suppress(OSError, IndexError), open(f"/proc/{self._process.pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"T", b"t")
        return False

    def ask(self, request: dict[str, Any], data: bytes) -> None:
        """Send a request, as far as the process takes it now; `push` sends the rest."""
        head = json.dumps({**request, "bytes": len(data)}).encode() + b"\n"
        self._unsent += [memoryview(head + data)] if len(data) < _PIECE else [memoryview(head), memoryview(data)]
        self.push()

    def push(self) -> bool:
        """Send what the pipe takes; whether something is left."""
        try:
            while self._unsent:
                sent = os.write(self._in, self._unsent[0][:_PIECE])
                self._unsent[0] = self._unsent[0][sent:]
                if not self._unsent[0]:
                    self._unsent.pop(0)
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent = []  # its end is told by the other pipe
        return bool(self._unsent)

    def replies(self) -> list[Reply] | None:
        """What has come in whole; None once the process is gone."""
        try:
            data = os.read(self._out, 1 << 20)
        except BlockingIOError:
            return []
        if not data:
            return None
        self._received += data
        whole = []
        while (reply := self._whole()) is not None:
            whole.append(reply)
        return whole

    def _whole(self) -> Reply | None:
        """Take one whole reply out of what was received."""
        if self._head is None:
            end = self._received.find(b"\n")
            if end < 0:
                return None
            self._head = json.loads(self._received[:end])
            del self._received[: end + 1]
        shape = self._head.get("shape")
        size = 0 if shape is None else int(np.prod(shape, dtype=np.int64))
        if len(self._received) < size:
            return None
        said, self._head = self._head, None
        if shape is None:
            return Reply(said, None)
        pixels = np.frombuffer(bytes(self._received[:size]), np.uint8).reshape(shape)
        del self._received[:size]
        return Reply(said, pixels)

    def end(self, patience: float = 0) -> str:
        """Make sure that the process is gone, after `patience` seconds by force; how it ended."""
        for pipe in (self._process.stdin, self._process.stdout):
            pipe.close()  # type: ignore[union-attr]
        if os.getpid() != self._owner:  # a forked copy of the owner has no say
            self._process.returncode = 0
            return ""
        try:
            code = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return f"exit code {code}" if code >= 0 else f"signal {-code} ({signal.Signals(-code).name})"


_idle: list[DecodingProcess] = []
_lock = threading.Lock()


def borrow() -> DecodingProcess:
    """A process that nobody uses, started if need be."""
    with _lock:
        while _idle:
            if (process := _idle.pop()).alive():
                return process
            process.end()
    return DecodingProcess()


def give_back(process: DecodingProcess) -> None:
    """Keep a process that has answered all it was asked."""
    with _lock:
        _idle.append(process)


def start_early() -> None:
    """Start a process now, while the caller does something else, such as loading a model."""
    with _lock:
        some = bool(_idle)
    if not some:
        give_back(DecodingProcess())


def end_idle() -> None:
    """End the processes that nobody uses."""
    with _lock:
        idle, _idle[:] = list(_idle), []
    for process in idle:
        process.end()


def _forget() -> None:
    """In a forked child: the parent's processes are the parent's."""
    global _lock
    _lock = threading.Lock()
    end_idle()


atexit.register(end_idle)
os.register_at_fork(after_in_child=_forget)
