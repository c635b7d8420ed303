"""Safetensors files that hold the SHA-256 of their content, so that a flipped bit is never taken for a weight.

The format has no checksum: most flipped bits in a file of weights give other weights, and other vectors without an
error. The digest covers header, tensors and the notes of the file (one text), and is stored with the notes in the
metadata of the header. Any safetensors library reads the file. Tensors have any shape and dtype; only writing the file
and reading all tensors loads torch.
"""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors

from ...store.disk.memory import free_memory
from ...store.errors import LookalikeError

if TYPE_CHECKING:
    import torch

_ENTRY = "lookalike"  # the only one: safetensors writes several in no certain order
_COPIES = 4
"""How many copies of its output the library has in memory, at most."""


def to_bytes(tensors: "dict[str, torch.Tensor]", notes: str = "") -> bytes:
    """The content of the file; equal tensors and notes give equal bytes."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    bare = _saved(plain, "")
    seal = {"notes": notes, "sha256": _digest(bare, _header(bare)[0], notes)}
    return _saved(plain, json.dumps(seal))


def _saved(tensors: "dict[str, torch.Tensor]", entry: str) -> bytes:
    """A safetensors file. Raises MemoryError if there is too little memory, where the library would panic."""
    import safetensors.torch

    size = sum(tensor.nbytes for tensor in tensors.values())
    if free_memory() < _COPIES * size:  # checked here, because the library ends the process if an allocation fails
        raise MemoryError(f"{size} bytes of weights are to be written")
    try:
        return safetensors.torch.save(tensors, {_ENTRY: entry})
    except Exception:
        raise
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # the exception of pyo3, which cannot be imported by name
            raise
        raise MemoryError(f"safetensors: {error}") from None


def check(content: bytes, path: Path) -> str:
    """The notes of a file, read without torch. Raises LookalikeError if it is cut off, altered, or another file."""
    try:
        safetensors.deserialize(content)
        header, seal = _header(content)
        notes, sha256 = json.loads(seal)["notes"], json.loads(seal)["sha256"]
    except (KeyError, TypeError, AttributeError):
        raise _damaged(path, "it has no SHA-256: an older version, or another program, wrote it") from None
    except (safetensors.SafetensorError, ValueError, RuntimeError, OverflowError) as error:  # deep nesting, too
        raise _damaged(path, " ".join(str(error).split())[:120]) from None
    if sha256 != _digest(content, header, notes):
        raise _damaged(path, "its content does not match its SHA-256")
    return str(notes)


def read(content: bytes, path: Path) -> "tuple[dict[str, torch.Tensor], str]":
    """(tensors by name, notes) of a file. Raises LookalikeError as `check` does."""
    import safetensors.torch

    notes = check(content, path)
    return safetensors.torch.load(content), notes


def int64s(content: bytes, path: Path, name: str) -> "np.ndarray | None":
    """The int64 tensor (m,) of that name, or None, read without torch. Raises LookalikeError as `check` does."""
    check(content, path)
    for each, tensor in safetensors.deserialize(content):
        if each == name and tensor["dtype"] == "I64":
            return np.frombuffer(tensor["data"], dtype="<i8")
    return None


def _header(content: bytes) -> tuple[dict[str, Any], str]:
    """The header without its metadata, and our entry in that."""
    header = json.loads(content[8 : 8 + _length(content)])
    return header, header.pop("__metadata__")[_ENTRY]


def _length(content: bytes) -> int:
    return int.from_bytes(content[:8], "little")


def _digest(content: bytes, header: dict[str, Any], notes: str) -> str:
    digest = hashlib.sha256(json.dumps([header, notes], sort_keys=True).encode())
    digest.update(memoryview(content)[8 + _length(content) :])
    return digest.hexdigest()


def _damaged(path: Path, why: str) -> LookalikeError:
    return LookalikeError(f"{path} is damaged, or not a safetensors file of lookalike: {why}")
