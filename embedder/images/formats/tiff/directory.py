"""The directories of a TIFF, classic or Big, read without trust: bounded, and never twice.

Pillow shows the first directory. Cameras and scanners put a thumbnail there, and the picture into a further directory
or into a sub-directory, so all of them are looked at.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...rejected import Rejected

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR = 273, 274, 277, 278, 279, 284
MAX_SAMPLE, PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 281, 317, 322, 323, 324, 325
SUB_DIRECTORIES, EXTRA_SAMPLES, SAMPLE_FORMAT, S_MAX_SAMPLE, JPEG_START, JPEG_BYTES = 330, 338, 339, 341, 513, 514
NEW_SUBFILE, SUBFILE, MAKE, SUBSAMPLING, DNG_VERSION, CANON_SLICES = 254, 255, 271, 530, 50706, 50752
S_MIN_SAMPLE, NO_DATA = 340, 42113
_READ = {
    WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP,
    STRIP_BYTES, PLANAR, MAX_SAMPLE, PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES, SUB_DIRECTORIES,
    EXTRA_SAMPLES, SAMPLE_FORMAT, S_MAX_SAMPLE, JPEG_START, JPEG_BYTES, NEW_SUBFILE, SUBFILE, MAKE, DNG_VERSION,
    CANON_SLICES, SUBSAMPLING, S_MIN_SAMPLE,
}  # fmt: skip
_DECISIVE = {
    WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIP_OFFSETS, SAMPLES, PLANAR, TILE_OFFSETS, EXTRA_SAMPLES,
    SAMPLE_FORMAT,
}  # fmt: skip
"""Entries without which the others would be taken for another picture."""
_TYPES = {
    1: "B", 2: "c", 3: "H", 4: "I", 5: "II", 6: "b", 7: "c", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q",
    17: "q", 18: "Q",
}  # fmt: skip
_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value, by its type; one in the others."""
_TEXT = 2
_MOST_DIRECTORIES = 1000
_MOST_VALUES = 1 << 20
"""Values of one entry: strips or tiles. More would take Python minutes."""


@dataclass(frozen=True)
class Directory:
    """One directory: where it begins, and its entries' values by tag.

    main: it is no sub-directory. lost: where entries begin whose values lie beyond the end of the file.
    """

    offset: int
    values: dict[int, tuple[float, ...]]
    text: dict[int, str] = field(default_factory=dict)
    main: bool = True
    lost: tuple[int, ...] = ()

    def all(self, tag: int) -> tuple[int, ...]:
        """The values of an entry as whole numbers; none where it is absent."""
        return tuple(int(value) for value in self.values.get(tag, ()))

    def one(self, tag: int, default: int = 0) -> int:
        """The first value of an entry."""
        return int(self.values.get(tag, (default,))[0])

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as stored."""
        return self.one(WIDTH), self.one(HEIGHT)

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.one(WIDTH) * self.one(HEIGHT)

    @property
    def is_partial(self) -> bool:
        """Whether it says of itself that it is a smaller version of another picture, or a mask of one."""
        return bool(self.one(NEW_SUBFILE) & 0b101) or self.one(SUBFILE) == 2

    @property
    def is_mask(self) -> bool:
        """Whether it is a mask of another picture."""
        return bool(self.one(NEW_SUBFILE) & 0b100)


class Tiff:
    """The bytes of a TIFF, and how they are read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = ">" if data[:2] == b"MM" else "<"
        self.big = self._number("H", 2) == 43
        self.first_at = 8 if self.big else 4

    def directories(self) -> list[Directory]:
        """All directories, each once: the main ones in their order, each followed by its sub-directories."""
        return list(self._from(self._offset(self.first_at), set(), main=True, depth=0))

    def _from(self, offset: int, seen: set[int], main: bool, depth: int) -> Iterator[Directory]:
        while offset and offset not in seen and len(seen) < _MOST_DIRECTORIES:
            seen.add(offset)
            try:
                directory, following = self._directory(offset, main)
            except (struct.error, IndexError, OverflowError) as error:
                if len(seen) == 1:
                    raise Rejected("decode", "truncated: its first directory is cut off") from error
                return
            yield directory
            for inner in directory.all(SUB_DIRECTORIES)[:_MOST_DIRECTORIES] if depth < 2 else ():
                yield from self._from(inner, seen, main=False, depth=depth + 1)
            offset = following

    def _directory(self, offset: int, main: bool) -> tuple[Directory, int]:
        count = self._number("Q" if self.big else "H", offset)
        start, step = offset + (8 if self.big else 2), 20 if self.big else 12
        if count * step > len(self.data):
            raise struct.error("more entries than bytes")
        values: dict[int, tuple[float, ...]] = {}
        text: dict[int, str] = {}
        lost = []
        for entry in range(start, start + count * step, step):
            tag = self._number("H", entry)
            if self._is_lost(entry):
                if tag in _DECISIVE:
                    raise struct.error("the value of an entry lies beyond the end")
                lost.append(entry)
            elif tag in (MAKE, NO_DATA) and self._number("H", entry + 2) == _TEXT:
                text[tag] = b"".join(self._values(entry)).decode("latin-1").strip("\0 ")  # type: ignore[arg-type]
            elif tag in _READ and self._number("H", entry + 2) not in (2, 7) and (found := self._values(entry)):
                values[tag] = found
        return Directory(offset, values, text, main, tuple(lost)), self._offset(start + count * step, missing=0)

    def _is_lost(self, entry: int) -> bool:
        count = self._number("Q" if self.big else "I", entry + 4)
        size = count * _SIZES.get(self._number("H", entry + 2), 1)
        at, room = entry + (12 if self.big else 8), 8 if self.big else 4
        return size > room and self._offset(at) + size > len(self.data)

    def _values(self, entry: int) -> tuple[float, ...]:
        code = _TYPES.get(self._number("H", entry + 2), "B")
        count = self._number("Q" if self.big else "I", entry + 4)
        if count > _MOST_VALUES:
            raise Rejected("decode", f"a TIFF entry of {count} values is too costly")
        size = struct.calcsize("<" + code) * count
        at, room = entry + (12 if self.big else 8), 8 if self.big else 4
        return struct.unpack_from(f"{self.order}{code * count if len(code) > 1 else f'{count}{code}'}", self.data,
                                  at if size <= room else self._offset(at))  # fmt: skip

    def _offset(self, at: int, missing: int | None = None) -> int:
        if missing is not None and at + (8 if self.big else 4) > len(self.data):
            return missing
        return self._number("Q" if self.big else "I", at)

    def _number(self, code: str, at: int) -> int:
        return int(struct.unpack_from(self.order + code, self.data, at)[0])
