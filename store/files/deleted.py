"""The deleted rows as a bitmap: bit i of byte b is row 8 * b + i. Rows beyond its end are not deleted."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .content import FileEntry
from .new_files import publish_array
from .npy_files import map_npy

FOLDER = "deleted"


@dataclass(frozen=True)
class Bitmap:
    """An immutable set of rows.

    bits: (bytes,) uint8. count: the number of rows in the set.
    """

    bits: NDArray[np.uint8]
    count: int

    @classmethod
    def empty(cls) -> "Bitmap":
        """The empty set."""
        return cls(np.zeros(0, dtype=np.uint8), 0)

    @classmethod
    def load(cls, path: Path) -> "Bitmap":
        """Read a bitmap that `save` wrote. Raises Damaged for another file."""
        bits = np.array(map_npy(path, np.uint8, "a bitmap of deleted rows"))
        return cls(bits, int(np.bitwise_count(bits).sum(dtype=np.int64)))

    def save(self, folder: Path) -> FileEntry:
        """Publish as deleted/<name>.npy below the collection `folder`."""
        return publish_array(folder, FOLDER, ".npy", self.bits)

    def with_rows(self, rows: NDArray[np.int64]) -> "Bitmap":
        """A new bitmap that also holds `rows` (m,), none negative; repeated rows count once."""
        if len(rows) == 0:
            return self
        bits = np.zeros(max(len(self.bits), int(rows.max() >> 3) + 1), dtype=np.uint8)
        bits[: len(self.bits)] = self.bits
        np.bitwise_or.at(bits, rows >> 3, np.left_shift(1, rows & 7).astype(np.uint8))
        return Bitmap(bits, int(np.bitwise_count(bits).sum(dtype=np.int64)))

    def mask(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of `rows` (m,) are in the set, (m,) bool; negative rows are not."""
        deleted = np.zeros(len(rows), dtype=bool)
        inside = (rows >= 0) & (rows >> 3 < len(self.bits))
        inner_rows = rows[inside]
        deleted[inside] = (self.bits[inner_rows >> 3] >> (inner_rows & 7).astype(np.uint8)) & 1
        return deleted

    def between(self, first: int, stop: int) -> NDArray[np.bool_]:
        """`mask` of the rows first, first + 1, ... stop - 1, (stop - first,) bool."""
        deleted = np.zeros(max(0, stop - first), dtype=bool)
        bits = np.unpackbits(self.bits[first >> 3 : (stop + 7) >> 3], bitorder="little")
        known = bits[first & 7 :][: len(deleted)]
        deleted[: len(known)] = known
        return deleted

    def rows(self) -> NDArray[np.int64]:
        """The rows of the set, (count,) int64, ascending."""
        return np.flatnonzero(np.unpackbits(self.bits, bitorder="little")).astype(np.int64)
