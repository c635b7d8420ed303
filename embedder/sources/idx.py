"""IDX files, the format of MNIST (http://yann.lecun.com/exdb/mnist): images and, where given, labels; gzip or not.

Key: the image's number, zero-padded to eight digits whatever the file's length, so that a longer file keeps the keys.
Label: the number in the labels file, as text. Size and mtime of a record are the images file's own.
"""

import gzip
import itertools
import math
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ...store.disk.memory import free_memory, in_words
from ...store.disk.regular import open_regular
from ...store.errors import LookalikeError
from ..images.rejected import Rejected
from .base import RawPixels, Record, Source
from .files import facts
from .options import USUAL, SourceOptions

_GZIP = b"\x1f\x8b"
_UBYTE = 8
_MOST = 8 << 30
_LARGE = 32 << 20


class IdxSource(Source):
    """An IDX file of images (n, h, w) or (n, h, w, 1 or 3), uint8, with or without its labels (n,)."""

    kind, called = "idx", "a file of images in the format IDX"
    accepted_options = frozenset({"follow_links"})  # which happens anyway

    def __init__(self, images: str | Path, labels: str | Path | None = None, *, options: SourceOptions = USUAL) -> None:
        self.options = options
        self._images = os.path.abspath(images)
        self._labels = None if labels is None else os.path.abspath(labels)
        self.name = os.path.realpath(images)
        self.extra_types = {}
        self._pixels: NDArray[np.uint8] | None = None
        shape = idx_shape(self._images)
        if len(shape) not in (3, 4) or shape[3:] not in ((), (1,), (3,)) or 0 in shape[1:]:
            raise LookalikeError(f"{images} holds values of shape {shape}: images have the shape (n, height, width)")

    def describe(self) -> dict[str, Any]:
        """Both files."""
        return {"kind": self.kind, "images": self._images, "labels": self._labels, **self.options.to_spec()}

    def read(self, locator: Any) -> RawPixels:
        """The pixels of the image of that number."""
        if self._pixels is None:
            self._pixels = read_idx(self._images)
        size = math.prod(self._pixels.shape[1:])
        if size > _LARGE and 2 * size > (free := free_memory()):
            raise Rejected("read", f"an image of {in_words(size)} is too large for the {in_words(free)} of free memory")
        return RawPixels(np.array(self._pixels[locator]))

    def records(self) -> Iterator[Record]:
        """All images in their order. Raises LookalikeError for a truncated file or another number of labels."""
        if self._pixels is None:
            self._pixels = read_idx(self._images)  # a truncated file is refused before any work
        size, mtime_ns = facts(self._images)
        for number, label in enumerate(self.labels()):
            yield Record(f"{number:08d}", label, number, size, mtime_ns, {})

    def labels(self) -> Iterator[str | None]:
        """The labels in the labels file. Only the header of the images is read, which may be gigabytes to unpack.

        Raises LookalikeError if the file cannot be read, or the numbers of labels and images differ.
        """
        count = idx_shape(self._images)[0]
        if self._labels is None:
            yield from itertools.repeat(None, count)
            return
        labels = read_idx(self._labels)
        if labels.shape != (count,):
            raise LookalikeError(
                f"{self._labels} has labels of shape {labels.shape}, and {self._images} has {count} images: give one "
                "label per image"
            )
        yield from (str(int(label)) for label in labels)


def is_idx(path: str | Path) -> bool:
    """Whether the file begins as an IDX file does, through gzip too."""
    try:
        return bool(idx_shape(path))
    except LookalikeError:
        return False


def idx_shape(path: str | Path) -> tuple[int, ...]:
    """The shape in the header of an IDX file. Raises LookalikeError for other files and other types of values."""
    try:
        with _open(path) as file:
            return _header(file, path)
    except (OSError, EOFError, zlib.error) as error:
        raise LookalikeError(f"{path} cannot be read as an IDX file: {error}") from error


def read_idx(path: str | Path) -> NDArray[np.uint8]:
    """The values of an IDX file, uint8 in the shape of its header: images (n, h, w), labels (n,).

    A plain file is mapped, and a gzip file is unpacked into memory. Raises LookalikeError for other files, for values
    that are not unsigned bytes, if the length differs from the header, and if it unpacks to more than 8 GiB.
    """
    shape = idx_shape(path)
    total, start = math.prod(shape), 4 + 4 * len(shape)
    try:
        if not _is_gzip(path):
            if os.path.getsize(path) != start + total:
                raise _length(path, shape)
            return np.memmap(path, np.uint8, "r", start, shape) if total else np.empty(shape, np.uint8)
        if total > _MOST:
            raise LookalikeError(f"{path} unpacks to {total} bytes: unpack it with gunzip, so that it can be mapped")
        if total > (free := free_memory()):
            raise LookalikeError(
                f"{path} unpacks to {in_words(total)}, and only {in_words(free)} of memory are free: unpack it with "
                "gunzip, so that it can be mapped"
            )
        with _open(path) as file:
            file.read(start)
            # One byte more than the header says, so that a longer file is noticed as well.
            data = file.read(total + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise LookalikeError(f"{path} cannot be read as an IDX file: {error}") from error
    if len(data) != total:
        raise _length(path, shape)
    return np.frombuffer(data, np.uint8).reshape(shape)


def _length(path: str | Path, shape: tuple[int, ...]) -> LookalikeError:
    return LookalikeError(f"{path} does not have the length that its header {shape} says: it is truncated or damaged")


def _is_gzip(path: str | Path) -> bool:
    with open_regular(path) as file:
        return file.read(2) == _GZIP


def _open(path: str | Path) -> BinaryIO:
    return gzip.open(path) if _is_gzip(path) else open_regular(path)  # type: ignore[return-value]


def _header(file: BinaryIO, path: str | Path) -> tuple[int, ...]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or not 1 <= magic[3] <= 4:
        raise LookalikeError(f"{path} is not an IDX file")
    if magic[2] != _UBYTE:
        raise LookalikeError(f"{path} holds IDX values of type {magic[2]:#04x}: only unsigned bytes (0x08) are read")
    rest = file.read(4 * magic[3])
    if len(rest) != 4 * magic[3]:
        raise LookalikeError(f"{path} is not an IDX file: its header is cut off")
    return struct.unpack(f">{magic[3]}I", rest)
