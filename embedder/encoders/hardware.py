"""What this machine computes on, and how to make it compute the same thing twice.

A forked child has none of its parent's threads, and OpenMP would wait for them for ever: it computes on one thread. A
GPU that the parent has used cannot be used in the child at all.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import torch

from ...store.errors import LookalikeError

DEVICES = ("auto", "cpu", "gpu")

_forked = _gpu_is_the_parents = False


def _in_child() -> None:
    global _forked, _gpu_is_the_parents
    _gpu_is_the_parents = torch.cuda.is_initialized()
    _forked = True
    torch.set_num_threads(1)


os.register_at_fork(after_in_child=_in_child)


def check_usable(device: torch.device) -> None:
    """LookalikeError where `device` is a GPU that only the process can use that this one was forked from."""
    if device.type == "cuda" and _gpu_is_the_parents:
        raise LookalikeError(
            "the GPU cannot be used in a process that was forked after its parent had used it: start processes by "
            "multiprocessing's 'spawn' method, or give device='cpu'"
        )


def torch_device(name: str) -> torch.device:
    """Give torch's device for "auto" (a GPU where there is one), "cpu" or "gpu"; LookalikeError without a GPU."""
    if name not in DEVICES:
        raise LookalikeError(f"device {name}: the choices are {', '.join(DEVICES)}")
    if name == "cpu" or (name == "auto" and (_gpu_is_the_parents or not torch.cuda.is_available())):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise LookalikeError("device gpu: torch sees no GPU on this machine; use auto or cpu")
    check_usable(torch.device("cuda"))
    return torch.device("cuda")


def has_bf16(device: torch.device) -> bool:
    """Say whether the device multiplies bf16 in hardware (AVX-512 BF16 or AMX; NVIDIA since Ampere)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in capabilities)


@contextlib.contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Compute with that many threads and repeatable kernels, so that one machine gives the same bits again."""
    threads_before = torch.get_num_threads()
    strict_before = torch.are_deterministic_algorithms_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for this before it promises anything
    torch.set_num_threads(1 if _forked else threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    settings: Any = torch.utils.deterministic
    filling_before = settings.fill_uninitialized_memory
    settings.fill_uninitialized_memory = False  # costs time, and only hides reads of garbage
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict_before)
        settings.fill_uninitialized_memory = filling_before
        torch.set_num_threads(threads_before)
