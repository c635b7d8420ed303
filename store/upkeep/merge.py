"""Merges small parts, so that the manifest and the open files do not grow with the number of commits.

Neighbouring parts are written together whole, with deleted rows, and rows keep their numbers. Only the files change:
index segments, prototypes and lookups stay. `compact` drops deleted rows.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..changing.writer import Writer
from ..files.content import PartEntry
from ..files.parts import write_table
from ..progress import Progress, silent
from ..version.store import Store
from ..version.tables import whole_table
from .compact import most_rows, publish_row_map


def merge_small(writer: Writer, progress: Progress = silent) -> int:
    """Stage the merging of small parts, and return how many of them went into larger ones.

    Parts that are staged themselves are left for the next time. Does nothing where a compaction is staged.
    """
    store = writer.base
    stored = store.content.parts
    if writer.content.parts[: len(stored)] != stored:
        return 0
    groups = plan(store, stored, most_rows(store.dim or 1))
    parts: list[PartEntry] = []
    for done, group in enumerate(groups):
        parts.append(stored[group[0]] if len(group) == 1 else _joined(store, group))
        progress(done + 1, len(groups), "parts")
    if len(parts) < len(stored):
        writer.regroup((*parts, *writer.content.parts[len(stored) :]))
    return sum(len(group) for group in groups if len(group) > 1)


def plan(store: Store, parts: Sequence[PartEntry], most: int) -> list[list[int]]:
    """Which neighbouring parts to write together, as places in `parts`; a part that stays is alone in its group.

    As with lookup runs (`due`), a part joins the one before it unless that is larger. So the part of a row at least
    doubles whenever it is rewritten, except for the first time, and a row is rewritten O(log most) times at most. No
    part gets more than `most` rows, and parts of another model or with other columns stay separate. Afterwards two
    neighbours hold more than `most` rows together, or the first is the larger one.
    """
    groups: list[list[int]] = []
    sizes: list[int] = []
    for number, part in enumerate(parts):
        group, rows = [number], part.rows
        while groups and sizes[-1] <= rows and sizes[-1] + rows <= most and _alike(store, parts, groups[-1], group):
            group, rows = groups.pop() + group, sizes.pop() + rows
        groups.append(group)
        sizes.append(rows)
    return groups


def _alike(store: Store, parts: Sequence[PartEntry], group: list[int], other: list[int]) -> bool:
    """Whether two groups have the same model and columns."""
    one, two = (store.pages.footer(parts[each[0]]) for each in (group, other))
    return one.model == two.model and bool(one.schema.equals(two.schema))


def _joined(store: Store, group: list[int]) -> PartEntry:
    """One part with all rows of a group."""
    model = store.pages.footer(store.content.parts[group[0]]).model
    entry = write_table(store.path, whole_table(store, group), model)
    rows = np.concatenate([store.layout.rows_of(number) for number in group])
    return replace(entry, first_row=int(rows[0]), row_map=publish_row_map(store.path, rows))
