"""Putting a fragment's rows together: which vector each record gets, and from where.

Every record ends as exactly one of: encoded here, copied (from a row with that content, or from an earlier record of
the fragment), skipped (its row has that content, label and further columns already) or rejected.
"""

from collections import deque
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...store.files.parts import Rows
from ...store.version.store import Store
from ..encoders.encoder import Encoder
from ..images.image import NO_VECTOR, Image, is_unit
from ..images.processes.decoders import Outcome, decoded, for_encoder
from ..images.rejected import Rejected
from ..sources import Record

Outcomes = Generator[tuple[str, Outcome], None, None]


@dataclass
class _Row:
    """A row to be written: `place` is its record's in the fragment."""

    place: int
    record: Record
    content: str
    width: int = -1
    height: int = -1


@dataclass
class Result:
    """The result of a fragment. vectors: (m, dim) float32 unit rows, one for each of `rows_kept`.

    encoded: which of these were encoded here, as positions. duplicates, skipped: numbers of rows.

    touched: row, size (bytes) and mtime (ns) of each file that only looked changed.
    """

    rows_kept: list[_Row]
    vectors: NDArray[np.float32]
    encoded: list[int]
    duplicates: int
    skipped: int
    rejects: list[tuple[str, Rejected]]
    replaced: list[int]
    dropped: list[int]
    touched: list[tuple[int, int, int]]

    @property
    def records(self) -> list[Record]:
        """The records that got a row."""
        return [row.record for row in self.rows_kept]

    def rows(self, source: str, extra: Any) -> Rows:
        """The rows of the part."""
        return Rows(
            keys=[row.record.key for row in self.rows_kept],
            vectors=self.vectors,
            labels=[row.record.label for row in self.rows_kept],
            contents=[row.content for row in self.rows_kept],
            widths=[row.width if row.width >= 0 else None for row in self.rows_kept],
            heights=[row.height if row.height >= 0 else None for row in self.rows_kept],
            source=source,
            sizes=[row.record.size for row in self.rows_kept],
            mtimes_ns=[row.record.mtime_ns for row in self.rows_kept],
            extra=extra,
        )

    def report(self) -> dict[str, Any]:
        """Counts, rejects and old rows as JSON values."""
        return {
            "encoded": self.encoded,
            "embedded": len(self.rows_kept) - self.duplicates,
            "duplicates": self.duplicates,
            "skipped": self.skipped,
            "rejects": [[key, r.stage, r.reason, r.content_sha256] for key, r in self.rejects],
            "replaced": self.replaced,
            "dropped": self.dropped,
            "touched": self.touched,
        }


