"""A worker process: `python -m lookalike.store.work.worker DRIVER_PID [WORK]`, started by the local engine.

Fragments arrive on stdin and answers go out on stdout, one JSON object per line, in order. Anything that the work
itself prints goes to stderr. The worker ends at once, even in the middle of its work, when its driver does: a separate
thread reads stdin and sees it close. WORK is the function that the fragments will name; it is loaded before the first
one arrives. Between answers the worker sends heartbeats, {"alive": seconds}; see heartbeat.py.
"""

import contextlib
import json
import os
import queue
import select
import signal
import sys
import threading
import traceback
from typing import Any, NoReturn

from ..disk.memory import is_out_of_memory, no_memory
from ..errors import LookalikeError
from . import heartbeat
from .fragments import perform, resolve

_sending = threading.Lock()


def main() -> NoReturn:
    """Serve until the driver closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the driver ends us
    requests, answers = own_the_pipes()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests, lines, int(sys.argv[1])), daemon=True).start()
    heartbeat.beat(lambda seconds: _send(answers, {"alive": seconds}))
    go_first(500)
    _load(sys.argv[2:])
    while True:
        _send(answers, answer(json.loads(lines.get())))


def go_first(how: int) -> None:
    """Ask the system to end this process rather than its driver when memory runs out: `how` is at most 1000."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(how))


def own_the_pipes() -> tuple[int, int]:
    """Move the protocol away from fds 0 and 1, since any library may read from or print to those."""
    requests, answers = os.dup(0), os.dup(1)  # not inherited by what the work may start
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return requests, answers


def _load(work: list[str]) -> None:
    """Load the function in advance; where that fails, the first fragment reports it."""
    with contextlib.suppress(Exception):
        for name in work:
            resolve(name)


def _read(requests: int, lines: "queue.SimpleQueue[bytes]", driver: int) -> None:
    """Queue the lines that come in; end the process when the driver is gone."""
    rest = b""
    while True:
        if select.select([requests], [], [], 1.0)[0]:
            data = os.read(requests, 1 << 16)
            if not data:
                os._exit(0)
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                lines.put(line)
        elif os.getppid() != driver:  # the pipe may be held open by a process that the driver forked
            os._exit(0)


def answer(fragment: Any) -> dict[str, Any]:
    """The result of a fragment, or why there is none: `refused` (a LookalikeError) or `failed` (anything else)."""
    try:
        return {"result": perform(fragment)}
    except LookalikeError as error:
        return {"refused": type(error).__name__, "message": str(error), "traceback": traceback.format_exc()}
    except Exception as error:
        if is_out_of_memory(error):
            return {"refused": "LookalikeError", "message": no_memory(error), "traceback": traceback.format_exc()}
        return {"failed": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}


def _send(answers: int, reply: dict[str, Any]) -> None:
    data = memoryview(json.dumps(reply).encode() + b"\n")
    try:
        with _sending:
            while data:
                data = data[os.write(answers, data) :]
    except OSError:  # the driver is gone
        os._exit(0)


if __name__ == "__main__":
    main()
