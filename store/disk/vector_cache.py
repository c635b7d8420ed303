"""Vectors of query images, kept outside of collections by the image's content and by what encoded it.

A file holds its magic, the SHA-256 of the rest, and then: the key of what encoded (32 bytes), the number of vectors (8)
and of dimensions (4), the contents' SHA-256 (32 each) and the vectors (float32), all little-endian. Each file gets its
own name and never changes, so that any number of processes may add files. The whole file is hashed before a vector is
used; a file that is damaged, cut or foreign is ignored, which only costs time.
"""

import contextlib
import hashlib
import io
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .cache_folder import cache_folder, open_cached

LARGEST = 1 << 30
"""Bytes that all files take at most; beyond that the ones that were not used for longest are removed."""
AT_ONCE = 32 << 20
"""Bytes of vectors that are written as one file, at most."""
_FOLDER, _ENDING, _UNFINISHED = "vectors", ".vectors", ".part"
_MAGIC = b"lookalike vectors 1\n"
_ABANDONED = 3600.0  # seconds after which an unfinished file is abandoned


class _Place(NamedTuple):
    """Where a vector is stored."""

    file: BinaryIO
    offset: int


class VectorCache:
    """The cached vectors of one way of encoding, as a context manager.

    key: everything that decides which vector an image gets (the model's digest, how images are decoded, the precision).
    dim: the length of a vector.
    """

    def __init__(self, key: str, dim: int) -> None:
        self._key, self._dim = hashlib.sha256(key.encode()).digest(), dim
        self._folder = cache_folder(_FOLDER)
        self._places: dict[bytes, _Place] = {}
        self._new: dict[bytes, NDArray[np.float32]] = {}
        self._written = 0
        self._files = contextlib.ExitStack()
        if self._folder is not None:
            for path in sorted(self._folder.glob(f"{self._key.hex()[:32]}-*{_ENDING}")):
                self._open(path)

    def __enter__(self) -> "VectorCache":
        return self

    def __exit__(self, *_: object) -> None:
        """Write the new vectors, even where the work was interrupted: they are finished."""
        self._write()
        self._files.close()

    def find(self, contents: Sequence[str | None]) -> list[NDArray[np.float32] | None]:
        """For each content (SHA-256 in hex) its vector (d,) float32, bit for bit as it was added, or None."""
        return [None if content is None else self._vector(bytes.fromhex(content)) for content in contents]

    def add(self, contents: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep the vectors (m, d) float32 of m contents."""
        for content, vector in zip(contents, vectors, strict=True):
            digest = bytes.fromhex(content)
            if digest not in self._places:
                self._new[digest] = np.array(vector, dtype="<f4")
        if len(self._new) * self._dim * 4 >= AT_ONCE:
            self._write()

    def _vector(self, digest: bytes) -> NDArray[np.float32] | None:
        if digest in self._new:
            return self._new[digest]
        place = self._places.get(digest)
        if place is None:
            return None
        with contextlib.suppress(OSError):
            data = os.pread(place.file.fileno(), 4 * self._dim, place.offset)
            if len(data) == 4 * self._dim:
                return np.frombuffer(data, "<f4").astype(np.float32)
        return None

    def _open(self, path: Path) -> None:
        """Load a file, unless its bytes are not those that were written."""
        with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as opened:
            file = opened.enter_context(open_cached(path, most=LARGEST))
            contents, offset = _checked(file, self._key, self._dim)
            os.utime(path)  # mark it as used, so that others are removed before it
            self._files.push(opened.pop_all())
            for number, digest in enumerate(contents):
                self._places[digest] = _Place(file, offset + number * 4 * self._dim)

    def _write(self) -> None:
        """Publish the new vectors as one file and make room for it.

        They are dropped where there is no cache, or where this run alone would fill it.
        """
        new, self._new = self._new, {}
        if self._folder is None or not new or self._written >= LARGEST // 2:
            return  # a source larger than the cache would only push itself out
        body = self._key + len(new).to_bytes(8, "little") + self._dim.to_bytes(4, "little")
        body += b"".join(new) + np.stack(list(new.values())).tobytes()
        name = f"{self._key.hex()[:32]}-{secrets.token_hex(8)}"
        unfinished = self._folder / f"{name}{_UNFINISHED}"
        with contextlib.suppress(OSError):
            try:
                with open_cached(unfinished, "ab") as file:
                    _write_all(file, _MAGIC + hashlib.sha256(body).digest() + body)
                unfinished.rename(self._folder / f"{name}{_ENDING}")
            finally:
                unfinished.unlink(missing_ok=True)
            self._written += len(body)
            _make_room(self._folder)


def _checked(file: BinaryIO, key: bytes, dim: int) -> tuple[list[bytes], int]:
    """The contents of a file and the place where its vectors start.

    Raises ValueError where the file is not whole or has another key.
    """
    head = len(_MAGIC) + 32
    start = file.read(head + 44)
    count = int.from_bytes(start[head + 32 : head + 40], "little")
    size = head + 44 + count * (32 + 4 * dim)
    same = start[: len(_MAGIC)] == _MAGIC and start[head:] == key + count.to_bytes(8, "little") + dim.to_bytes(
        4, "little"
    )
    if not same or os.fstat(file.fileno()).st_size != size:
        raise ValueError("another file")
    digest = hashlib.sha256(start[head:])
    contents = file.read(32 * count)
    digest.update(contents)
    while data := file.read(1 << 20):
        digest.update(data)
    if digest.digest() != start[len(_MAGIC) : head]:
        raise ValueError("damaged")
    return [contents[at : at + 32] for at in range(0, len(contents), 32)], head + 44 + 32 * count


def _write_all(file: BinaryIO, data: bytes) -> None:
    """An unbuffered file may take less than it is given."""
    rest = io.BytesIO(data)
    while piece := rest.read(1 << 20):
        while piece:
            piece = piece[file.write(piece) :]


def _make_room(folder: Path) -> None:
    """Remove the least recently used files until the others fit, and the unfinished files of other processes."""
    files = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            status = path.lstat()
            if path.suffix == _ENDING:
                files.append((status.st_mtime_ns, status.st_size, path))
            elif path.suffix == _UNFINISHED and time.time() - status.st_mtime > _ABANDONED:
                path.unlink()
    kept = 0
    for _, size, path in sorted(files, reverse=True):
        kept += size
        if kept > LARGEST:
            with contextlib.suppress(OSError):
                path.unlink()