@dataclass
class Assembly:
    """Collects the rows of one fragment: images (size, size, channels) in, unit rows (dim,) float32 out.

    own: for each record the row that has its key already, or -1. other: whether that row has other further columns.
    apart: whether all images are decoded in processes of their own; seconds, turns: see `decoders.decoded`.
    """

    store: Store
    encoder: Encoder
    own: Sequence[int]
    other: Sequence[bool]
    apart: bool = True
    seconds: float | None = None
    turns: str | None = None
    skipped: int = 0
    _touched: list[tuple[int, int, int]] = field(default_factory=list)
    _rows: list[_Row] = field(default_factory=list)
    _rejects: list[tuple[int, Record, Rejected]] = field(default_factory=list)
    _first: dict[str, int | Rejected] = field(default_factory=dict)  # content -> its first row here, or its rejection
    _copies: dict[int, int] = field(default_factory=dict)  # row here -> row of the collection
    _twins: dict[int, int] = field(default_factory=dict)  # row here -> earlier row here
    _renewed: set[int] = field(default_factory=set)  # rows here that copy their own old row, but for label or columns
    _waiting: list[tuple[int, NDArray[np.uint8]]] = field(default_factory=list)
    _vectors: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        held = np.array([row for row in self.own if row >= 0], dtype=np.int64)
        self._own_facts: dict[int, tuple[str | None, str | None, tuple[int, int]]] = {}
        if len(held):
            facts, labels = self.store.facts(held), self.store.labels(held)
            files = zip(facts.file_size.tolist(), facts.mtime_ns.tolist(), strict=True)
            known = zip(facts.content, labels, files, strict=True)
            self._own_facts = dict(zip(held.tolist(), known, strict=True))

    def reject(self, place: int, record: Record, rejected: Rejected) -> None:
        """Note that a record gets no row."""
        self._rejects.append((place, record, rejected.kept()))

    def add(self, images: Sequence[tuple[int, Record, Image]]) -> None:
        """Take in some images that were read."""
        known = self.store.find_contents([image.sha256 for _, _, image in images]).tolist()
        with closing(self._decoded(images, known)) as outcomes:
            for (place, record, image), row in zip(images, known, strict=True):
                content, label, file = self._own_facts.get(self.own[place], (None, None, None))
                if content != image.sha256:
                    self._add(place, record, image.sha256, row, outcomes)
                elif label == record.label and not self.other[place]:
                    self._skip(self.own[place], record, file)
                else:
                    self._renewed.add(self._new_row(place, record, image.sha256))
                    self._copies[len(self._rows) - 1] = self.own[place]
            deque(outcomes, 0)  # to the end, where it is seen whether decoding works at all

    def _decoded(self, images: Sequence[tuple[int, Record, Image]], known: Sequence[int]) -> Outcomes:
        """The pixels of the contents that `add` will ask for, by content and in that order."""
        new: dict[str, Any] = {}
        for (place, _, image), row in zip(images, known, strict=True):
            content = self._own_facts.get(self.own[place], (None,))[0]
            if content != image.sha256 and row < 0 and image.sha256 not in self._first:
                new.setdefault(image.sha256, image.data)
        how = for_encoder(self.encoder.preprocessing)
        outcomes = decoded(list(new.values()), how, seconds=self.seconds, apart=self.apart, turns=self.turns)
        with closing(outcomes):
            yield from zip(new, outcomes, strict=True)

    def _skip(self, row: int, record: Record, file: tuple[int, int] | None) -> None:
        """A record whose row has its content, label and further columns already."""
        self.skipped += 1
        if record.size is not None and record.mtime_ns is not None and (record.size, record.mtime_ns) != file:
            self._touched.append((row, record.size, record.mtime_ns))

    def _add(self, place: int, record: Record, content: str, known: int, outcomes: Outcomes) -> None:
        """A record whose key is new, or has another content now."""
        first = self._first.get(content)
        if isinstance(first, Rejected):
            self.reject(place, record, first)
        elif first is not None:
            self._twins[self._new_row(place, record, content)] = first
        elif known >= 0:
            self._copies[self._new_row(place, record, content)] = known
        else:
            self._prepare(place, record, content, next(outcome for each, outcome in outcomes if each == content))

    def _new_row(self, place: int, record: Record, content: str) -> int:
        self._rows.append(_Row(place, record, content))
        self._first.setdefault(content, len(self._rows) - 1)
        return len(self._rows) - 1

    def _prepare(self, place: int, record: Record, content: str, outcome: Outcome) -> None:
        if isinstance(outcome, Rejected):
            self._first[content] = outcome.kept(content)
            self.reject(place, record, outcome.kept(content))
            return
        number = self._new_row(place, record, content)
        self._rows[number].width, self._rows[number].height = outcome.width, outcome.height
        self._waiting.append((number, outcome.pixels))
        if len(self._waiting) >= self.encoder.batch:
            self._encode()

    def _encode(self) -> None:
        """Encode the pixels that wait."""
        if self._waiting:
            vectors = self.encoder.encode(np.stack([pixels for _, pixels in self._waiting]))
            self._vectors.update(zip((number for number, _ in self._waiting), vectors, strict=True))
            self._waiting.clear()

    def finish(self) -> Result:
        """Encode what is left, copy what is known, and sort out images without a vector."""
        self._encode()
        vectors = self._matrix()
        sound = is_unit(vectors)
        for row in (self._rows[i] for i in np.flatnonzero(~sound)):
            self.reject(row.place, row.record, NO_VECTOR.kept(row.content))
        kept = np.flatnonzero(sound).tolist()
        duplicates = (self._copies.keys() | self._twins.keys()) - self._renewed
        return Result(
            rows_kept=[self._rows[i] for i in kept],
            vectors=np.ascontiguousarray(vectors[kept]),
            encoded=[at for at, i in enumerate(kept) if i in self._vectors],
            duplicates=sum(i in duplicates for i in kept),
            skipped=self.skipped,
            rejects=[(record.key, rejected) for _, record, rejected in self._rejects],
            replaced=[self.own[self._rows[i].place] for i in kept if self.own[self._rows[i].place] >= 0],
            dropped=[self.own[place] for place, _, r in self._rejects if r.stage != "read" and self.own[place] >= 0],
            touched=self._touched,
        )

    def _matrix(self) -> NDArray[np.float32]:
        """The vectors of all rows, (n, d) float32; widths and heights of copied rows are filled in on the way."""
        matrix = np.zeros((len(self._rows), self.encoder.dim), dtype=np.float32)
        for number, vector in self._vectors.items():
            matrix[number] = vector
        if self._copies:
            old = np.array(list(self._copies.values()), dtype=np.int64)
            matrix[list(self._copies)] = self.store.gather(old)
            facts = self.store.facts(old)
            for number, width, height in zip(self._copies, facts.width.tolist(), facts.height.tolist(), strict=True):
                self._rows[number].width, self._rows[number].height = width, height
        for number, first in self._twins.items():
            matrix[number] = matrix[first]
            self._rows[number].width, self._rows[number].height = self._rows[first].width, self._rows[first].height
        return matrix
