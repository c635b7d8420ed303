"""Tries files in a child process with limited memory and time, so that a file that crashes its reader costs one line.

A matching hash only says that a file is as its manifest describes it, and whoever made the collection wrote both.
Parsers trust what such files say, so that a stranger's file may crash the process that reads it, fill its memory, or
never end.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from ..disk.publish import reason
from ..errors import LookalikeError
from .fragments import resolve

_OK, _WRONG = "file: sound", "file: wrong: "


def come_through(work: str, arguments: Sequence[Sequence[Any]], memory: int, seconds: int) -> tuple[int, str | None]:
    """How many files a child read without a problem, one after the other, and the problem of the next or None.

    work: "lookalike.room.module:function", called with each of `asked` (JSON-able; the path first), which returns the
    problem of a file, or None. memory: bytes of address space. seconds: for all files.
    """
    asking = json.dumps({"work": work, "asked": arguments, "memory": memory, "seconds": seconds})
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX"), "1")
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, **threads, "PYTHONPATH": path, "ARROW_DEFAULT_MEMORY_POOL": "system"}
    command = [sys.executable, "-c", f"from {__name__} import main; main()"]
    endless = f"reading it did not end within {seconds} s"
    try:
        child = subprocess.run(
            command, input=asking.encode(), capture_output=True, env=environment, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        return (error.stdout or b"").splitlines().count(_OK.encode()), endless
    except OSError as error:
        raise LookalikeError(f"cannot start a process to try {arguments[0][0]}: {reason(error)}") from error
    lines = child.stdout.decode(errors="replace").splitlines()
    done, wrong = lines.count(_OK), [line for line in lines if line.startswith(_WRONG)]
    if done == len(arguments):
        return done, None
    if wrong:
        return done, wrong[0].removeprefix(_WRONG)[:300]
    if child.returncode == -signal.SIGXCPU:
        return done, endless
    return done, f"a process that read it ended with {_ended(child.returncode)}"


def _ended(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"


def main() -> None:
    """The child: try the files that stdin names, and print a line for each."""
    request = json.loads(sys.stdin.buffer.read())
    for limit, most in (
        (resource.RLIMIT_AS, request["memory"]),
        (resource.RLIMIT_CPU, request["seconds"]),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    try_one = resolve(request["work"])
    for arguments in request["asked"]:
        wrong: Any = try_one(*arguments)
        said = _OK if wrong is None else _WRONG + " ".join(str(wrong).split())
        os.write(1, said.encode(errors="replace") + b"\n")
        if wrong is not None:
            return
