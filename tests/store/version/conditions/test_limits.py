import subprocess
import sys
import threading
import time

import pytest

from lookalike.store.version.conditions import limits as module
from lookalike.store.version.conditions.limits import limits, within


def test_what_the_work_gives_or_raises_comes_through():
    assert within(5, lambda: 7, list) == 7
    with pytest.raises(KeyError, match="ours"):
        within(5, lambda: {}["ours"], list)


def test_work_that_takes_too_long_is_stopped_until_it_ends():
    stopped, ended = threading.Event(), threading.Event()

    def work():
        stopped.wait(60)
        ended.set()

    with pytest.raises(TimeoutError):
        within(0.05, work, stopped.set)
    assert ended.wait(10)


def test_work_that_cannot_be_stopped_is_left_alone(monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.2)
    never = threading.Event()
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        within(0.05, lambda: never.wait(60), lambda: 1 / 0)
    assert time.monotonic() - started < 30
    never.set()


def test_threads_are_those_that_openmp_is_given(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert limits().threads == 3
    for value in ("", "none", "0", "-1"):
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert limits().threads >= 1
    assert (limits().seconds, limits().memory) == (60, 1 << 30)


LEFT = """
import time
from lookalike.store.version.conditions import limits
limits._PATIENCE = 0.1
try:
    limits.within(0.05, lambda: (time.sleep(1), print("ended", flush=True)), list)
except TimeoutError:
    print("left", limits.left_running(), flush=True)
"""


def test_python_does_not_go_away_under_work_that_was_left():
    done = subprocess.run([sys.executable, "-c", LEFT], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["left", "True", "ended"], "")
