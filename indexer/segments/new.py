"""Builds one segment: choose, train, fill, tune, measure, publish."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...store.errors import LookalikeError
from ...store.files.content import FileEntry, SegmentEntry
from ...store.files.new_files import random_name
from ...store.progress import Progress, silent
from ...store.version.store import Store
from ..engine import parameters as knobs
from ..engine.device import Device
from ..engine.faiss_files import publish_index, read_faiss, size_of
from ..engine.library import short as cause
from ..engine.specs import choose_spec
from ..engine.trial import File, ensure_tried, note_sound
from ..engine.weight import shown
from .build import build, sample_size, training_places
from .card import card_of
from .exact import Blocks
from .order import Ints
from .rowmaps import RowMap
from .segment import Segment
from .tuning import Recall, further, measured, sampled, tuned

FOLDER = "instances"
_SEED = 20_260_101  # the same query rows each time, so that a build can be repeated


def new_segment(
    store: Store,
    rows: Ints,
    *,
    spec: str,
    recall: float,
    k: int,
    memory: int | None,
    device: Device,
    progress: Progress = silent,
) -> SegmentEntry:
    """Publish a segment over `rows` (n,), the live rows from the first to the last of them.

    spec: as for `index`. memory: bytes for the segment. Raises LookalikeError where the spec cannot be used for these
    rows.
    """
    started, n, dim, requested = time.monotonic(), len(rows), store.dim or 0, spec
    spec, note = choose_spec(requested, n, dim, memory)
    sample = store.gather(rows[training_places(n, sample_size(spec, n, dim))])
    built = build(spec, dim, sample, _blocks(store, rows), device, n, progress)
    if memory is not None and (size := size_of(built)) > memory:
        bound = shown(memory, math.floor)
        raise LookalikeError(
            f"spec {spec!r} took {shown(size)} for {n} rows, more than --memory {bound}: use --memory {shown(size)}"
        )
    row_map = RowMap.from_rows(rows)
    progress(n, n, f"tuning {spec}")
    parameters, reached = _tuned(store, built, row_map, recall, k, spec)
    short = _short_of(spec, parameters, recall, reached, requested, memory)
    note = "; ".join(filter(None, (note, short))) or None
    name = random_name(FOLDER, ".faiss")
    file = FileEntry(name, *publish_index(store.path / name, built, store.gather(rows[:1])[0], spec))
    note_sound(File(store.path / name, file.sha256, spec, dim))
    return SegmentEntry(
        file.file,
        file.size,
        file.sha256,
        spec=spec,
        first_row=row_map.first,
        rows=n,
        row_map=row_map.publish(store.path),
        parameters=parameters,
        card=card_of(reached, k, recall, time.monotonic() - started, note),
    )


def retuned(store: Store, entry: SegmentEntry, *, spec: str, recall: float, k: int, memory: int | None) -> SegmentEntry:
    """The same segment, with its parameters tuned for another recall or k.

    spec, memory: those of the request.
    """
    started = time.monotonic()
    row_map = RowMap.of(store, entry)
    ensure_tried([File.of(store, entry, entry.spec)])
    parameters, reached = _tuned(store, read_faiss(store.file(entry)), row_map, recall, k, entry.spec)
    seconds = entry.card["seconds"] + time.monotonic() - started
    short = _short_of(entry.spec, parameters, recall, reached, spec, memory)
    card = card_of(reached, k, recall, seconds, short)
    return replace(entry, parameters=parameters, card=card)


def _tuned(
    store: Store, index: Any, row_map: RowMap, target_recall: float, k: int, spec: str
) -> tuple[dict[str, Any], Recall | None]:
    """Parameters tuned on stored rows, and the recall they reach on others; ({}, None) where every row is compared.

    Raises LookalikeError where FAISS cannot search such an index.
    """
    rows = row_map.rows(np.arange(row_map.n))
    live = None if store.content.deleted is None else row_map.live(store)

    def make(parameters: dict[str, Any]) -> Segment:
        return Segment(index, lambda ids: store.gather(rows[ids]), parameters, live)

    counted = np.arange(row_map.n) if live is None else np.flatnonzero(live)
    try:
        return tuned_and_measured(make, counted, _blocks_by_id(store, rows), target_recall, k)
    except RuntimeError as error:
        raise LookalikeError(
            f"spec {spec!r} makes an index that cannot be searched ({cause(error)}): use auto, or another spec"
        ) from error


def tuned_and_measured(
    make: Callable[[dict[str, Any]], Segment], ids: Ints, blocks: Blocks, target_recall: float, k: int
) -> tuple[dict[str, Any], Recall | None]:
    """Parameters tuned on some of the rows `ids` (n,), the recall they reach on others; the index keeps them set.

    ({}, None) where every row is compared.

    Where the others reach less than `wanted`, all knobs go up by quarters until they reach it or the knobs are at
    their largest. Looking again flatters the report a little, as any choice by what is reported does: only where the
    first look fell short, and by the chance of that look.
    """
    segment = make({})
    if segment.flat:
        return {}, None
    sample = sampled(ids, k, segment.vectors, blocks, np.random.default_rng(_SEED))
    if sample is None:
        return {}, None
    most, others = knobs.knobs(segment.index), sample.half(1)
    parameters = tuned(make, sample.half(0), target_recall)
    reached = measured(make(parameters), others)
    while reached.mean < target_recall and parameters != (more := further(most, parameters)):
        parameters, reached = more, measured(make(more), others)
    return parameters, reached


def _short_of(
    spec: str,
    parameters: dict[str, Any],
    target_recall: float,
    reached: Recall | None,
    requested: str,
    memory: int | None,
) -> str | None:
    """A note where the largest parameters reach less than the target recall, beyond what chance explains; else None."""
    if reached is None or reached.high >= target_recall:
        return None
    values = ", ".join(f"{name} {value}" for name, value in parameters.items())
    way_out = [] if requested == "auto" else ["auto"]
    if memory is not None:
        way_out.append("a larger --memory")
    advice = f": use {' with '.join(way_out)} to reach more" if way_out else ""
    return (
        f"spec {spec!r} reaches recall@{reached.k} {reached.mean:.3f} instead of {target_recall}, even with its "
        f"largest settings ({values}){advice}"
    )


def _blocks(store: Store, rows: Ints) -> Blocks:
    """The vectors of `rows`, all live rows between the first and the last, in blocks."""
    return store.blocks(int(rows[0]), int(rows[-1]) + 1)


def _blocks_by_id(store: Store, rows: Ints) -> Blocks:
    """`_blocks` with ids, which are places in `rows`, instead of rows."""
    for block_rows, vectors in _blocks(store, rows):
        yield np.searchsorted(rows, block_rows), vectors
