"""Writing sealed safetensors where memory is short: an error that the shell knows, and never the end of the process."""

import os
import subprocess
import sys

import pytest
import safetensors.torch
import torch

from lookalike.embedder.encoders import sealed
from lookalike.store.disk.memory import is_out_of_memory

WEIGHTS = {"a": torch.arange(1000.0)}


def test_weights_that_memory_does_not_hold_are_not_handed_to_the_library(monkeypatch):
    written = sealed.to_bytes(WEIGHTS, "notes")
    monkeypatch.setattr(sealed, "free_memory", lambda: 4 * 4000)
    assert sealed.to_bytes(WEIGHTS, "notes") == written
    monkeypatch.setattr(sealed, "free_memory", lambda: 4 * 4000 - 1)
    with pytest.raises(MemoryError, match="4000 bytes of weights"):
        sealed.to_bytes(WEIGHTS, "notes")


def test_a_panic_of_the_library_is_too_little_memory(monkeypatch):
    panic = type("PanicException", (BaseException,), {})

    def save(*_):
        raise panic("PyObject pointer is null")

    monkeypatch.setattr(safetensors.torch, "save", save)
    with pytest.raises(MemoryError, match="PyObject pointer is null") as raised:
        sealed.to_bytes(WEIGHTS)
    assert is_out_of_memory(raised.value)


def test_a_panic_in_the_shell_draws_no_stack():
    code = "import atexit, os, sys; from lookalike.cli import main; sys.argv[1:] = ['--version']; "
    code += "atexit.register(lambda: print(os.environ['RUST_BACKTRACE'])); main()"
    environment = {**os.environ, "RUST_BACKTRACE": "1"}
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines()[-1] == "0", done.stderr
