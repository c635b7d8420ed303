"""The device to compute on, and reproducible computation.

A forked child has none of its parent's threads, for which OpenMP would wait forever: it computes on one thread. A GPU
that the parent has used cannot be used in the child at all.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import torch

from ...store.checks import DEVICES, choice
from ...store.errors import LookalikeError

_forked = _gpu_is_the_parents = False


def _in_child() -> None:
    global _forked, _gpu_is_the_parents
    _gpu_is_the_parents = torch.cuda.is_initialized()
    _forked = True
    torch.set_num_threads(1)


os.register_at_fork(after_in_child=_in_child)


def check_usable(device: torch.device) -> None:
    """Raises LookalikeError if `device` is a GPU that was in use by the parent when this process was forked."""
    if device.type == "cuda" and _gpu_is_the_parents:
        raise LookalikeError(
            "a process that was forked after its parent used the GPU cannot use it: start processes with "
            "multiprocessing's 'spawn' method, or use device='cpu'"
        )


def torch_device(name: str) -> torch.device:
    """torch's device for "auto" (a GPU if there is one), "cpu" or "gpu". Raises LookalikeError if there is no GPU."""
    choice("device", name, DEVICES)
    if name == "cpu" or (name == "auto" and (_gpu_is_the_parents or not torch.cuda.is_available())):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise LookalikeError("device is 'gpu', but torch finds no GPU on this machine: use auto or cpu")
    check_usable(torch.device("cuda"))
    return torch.device("cuda")


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 in hardware (AVX-512 BF16 or AMX; NVIDIA since Ampere)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in capabilities)


@contextlib.contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Compute with that many threads and deterministic kernels, so that a machine gives the same bits every time."""
    threads_before = torch.get_num_threads()
    strict_before = torch.are_deterministic_algorithms_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # which cuBLAS needs to be deterministic
    torch.set_num_threads(1 if _forked else threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    settings: Any = torch.utils.deterministic
    filling_before = settings.fill_uninitialized_memory
    settings.fill_uninitialized_memory = False  # it costs time, and only hides reads of uninitialised memory
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict_before)
        settings.fill_uninitialized_memory = filling_before
        torch.set_num_threads(threads_before)
