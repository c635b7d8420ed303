"""Indexes a collection: new rows become segments, classes become prototypes, and one commit publishes both."""

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..store.changing.writer import Writer, writing
from ..store.checks import share, whole_number
from ..store.errors import LookalikeWarning
from ..store.files.content import HeadEntry, SegmentEntry
from ..store.progress import Progress, silent
from ..store.sizes import parse_size
from ..store.upkeep.compact import compact as compact_store
from ..store.upkeep.merge import merge_small
from ..store.version.store import Store
from . import plan
from .engine.device import Device, choose
from .engine.specs import TooLarge, choose_spec, serves, validated
from .prototypes.publishing import fold
from .segments.card import IndexCard, SegmentCard
from .segments.new import new_segment, retuned
from .segments.order import Ints
from .segments.rowmaps import RowMap


@dataclass(frozen=True)
class Request:
    """The settings of `index`, kept in the manifest so that later rows are indexed alike. memory: bytes or None."""

    spec: str
    recall: float
    k: int
    memory: int | None

    def to_json(self) -> dict[str, Any]:
        """The request as JSON-able data."""
        return {"spec": self.spec, "recall": self.recall, "k": self.k, "memory": self.memory}


class Piece(NamedTuple):
    """Rows (n,) that become one segment, and its settings."""

    rows: Ints
    request: Request


Segments = tuple[SegmentEntry, ...]


def index(
    path: str | os.PathLike[str],
    *,
    spec: str = "auto",
    recall: float = 0.95,
    k: int = 10,
    memory: int | str | None = None,
    device: str = "auto",
    compact: bool = False,
    progress: Progress = silent,
    also: Callable[[Writer, Progress], None] | None = None,
) -> IndexCard:
    """Index the rows that no segment covers and fold the prototypes, in one commit; commit nothing if nothing changed.

    Small parts are merged in the same commit. spec: a FAISS factory string, or "auto" (see specs). recall: the recall@k
    to reach on stored rows, in (0, 1]. memory: bytes for all segments together, as a number or a text such as "2G".
    compact: drop removed vectors from the disk and index everything again, as another spec does. also: called before
    the commit, to stage changes that depend on the rows. Raises LookalikeError for an invalid spec, recall, k, memory
    or device.
    """
    started = time.monotonic()
    chosen = choose(device)
    with Store.open(path) as store, writing(store) as writer:
        request, old_head = _checked(writer.base, spec, recall, k, memory), writer.base.content.head
        if compact:
            compact_store(writer, progress)
        _stage(writer, request, chosen, compact, progress)
        fold(writer)
        if also is not None:
            also(writer, progress)
        merge_small(writer, progress)
        head = _became(old_head, writer.content.head)
        now = writer.commit()
        prototypes = now.content.prototypes
        classes = prototypes.classes if prototypes else 0
        seconds = time.monotonic() - started
        return IndexCard.of(now.version, request.to_json(), now.content.segments, classes, seconds, head)


def _became(before: HeadEntry | None, after: HeadEntry | None) -> str | None:
    """What the card says about a stored linear head that has changed."""
    return None if after == before else "refitted" if after else "dropped"


def grow(path: str | os.PathLike[str], *, device: str = "auto", progress: Progress = silent) -> IndexCard | None:
    """Index a tail of more than 50,000 rows as the collection was last indexed; None if there is nothing to do.

    Does nothing for a collection that was never indexed; then, and without a long tail, only the manifest is read.
    Raises the errors of `index`.
    """
    with Store.open(path) as store:
        request = store.content.index
        if request is None or not _long_tail(store):
            return None
    card = index(path, **request, device=device, progress=progress)
    for note in card.notes:  # who added the rows sees no card
        warnings.warn(note, LookalikeWarning, stacklevel=2)
    return card


def _long_tail(store: Store) -> bool:
    """Whether too many live rows come after the last segment to be compared one by one; from the manifest if possible.

    A segment ends at `first_row + rows` or, with a row map, later.
    """
    segments = store.content.segments
    at_most = store.next_row - max((entry.first_row + entry.rows for entry in segments), default=0)
    return at_most > plan.SMALL and len(_live_from(store, _stop(store, segments))) > plan.SMALL


def _checked(store: Store, spec: str, recall: float, k: int, memory: int | str | None) -> Request:
    recall, k = share("recall", recall, zero=False), whole_number("k", k)
    size = parse_size(memory) if isinstance(memory, str) else memory
    size = None if size is None else whole_number("memory", size)
    return Request(validated(spec, store.dim or 64), recall, k, size)


def _stage(writer: Writer, request: Request, device: Device, everything: bool, progress: Progress) -> None:
    """Stage the segments of the next version."""
    store, last_request = writer.base, writer.base.content.index
    if last_request is not None and (last_request["spec"], last_request["memory"]) != (request.spec, request.memory):
        everything = True
    segments = store.content.segments
    covered = [_covered(store, entry) for entry in segments]
    tail = _live_from(store, _stop(store, segments))
    kept = segments[: plan.kept(covered, len(tail), everything)]
    new: list[Piece] = []
    if len(kept) < len(segments) or len(tail):
        kept, new = _planned(store, request, kept)
    entries = [_as_wanted(store, entry, request) for entry in kept]
    for piece in new:
        asked_for = {**piece.request.to_json(), "device": device, "progress": progress}
        entries.append(new_segment(store, piece.rows, **asked_for))
    if tuple(entries) != writer.content.segments:
        writer.set_segments(tuple(entries))
    if request.to_json() != last_request:
        writer.set_index(request.to_json())


def _planned(store: Store, request: Request, kept: Segments) -> tuple[Segments, list[Piece]]:
    """The segments to keep and the pieces after them; keeps none if they leave too little memory for the pieces."""
    try:
        return kept, _pieces(store, request, kept)
    except TooLarge:
        if not kept:
            raise
    return (), _pieces(store, request, ())


def _pieces(store: Store, request: Request, kept: Segments) -> list[Piece]:
    """The rows of each new segment, with its share of the memory. Raises TooLarge where one does not fit."""
    rows, dim = _live_from(store, _stop(store, kept)), store.dim or 0
    left = None if request.memory is None else max(0, request.memory - sum(entry.size for entry in kept))
    pieces = []
    for start, stop in plan.pieces(len(rows)):
        n = stop - start
        beside = kept and (n <= plan.SMALL or not serves(request.spec, n, dim))
        room = None if left is None else left * n // len(rows)
        piece = Piece(rows[start:stop], replace(request, spec="auto" if beside else request.spec, memory=room))
        choose_spec(piece.request.spec, n, dim, room)
        pieces.append(piece)
    return pieces


def _as_wanted(store: Store, entry: SegmentEntry, request: Request) -> SegmentEntry:
    """The segment, tuned again if its recall or k differs from the request."""
    card = SegmentCard.of(entry)
    if not entry.parameters or (card.wanted, card.k) == (request.recall, request.k):
        return entry
    return retuned(store, entry, **request.to_json())


def _covered(store: Store, entry: SegmentEntry) -> plan.Covered:
    live = RowMap.of(store, entry).live(store) if store.content.deleted is not None else None
    return plan.Covered(entry.rows, entry.rows if live is None else int(np.count_nonzero(live)))


def _stop(store: Store, segments: Segments) -> int:
    """The first row after these segments."""
    return max((RowMap.of(store, entry).stop for entry in segments), default=0)


def _live_from(store: Store, first: int) -> Ints:
    """Live rows from `first` on, ascending (m,) int64; earlier parts are not read."""
    return store.layout.live_between(store.layout.between(first, None), first)
