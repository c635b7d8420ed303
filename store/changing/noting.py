"""Noting other sizes and mtimes of files whose bytes stayed the same, so that a sync does not read them again.

They are noted in the lookups alone, by writing anew the runs that have the rows. A note saves work and is no part of
what a collection holds: where writing it costs too much or fails, it is left out, and those files are read again.
"""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import Damaged, LookalikeError, LookalikeWarning
from ..files.content import RunEntry
from ..files.runs import LARGEST_MERGE, noted_run
from ..version.layout import Int64

if TYPE_CHECKING:
    from ..version.store import Store

_SHARE = 10


def noted_runs(
    store: "Store", runs: Sequence[RunEntry], rows: Int64, sizes: Int64, mtimes_ns: Int64
) -> tuple[tuple[RunEntry, ...], NDArray[np.bool_]]:
    """`runs` with these file sizes (bytes) and mtimes (ns) for `rows`, all (m,) int64, and which were noted, (m,) bool.

    A run of more than LARGEST_MERGE rows stays as it is until a tenth of them is to be noted: what a commit writes
    depends on what was changed. So does one that cannot be written, with a warning. Damaged for a run that is.
    """
    noted = np.zeros(len(rows), dtype=bool)
    written = list(runs)
    for at, run in enumerate(runs):
        mine = (rows >= run.first_row) & (rows <= run.last_row)
        if _worth_it(run, int(mine.sum())):
            path = store.pages.table(run)
            try:
                written[at] = noted_run(store.path, path, rows[mine], sizes[mine], mtimes_ns[mine])
            except Damaged:
                raise
            except LookalikeError as error:
                _warn(error)
            else:
                noted |= mine
    return tuple(written), noted


def _worth_it(run: RunEntry, count: int) -> bool:
    """Whether to write a run anew for `count` of its rows."""
    return count > 0 and (run.rows <= LARGEST_MERGE or count * _SHARE >= run.rows)


def _warn(error: LookalikeError) -> None:
    warnings.warn(
        f"{error}: unchanged files that have a new time of modification will be read again next time",
        LookalikeWarning,
        stacklevel=2,
    )
