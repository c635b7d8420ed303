"""The interface of all readers of vectors, so that importing does not depend on the format."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import LookalikeError

BLOCK = 16_384
"""Rows that are handled at a time, and that a part of an import holds."""


class Block(NamedTuple):
    """Some rows of a file: vectors (m, d) float, m keys and m labels; None where the file has no such column.

    extra: an Arrow table of m rows with the further columns that are kept; text as `escaped`. images: an Arrow table of
    m rows with content_sha256, width and height of the images, if the file is an export of a collection.
    """

    vectors: NDArray[Any]
    keys: list[str] | None = None
    labels: list[str | None] | None = None
    extra: Any = None
    images: Any = None


class Vectors(Protocol):
    """A file of vectors.

    rows: their number. dim: their dimension, None where it is not known before the first block. model: the digest of
    the model that made them, if the file names it. left_out: the names of columns that are not used.
    """

    rows: int
    dim: int | None
    model: str | None
    left_out: list[str]

    def blocks(self, size: int) -> Iterator[Block]:
        """All rows in order, at most `size` at a time."""


def check_matrix(what: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse what is not a 2-D array of floats or integers."""
    if dtype.hasobject:
        raise LookalikeError(f"{what} holds Python objects, which are never loaded: save it with .astype('float32')")
    if len(shape) != 2 or shape[1] == 0:
        raise LookalikeError(f"{what} has shape {shape}: give a matrix (rows, dimensions)")
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise LookalikeError(f"{what} has dtype {dtype}: give float16, float32, float64 or integers")


def as_floats(matrix: NDArray[Any]) -> NDArray[Any]:
    """A matrix (m, d) of floats as it is, one of integers as float64."""
    return matrix if matrix.dtype.kind == "f" else matrix.astype(np.float64)
