"""Impossible statements of a manifest. A forger can make the digest match, and all other code trusts its numbers."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .content import CalibrationEntry, Content, FileEntry, HeadEntry, PartEntry, RunEntry, SegmentEntry

MOST = 1 << 48  # rows, bytes, versions: beyond what any machine holds, and small enough that no sum of them overflows
MOST_DIM = 1 << 20
_FOLDERS = ("manifests", "lock")  # names that no file of a version may have


def contradiction(content: "Content", version: int = MOST) -> str | None:
    """The first impossible statement in the content of a version, in words; None where there is none."""
    return next(_contradictions(content, version), None)


def _contradictions(content: "Content", version: int) -> Iterator[str]:
    yield from _numbers(content)
    yield from _files(content)
    if content.dim is None and (content.parts or content.segments):
        yield "it lists vectors and no dimension"
    yield from _ranges("parts", [(p.first_row, p.first_row + p.rows) for p in content.parts])
    yield from _ranges("lookups", [(r.first_row, r.last_row + 1) for r in content.runs])
    yield from _ranges("segments", [(s.first_row, s.first_row + s.rows) for s in content.segments])
    yield from _beyond(content, version)
    for run in content.runs:
        if run.rows > run.last_row + 1 - run.first_row:
            yield f"{run.file} cannot hold {run.rows} rows from {run.first_row} to {run.last_row}"
    stored = sum(part.rows for part in content.parts)
    if content.deleted_count > stored:
        yield f"it counts {content.deleted_count} deleted rows of {stored}"


def _beyond(content: "Content", version: int) -> Iterator[str]:
    """Statements about rows that no version has added yet, and about versions that do not exist yet."""
    ends = {
        "a part": max((p.first_row + p.rows for p in content.parts), default=0),
        "a lookup table": max((r.last_row + 1 for r in content.runs), default=0),
        "a segment": max((s.first_row + s.rows for s in content.segments), default=0),
        "its prototypes": content.prototypes.next_row if content.prototypes is not None else 0,
        "its linear head": content.head.next_row if content.head is not None else 0,
        "a moved source": max((move.below for move in content.moved), default=0),
    }
    for what, end in ends.items():
        if end > content.next_row:
            yield f"{what} ends at row {_short(end)}, but its next row is {_short(content.next_row)}"
    derived: list[CalibrationEntry | HeadEntry] = [*content.calibrations]
    derived += [content.head] if content.head is not None else []
    for entry in derived:
        if entry.version > version:
            yield f"{entry.file} cannot be of version {_short(entry.version)}"


def _numbers(content: "Content") -> Iterator[str]:
    """Numbers that are out of range, or zero where that is impossible."""
    if content.dim is not None and not 1 <= content.dim <= MOST_DIM:
        yield f"its dimension is {_short(content.dim)}"
    if content.next_row > MOST:
        yield f"its next row is {_short(content.next_row)}"
    ranges: list[PartEntry | RunEntry | SegmentEntry] = [*content.parts, *content.runs, *content.segments]
    for entry in ranges:
        if not 1 <= entry.rows <= MOST or entry.first_row > MOST:
            yield f"{entry.file} cannot hold {_short(entry.rows)} rows from {_short(entry.first_row)} on"
    for part in content.parts:
        if part.vector_offset > MOST:
            yield f"{part.file} cannot hold vectors from byte {_short(part.vector_offset)} on"
    for segment in content.segments:
        for name, value in segment.parameters.items():
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
                yield f"parameters of {segment.file}: {name!r:.40} is {value!r:.40}"
        yield from _card(segment.file, segment.card)


def _card(file: str, card: dict[str, Any]) -> Iterator[str]:
    """A value of a segment's card that is not a number although it is shown as one."""
    for name, value in card.items():
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number and not (name == "note" and (value is None or isinstance(value, str))):
            yield f"card of {file}: {name!r:.40} is {value!r:.40}"


def _files(content: "Content") -> Iterator[str]:
    """Files that are named twice with different hashes, or lie in forbidden places."""
    from .content import file_entries

    known: dict[str, FileEntry] = {}
    for entry in file_entries(content):
        first = known.setdefault(entry.file, entry)
        if (first.size, first.sha256) != (entry.size, entry.sha256):
            yield f"it names {entry.file} twice, with different hashes"
        if entry.size > MOST:
            yield f"{entry.file} cannot have {_short(entry.size)} bytes"
        if "/" not in entry.file or entry.file.split("/")[0] in _FOLDERS or len(entry.file) > 1000:
            yield f"it names {entry.file!r:.80}, which is no place for a file of a collection"
    for kind in (content.parts, content.runs, content.segments, content.rejects):
        names = [entry.file for entry in kind]
        if len(set(names)) != len(names):
            yield f"it names {next(n for n in names if names.count(n) > 1)} twice"


def _ranges(what: str, ranges: Sequence[tuple[int, int]]) -> Iterator[str]:
    """Ranges of rows, (first, stop), that overlap or do not ascend."""
    end = 0
    for first, stop in ranges:
        if first < end or stop <= first:
            yield f"the rows of its {what} overlap, or do not ascend"
        end = stop


def _short(number: int) -> str:
    """A number for a message; one with thousands of digits is shortened."""
    return f"{number}" if number < MOST * MOST else "beyond all bounds"
