"""Indexes as files: plain CPU indexes that faiss.read_index reads.

FAISS trusts the files that it parses: they have no checksum, may nest any index type, and may name other files. So a
file is hashed first (by `Store.file`), its type codes and those of nested indexes at known places are compared with a
list before FAISS reads it, sizes are limited while it parses, and the classes of the result are compared with the list
again.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...store.disk.publish import Published, publish
from ...store.errors import Damaged, LookalikeError
from ...store.work.forks import Lock
from .kinds import CODES, WITH_LISTS, refuse_unlisted
from .library import faiss, short
from .threads import on_one_thread

_HEADER = 4 + 4 + 8 + 16 + 1 + 4  # type code, d, ntotal, two unused numbers, is_trained, metric
# Without the table that IVF,PQ searches by L2 with: it is larger than the file, and of no use to inner products.
_FLAGS = faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_SKIP_PRECOMPUTE_TABLE
_LIMITS = Lock()  # FAISS keeps its limits per process


def write_faiss(path: Path, index: Any) -> Published:
    """Publish a CPU index. Returns its size and SHA-256."""
    return publish(path, lambda file: _stream(index, file))


def _stream(index: Any, file: BinaryIO) -> None:
    try:
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))
    except RuntimeError as error:
        raise LookalikeError(f"{type(index).__name__} cannot be written: {short(error)}") from error


def publish_index(path: Path, index: Any, probe: NDArray[np.float32], spec: str) -> Published:
    """`write_faiss`, followed by a check that a search can open the file; otherwise no file is left.

    The file is read as a search reads it, and must answer the unit row `probe` (d,) as `index` does. Raises
    LookalikeError with the reason where it does not.
    """
    published = write_faiss(path, index)
    try:
        _same_answer(read_faiss(path), index, np.ascontiguousarray(probe[None], dtype=np.float32))
    except (LookalikeError, RuntimeError) as error:
        path.unlink(missing_ok=True)
        raise LookalikeError(
            f"spec {spec!r} makes an index that cannot be opened again, so nothing was changed "
            f"({short(error).replace(str(path), 'its file')}): use auto, or another spec"
        ) from error
    return published


def _same_answer(read: Any, index: Any, probe: NDArray[np.float32]) -> None:
    """Raise LookalikeError where an index read from its file is not the one that was written."""
    if (read.ntotal, read.d, read.metric_type) != (index.ntotal, index.d, index.metric_type):
        raise LookalikeError(f"it reads back as {read.ntotal} vectors of {read.d} dimensions")
    k = min(10, int(index.ntotal))
    if k == 0:
        return
    with on_one_thread():
        (scores, _), (again, _) = index.search(probe, k), read.search(probe, k)
    if not np.allclose(scores, again, rtol=1e-3, atol=1e-3, equal_nan=True):
        raise LookalikeError("it gives other answers after it is read back")


def size_of(index: Any) -> int:
    """The bytes that `index` takes as a file."""
    size = 0

    def count(data: bytes) -> int:
        nonlocal size
        size += len(data)
        return len(data)

    faiss.write_index(index, faiss.PyCallbackIOWriter(count))
    return size


def read_faiss(path: Path) -> Any:
    """The index in `path`, memory-mapped if its type allows it.

    `path` must have been checked against its hash. Raises Damaged where it is not an index, and LookalikeError for an
    index type that is not on the list.
    """
    for code in _type_codes(path):
        if code not in CODES:
            raise LookalikeError(f"{path} holds an index of type {code!r}, which lookalike does not support")
    index = _parse(path)
    refuse_unlisted(index, str(path))
    return index


def _parse(path: Path) -> Any:
    size = path.stat().st_size
    with _LIMITS:
        before = faiss.get_deserialization_vector_byte_limit(), faiss.get_deserialization_loop_limit()
        faiss.set_deserialization_vector_byte_limit(size + 4096)
        faiss.set_deserialization_loop_limit(size)
        try:
            return faiss.read_index(str(path), _FLAGS)
        except RuntimeError as error:
            raise Damaged(f"{path} is not an index that FAISS reads: {short(error)}") from error
        finally:
            faiss.set_deserialization_vector_byte_limit(before[0])
            faiss.set_deserialization_loop_limit(before[1])


def _type_codes(path: Path) -> Iterator[bytes]:
    """The file's type code and, as far as their places are known, those of the indexes inside, outermost first."""
    with open(path, "rb") as file:
        while True:
            code = file.read(4)
            yield code
            file.seek(_HEADER - 4, 1)
            if code in WITH_LISTS:
                file.seek(16, 1)  # nlist, nprobe; then the coarse quantiser
            elif code == b"IxPT":
                if not _skip_transforms(file):
                    return
            elif code != b"IxRF":
                return


def _skip_transforms(file: BinaryIO) -> bool:
    """Skip the linear transforms of an IxPT; False at a transform of another type."""
    (count,) = struct.unpack("<i", file.read(4).ljust(4, b"\0"))
    for _ in range(min(count, 8)):
        kind = file.read(4)
        if kind not in (b"rrot", b"LTra", b"Pcam"):
            return False
        if kind == b"Pcam":
            file.seek(4 + 4 + 1 + 4, 1)  # eigen_power, epsilon, random_rotation, balanced_bins
            for _ in range(3):  # mean, eigenvalues, components
                _skip_floats(file)
        file.seek(1, 1)  # have_bias
        _skip_floats(file)
        _skip_floats(file)
        file.seek(4 + 4 + 1, 1)  # d_in, d_out, is_trained
    return True


def _skip_floats(file: BinaryIO) -> None:
    (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))
    file.seek(min(4 * length, 1 << 40), 1)
