"""What every reader of vectors gives, so that importing does not depend on the format."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import LookalikeError

BLOCK = 16_384
"""Rows that are handled at a time, and that a part of an import holds."""


class Block(NamedTuple):
    """Some rows of a file: vectors (m, d) float, m keys, m labels; None where the file has no such column."""

    vectors: NDArray[Any]
    keys: list[str] | None = None
    labels: list[str | None] | None = None


class Vectors(Protocol):
    """A file of vectors.

    rows: how many. dim: their dimensions, None where that is not known before the first block. model: the digest of the
    model that made them, where the file tells. left_out: what else the file holds, by name, that nothing is made of.
    """

    rows: int
    dim: int | None
    model: str | None
    left_out: list[str]

    def blocks(self, size: int) -> Iterator[Block]:
        """All rows in order, `size` at a time at most."""


def check_matrix(what: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse what is not a 2-D array of floats."""
    if len(shape) != 2 or shape[1] == 0:
        raise LookalikeError(f"{what} has shape {shape}: a matrix (rows, dimensions) works")
    if dtype.kind != "f" or dtype.itemsize > 8:
        raise LookalikeError(f"{what} has dtype {dtype}: float32, float16 or float64 works")
