"""Compaction: stores the same live rows, under the same numbers, in fewer files and without the deleted ones.

Neighbouring parts are written together, up to 65,536 rows or 256 MiB of vectors; a part of that size without deleted
rows is left alone. Where row numbers are no longer consecutive, a row map beside the part lists them. The bitmap keeps
the dropped rows, so that index segments still leave them out.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from ..changing.writer import Writer
from ..errors import LookalikeError
from ..files.content import FileEntry, PartEntry, RunEntry
from ..files.new_files import publish_array
from ..files.parts import write_table
from ..files.runs import merge_runs
from ..progress import Progress, silent
from ..version.layout import Int64
from ..version.store import Store
from ..version.tables import live_tables

MOST_ROWS = 65_536
MOST_BYTES = 256 << 20
MOST_RUN_ROWS = 1 << 22  # a run is sorted in memory


class Piece(NamedTuple):
    """A file as the plan sees it: stored and live rows, the model that made it, and its columns (an Arrow schema)."""

    stored: int
    live: int
    model: str | None = None
    schema: Any = None


def compact(writer: Writer, progress: Progress = silent) -> None:
    """Stage the compaction of the collection; `commit` publishes it.

    Prototypes are dropped where rows disappear that were deleted after the prototypes were folded, and segments where
    no row is left. Raises LookalikeError where other changes are staged.
    """
    store = writer.base
    if writer.staged:
        raise LookalikeError(f"{store.path} cannot be compacted with changes staged: commit them first")
    store.pages.ensure_tables([*store.content.parts, *store.content.runs])
    pieces = [_piece(store, number) for number in range(len(store.content.parts))]
    groups = plan(pieces, most_rows(store.dim or 1))
    parts: list[PartEntry] = []
    for done, group in enumerate(groups):
        parts += _new_parts(store, group, [pieces[number] for number in group])
        progress(done + 1, len(groups), "parts")
    writer.replace_parts(tuple(parts), tuple(_new_runs(store)), keep_prototypes=not _fold_outlived(store))


def most_rows(dim: int) -> int:
    """How many rows a compacted part may hold."""
    return max(1, min(MOST_ROWS, MOST_BYTES // (4 * dim)))


def plan(pieces: list[Piece], most: int) -> list[list[int]]:
    """Which neighbouring pieces to write together: of one model, with the same columns, and at most `most` live rows.

    A larger piece stays alone, and a piece without live rows is dropped. A group of one piece without deleted rows
    stays as it is.
    """
    groups: list[list[int]] = []
    rows = 0
    for number, piece in enumerate(pieces):
        if piece.live == 0:
            continue
        if groups and rows + piece.live <= most and _alike(piece, pieces[groups[-1][0]]):
            groups[-1].append(number)
            rows += piece.live
        else:
            groups.append([number])
            rows = piece.live
    return groups


def _alike(one: Piece, two: Piece) -> bool:
    """Whether two pieces have the same model and columns; otherwise a column would get a type that fits both."""
    return one.model == two.model and bool(one.schema == two.schema)


def _piece(store: Store, number: int) -> Piece:
    entry = store.content.parts[number]
    live = len(store.layout.live_between([number]))
    footer = store.pages.footer(entry)
    return Piece(entry.rows, live, footer.model, footer.schema)


def _new_parts(store: Store, group: list[int], pieces: list[Piece]) -> Iterator[PartEntry]:
    """The parts that replace a group of parts."""
    if len(group) == 1 and pieces[0].stored == pieces[0].live:
        yield store.content.parts[group[0]]
        return
    table = pa.concat_tables(live_tables(store, parts=group, as_stored=True)).combine_chunks()
    most = most_rows(store.dim or 1)
    for start in range(0, table.num_rows, most):
        piece = table.slice(start, most)
        rows = piece.column("row").to_numpy()
        entry = write_table(store.path, piece.drop_columns("row"), pieces[0].model)
        yield replace(entry, first_row=int(rows[0]), row_map=publish_row_map(store.path, rows))


def publish_row_map(folder: Path, rows: Int64) -> FileEntry | None:
    """Publish the row numbers (n,), n > 0, ascending, of a part; None where they are consecutive."""
    if int(rows[-1]) - int(rows[0]) + 1 == len(rows):
        return None
    return publish_array(folder, "row_maps", ".npy", rows)


def _new_runs(store: Store) -> Iterator[RunEntry]:
    """The lookups of live rows only, with neighbours joined."""
    runs = store.content.runs
    pieces = [Piece(run.rows, int(store.live(store.pages.run(run).rows).sum())) for run in runs]
    for group in plan(pieces, MOST_RUN_ROWS):
        if len(group) == 1 and pieces[group[0]].stored == pieces[group[0]].live:
            yield runs[group[0]]
            continue
        if joined := merge_runs(store.path, [store.pages.table(runs[number]) for number in group], store.live):
            yield joined


def _fold_outlived(store: Store) -> bool:
    """Whether rows disappear that the prototypes still count and that could no longer be subtracted."""
    folded = store.content.prototypes
    if folded is None:
        return False
    known = store.pages.bitmap(folded.deleted)
    for number in range(len(store.content.parts)):
        rows = store.layout.rows_of(number)
        going = rows[store.deleted.mask(rows) & (rows < folded.next_row)]
        if not known.mask(going).all():
            return True
    return False
