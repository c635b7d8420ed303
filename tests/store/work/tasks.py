"""What the tests of the engine let workers do, reached as `lookalike.tests.store.work.tasks:NAME` from a checkout."""

import os
import signal
import sys
import time
from pathlib import Path

from lookalike.store.errors import Busy

if "NOTED_WHEN_LOADED" in os.environ:
    Path(os.environ["NOTED_WHEN_LOADED"], str(os.getpid())).touch()


def square(payload: dict) -> dict:
    time.sleep(payload.get("sleep", 0))
    return {"square": payload["x"] ** 2, "number": payload["number"], "pid": os.getpid()}


def noisy(payload: dict) -> dict:
    print("this would break the protocol" * 1000)
    os.write(1, b'{"result": {"square": -1}}\n')
    os.system("echo '{}'; cat")  # a child that writes to stdout, and reads stdin to its end
    return {"read": sys.stdin.read(), "square": payload["x"] ** 2}


def killed(payload: dict) -> dict:
    """Die on the first `times` attempts at x, counted in files."""
    attempts = len(list(Path(payload["collection"]).glob(f"{payload['x']}.*")))
    (Path(payload["collection"]) / f"{payload['x']}.{attempts}").touch()
    if attempts < payload["times"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"x": payload["x"], "attempts": attempts + 1}


def raising(payload: dict) -> dict:
    """Raise TypeError on the first `times` attempts, counted in files."""
    attempts = len(list(Path(payload["collection"]).glob("*")))
    (Path(payload["collection"]) / str(attempts)).touch()
    if attempts < payload["times"]:
        raise TypeError("no such thing")
    return {"attempts": attempts + 1}


def refusing(payload: dict) -> dict:
    if payload["x"] == 2:
        raise Busy("shop is being written by 17")
    return {"x": payload["x"]}


def environment(payload: dict) -> dict:
    return {"threads": os.environ.get("OMP_NUM_THREADS"), "fds": sorted(os.listdir("/dev/fd"))}


def echo(payload: dict) -> dict:
    return {"text": payload["text"]}
