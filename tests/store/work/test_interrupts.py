"""A process that is started with interrupts kept from it outlives one, and the starter still gets its own."""

import os
import signal
import subprocess
import sys

import pytest

from lookalike.store.work.interrupts import interrupts_later
from lookalike.store.work.pool import Worker


def test_an_interrupt_does_not_reach_what_was_started_in_here():
    with interrupts_later():
        process = subprocess.Popen(
            [sys.executable, "-c", "print(input())"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    process.send_signal(signal.SIGINT)
    assert process.communicate(b"here\n", timeout=60)[0] == b"here\n" and process.returncode == 0


def test_the_starters_own_interrupt_comes_afterwards():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt), interrupts_later():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_worker_that_still_loads_prints_nothing(capfd):
    worker = Worker({}, None)
    os.kill(worker.process.pid, signal.SIGINT)
    worker.silent = 1.0
    while worker.silent:  # until its first sign of life
        assert worker.answers() is not None
    assert worker.process.poll() is None
    worker.end()
    assert capfd.readouterr().err == ""
