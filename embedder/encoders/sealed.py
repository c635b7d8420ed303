"""Safetensors files that hold the SHA-256 of their own content, so that a flipped bit is never taken for a weight.

The format has no checksum: most flips in a file of weights are other weights, and give other vectors without a word.
The digest is of header and tensors, and of the notes that the file carries (one text); it is kept beside them in the
header's metadata. Any safetensors library reads the file. Tensors have any shape and dtype; only writing and reading
them all loads torch.
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
"""How often the library holds what it writes, at most."""


def to_bytes(tensors: "dict[str, torch.Tensor]", notes: str = "") -> bytes:
    """Give the file's content; equal tensors and notes give equal bytes."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    bare = _saved(plain, "")
    seal = {"notes": notes, "sha256": _digest(bare, _header(bare)[0], notes)}
    return _saved(plain, json.dumps(seal))


def _saved(tensors: "dict[str, torch.Tensor]", entry: str) -> bytes:
    """A safetensors file; MemoryError where there is no memory for it, of which the library makes a panic."""
    import safetensors.torch

    size = sum(tensor.nbytes for tensor in tensors.values())
    if free_memory() < _COPIES * size:  # before the library, which ends the process where an allocation fails
        raise MemoryError(f"{size} bytes of weights are to be written")
    try:
        return safetensors.torch.save(tensors, {_ENTRY: entry})
    except Exception:
        raise
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # pyo3's, which has no name that one could import
            raise
        raise MemoryError(f"safetensors: {error}") from None


def check(content: bytes, path: Path) -> str:
    """Give the notes of a file's content, without torch; LookalikeError where it is cut, altered, or another file."""
    try:
        safetensors.deserialize(content)
        header, seal = _header(content)
        notes, sha256 = json.loads(seal)["notes"], json.loads(seal)["sha256"]
    except (KeyError, TypeError, AttributeError):
        raise _damaged(path, "it holds no SHA-256 of its own: an older version wrote it, or something else") from None
    except (safetensors.SafetensorError, ValueError, RuntimeError, OverflowError) as error:  # deep nesting, too
        raise _damaged(path, " ".join(str(error).split())[:120]) from None
    if sha256 != _digest(content, header, notes):
        raise _damaged(path, "its bytes are not those that were written")
    return str(notes)


def read(content: bytes, path: Path) -> "tuple[dict[str, torch.Tensor], str]":
    """Give (tensors by name, notes) of a file's content; LookalikeError as `check` has it."""
    import safetensors.torch

    notes = check(content, path)
    return safetensors.torch.load(content), notes


def int64s(content: bytes, path: Path, name: str) -> "np.ndarray | None":
    """Give the int64 tensor (m,) of that name, without torch, None where there is none; errors as `check` has them."""
    check(content, path)
    for found, tensor in safetensors.deserialize(content):
        if found == name and tensor["dtype"] == "I64":
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
    return LookalikeError(f"{path}: not a safetensors file of lookalike, or a damaged one ({why})")
