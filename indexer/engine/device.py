"""CPU or GPU: the only module that uses features of FAISS's GPU builds.

Files hold CPU indexes; a GPU gets a copy when a collection is opened. An index type without a GPU form stays on the
CPU, and searches that a GPU cannot do (k > 2048, more than 2048 lists, an ID selector, too little memory, or any other
refusal) run on the CPU. A warning says so once, also where a GPU build of FAISS finds no GPU.
"""

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...store.checks import DEVICES, choice
from ...store.errors import LookalikeError, LookalikeWarning
from ...store.work.forks import Lock
from .kinds import nested
from .library import faiss, short

MOST_HITS = 2048  # the largest k of FAISS's GPU searches
MOST_LISTS = 2048  # and the largest nprobe
_MEMORY = ("out of memory", "cudaerrormemoryallocation", "alloc fail")

Hits = tuple[NDArray[np.float32], NDArray[np.int64]]


@dataclass(frozen=True)
class Device:
    """Where indexes are searched: kind "cpu", or "gpu" with `count` devices."""

    kind: str
    count: int = 0

    def load(self, index: Any) -> "GpuIndex | None":
        """A copy of a CPU index on the GPUs (sharded over several); None where it stays on the CPU."""
        if self.kind == "cpu":
            return None
        name = type(index).__name__
        if (nprobe := max((getattr(part, "nprobe", 0) for part in nested(index)), default=0)) > MOST_LISTS:
            _say(f"{name} stays on the CPU: its nprobe is {nprobe}, but a GPU visits at most {MOST_LISTS} lists")
            return None
        try:
            return GpuIndex(_copy(index, self.count), self.count)
        except RuntimeError as error:
            _say(f"{name} stays on the CPU, since the GPU refuses it ({short(error)})")
            return None

    def help_training(self, index: Any) -> None:
        """Let k-means of an IVF index run on the GPUs, if they accept it."""
        if self.kind == "gpu":
            try:
                index.clustering_index = _copy(faiss.IndexFlat(index.d, index.metric_type), self.count)
            except RuntimeError as error:
                _say(f"training on the CPU, since the GPU refuses it ({short(error)})")


def choose(device: str = "auto") -> Device:
    """The device for "auto" (GPUs if there are any), "cpu" or "gpu".

    Raises LookalikeError for another name, and for "gpu" where FAISS finds none.
    """
    if choice("device", device, DEVICES) == "cpu":
        return Device("cpu")
    if not hasattr(faiss, "StandardGpuResources"):
        _refuse(
            device, "this build of FAISS has no GPU support: install 'lookalike[gpu]' (CUDA 12) or [cuvs] (CUDA 13)"
        )
        return Device("cpu")
    try:
        count = int(faiss.get_num_gpus())
    except RuntimeError as error:
        return _without_gpu(
            device, f"the CUDA driver does not respond ({short(error)}); update it, or use --device cpu"
        )
    if count == 0:
        return _without_gpu(device, "FAISS finds no GPU that its CUDA driver can use; use --device cpu")
    return Device("gpu", count)


def _without_gpu(device: str, why: str) -> Device:
    """The CPU, with a warning, since users who install a GPU build of FAISS expect a GPU."""
    _refuse(device, why)
    _say(f"searching on the CPU: {why}")
    return Device("cpu")


def _refuse(device: str, why: str) -> None:
    if device == "gpu":
        raise LookalikeError(f"device 'gpu' cannot be used: {why}")


@cache
def _say(text: str) -> None:
    """Warn once for each text."""
    warnings.warn(text, LookalikeWarning, stacklevel=3)


@cache
def _resources() -> Any:
    """The scratch memory and streams of one GPU, which its indexes share: otherwise each takes 1.5 GiB."""
    return faiss.StandardGpuResources()


def _copy(index: Any, count: int) -> Any:
    """`index` on one GPU, or in shards over all of them."""
    if count == 1:
        return faiss.index_cpu_to_gpu(_resources(), 0, index)
    options = faiss.GpuMultipleClonerOptions()
    options.shard = True
    return faiss.index_cpu_to_all_gpus(index, co=options)


class GpuIndex:
    """A copy of an index on the GPUs, searched one call at a time: GPU indexes cannot be shared between threads."""

    def __init__(self, index: Any, count: int) -> None:
        self.index, self.count = index, count
        self._lock = Lock()
        self._largest: int | None = None  # queries at once, after memory ran out; 0 after a failure

    def search(self, queries: NDArray[np.float32], k: int) -> Hits | None:
        """Scores (nq, k) and ids (nq, k), best first; None where the CPU must answer."""
        if k > MOST_HITS or self._largest == 0:
            return None
        with self._lock:
            return self._in_batches(queries, k)

    def _in_batches(self, queries: NDArray[np.float32], k: int) -> Hits | None:
        scores = np.empty((len(queries), k), dtype=np.float32)
        ids = np.empty((len(queries), k), dtype=np.int64)
        start = 0
        while start < len(queries):
            stop = start + (self._largest or len(queries))
            try:
                scores[start:stop], ids[start:stop] = self.index.search(queries[start:stop], k)
            except RuntimeError as error:
                if not any(sign in str(error).lower() for sign in _MEMORY):
                    self._largest = 0
                    _say(f"the GPU refuses a search ({short(error)}): searching on the CPU")
                    return None
                if not self._halve(len(queries[start:stop])):
                    return None
            else:
                start = stop
        return scores, ids

    def _halve(self, tried: int) -> bool:
        """Halve the size of later batches; False where a single query does not fit."""
        self._largest = tried // 2
        if self._largest == 0:
            _say("the GPU has too little memory for a single query: searching on the CPU")
        else:
            _say(f"the GPU has too little memory for {tried} queries: searching {self._largest} at a time")
        return self._largest > 0
