"""Contradictions between the files of a version: its parts, lookups, deleted rows, segments and counts.

A matching hash proves that a file is as it was written; these checks find out whether the files agree.
"""

from collections.abc import Iterator

import numpy as np

from ..errors import LookalikeError
from ..files.content import PartEntry, RunEntry
from ..files.escaped import unescaped_list
from ..files.manifest import manifest_path
from ..files.parts import map_vectors
from ..foreign.vectors.block import BLOCK
from ..unit import TOLERANCE
from ..version.layout import Int64
from ..version.store import Store
from ..version.tables import live_tables
from ..version.vectors import Float32


def disagreements(store: Store) -> Iterator[tuple[str, str]]:
    """Each contradiction in a version whose files all have the right bytes: the file, and the problem in one line."""
    store.pages.ensure_tables(store.content.parts)
    for number, part in enumerate(store.content.parts):
        try:
            yield from ((part.file, problem) for problem in _wrong_part(store, number, part))
        except LookalikeError as error:
            yield part.file, str(error)
    for run in store.content.runs:
        yield from ((run.file, problem) for problem in _wrong_run(store, run))
    name = manifest_path(store.path, store.version).relative_to(store.path).as_posix()
    yield from ((name, problem) for problem in _wrong_counts(store))
    for segment in store.content.segments:
        if segment.row_map is not None and len(store.pages.row_map(segment.row_map)) != segment.rows:
            yield segment.row_map.file, f"does not list the {segment.rows} rows of {segment.file}"


def _wrong_part(store: Store, number: int, part: PartEntry) -> Iterator[str]:
    """What is wrong with a part: its rows, its vectors, its names."""
    dim, model, count, _ = store.pages.footer(part)
    rows = store.layout.rows_of(number)
    if not count == part.rows == len(rows):
        yield f"has {count} rows, its entry says {part.rows} and its row map {len(rows)}"
        return
    if dim != store.dim or (model is not None and store.model is not None and store.model.digest != model):
        yield f"has dimension {dim} and model {model}, unlike the collection"
        return
    if rows[0] != part.first_row or rows[-1] >= store.next_row:
        yield f"has rows {rows[0]} to {rows[-1]}, unlike its entry"
    stored = map_vectors(store.file(part), part, dim)
    for start in range(0, len(rows), BLOCK):
        vectors = np.ascontiguousarray(stored[start : start + BLOCK]).view(np.float32)
        yield from _wrong_vectors(rows[start : start + BLOCK], vectors)
    yield from _wrong_names(store, number)


def _wrong_vectors(rows: Int64, vectors: Float32) -> Iterator[str]:
    """A line about the first of `rows` (m,) whose vector, of `vectors` (m, d), does not have length 1."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    wrong = rows[~(np.abs(lengths - 1) <= TOLERANCE)]
    if len(wrong):
        yield f"row {wrong[0]} is not a unit vector ({len(wrong)} rows are not)"


def _wrong_names(store: Store, number: int) -> Iterator[str]:
    """The first live row whose key, label, content or source differs from the lookups."""
    _, table = live_tables(store, ("key", "label", "content_sha256", "source"), [number])
    rows = table.column("row").to_numpy()
    facts = store.facts(rows)
    known: dict[str, list[str | None]] = {
        "key": [*store.keys(rows)],
        "label": store.labels(rows),
        "source": [*facts.source],
        "content_sha256": facts.content,
    }
    stored = {name: unescaped_list(table.column(name)) for name in known}
    for name, values in stored.items():
        odd = [i for i, (a, b) in enumerate(zip(values, known[name], strict=True)) if a != b]
        if odd:
            yield f"row {rows[odd[0]]} has {name} {values[odd[0]]!r}, and {known[name][odd[0]]!r} in the lookups"
    lost = rows[store.find(stored["key"]) != rows]
    if len(lost):
        yield f"row {lost[0]} is not found by its key ({len(lost)} rows are not)"


def _wrong_run(store: Store, run: RunEntry) -> Iterator[str]:
    """What is wrong with a run's own rows."""
    rows = store.pages.run(run).rows
    if (len(rows), rows[0], rows[-1]) != (run.rows, run.first_row, run.last_row) or np.any(np.diff(rows) <= 0):
        yield f"lists {len(rows)} rows from {rows[0]} to {rows[-1]}, unlike its entry"


def _wrong_counts(store: Store) -> Iterator[str]:
    """Wrong counts and wrong order in the manifest."""
    stored = [store.layout.rows_of(number) for number in range(len(store.content.parts))]
    deleted = sum(int(store.deleted.mask(rows).sum()) for rows in stored)
    if deleted != store.deleted_count:
        yield f"counts {store.deleted_count} deleted rows, and {deleted} are"
    ends = [int(rows[-1]) for rows in stored]
    if any(end >= after[0] for end, after in zip(ends, stored[1:], strict=False)):
        yield "lists parts whose rows overlap"
