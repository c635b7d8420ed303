"""What a forked child finds: free locks, values that can be computed, and no module half imported."""

import os
import subprocess
import sys
import threading
import time

import pytest

from lookalike.store.work.forks import Lock, RLock, cached_property


def in_forked_child(work, seconds=20) -> bool:
    """Whether `work` gives something true in a forked child within some seconds."""
    child = os.fork()
    if child == 0:
        os._exit(0 if work() else 1)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


@pytest.mark.parametrize("kind", [Lock, RLock])
def test_a_lock_that_another_thread_holds_is_free_in_a_child(kind):
    lock, taken, over = kind(), threading.Event(), threading.Event()

    def hold():
        with lock:
            taken.set()
            over.wait(60)

    def take():
        with lock:
            return True

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(10)
    assert in_forked_child(take)
    over.set()
    thread.join()
    assert take()


def test_a_thread_may_take_a_reentrant_lock_again():
    lock = RLock()
    with lock, lock:
        assert in_forked_child(lambda: True)


class Slow:
    def __init__(self):
        self.count, self.begun, self.go = 0, threading.Event(), threading.Event()

    @cached_property
    def value(self) -> int:
        self.count += 1
        self.begun.set()
        self.go.wait(20)
        return 7


def test_threads_compute_a_value_once():
    slow, found = Slow(), []
    threads = [threading.Thread(target=lambda: found.append(slow.value)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert slow.begun.wait(10)
    other = Slow()
    other.go.set()
    assert other.value == 7  # another instance does not wait
    slow.go.set()
    for thread in threads:
        thread.join()
    assert (found, slow.count) == ([7] * 4, 1) and isinstance(Slow.value, cached_property)


def test_a_child_computes_what_another_thread_was_computing():
    slow = Slow()
    thread = threading.Thread(target=lambda: slow.value)
    thread.start()
    assert slow.begun.wait(10)

    def compute():
        slow.go = threading.Event()
        slow.go.set()
        return slow.value == 7

    assert in_forked_child(compute)
    slow.go.set()
    thread.join()


IMPORTING = """
import os, sys, threading, time
sys.path.insert(0, sys.argv[1])
import lookalike.store.work.forks
begun = threading.Event()
sys.begun = begun.set
threading.Thread(target=lambda: __import__("duckdb")).start()
assert begun.wait(20)
child = os.fork()
if child == 0:
    import duckdb
    os._exit(0 if duckdb.value == 7 else 1)
sys.exit(os.waitpid(child, 0)[1])
"""


def test_a_fork_waits_for_an_import_in_another_thread(tmp_path):
    (tmp_path / "duckdb.py").write_text("import sys, time\nsys.begun()\ntime.sleep(1)\nvalue = 7\n")
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING, str(tmp_path)], timeout=60, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


FORKING = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import lookalike.store.work.forks
begun = time.monotonic()
import duckdb
sys.exit(time.monotonic() - begun > 20)
"""


def test_a_module_that_forks_while_it_is_imported_does_not_wait_for_itself(tmp_path):
    (tmp_path / "duckdb.py").write_text("import os\nchild = os.fork()\nchild or os._exit(0)\nos.waitpid(child, 0)\n")
    done = subprocess.run([sys.executable, "-c", FORKING, str(tmp_path)], timeout=90, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
