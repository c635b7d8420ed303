"""Notes new sizes and mtimes of files whose bytes are unchanged, so that a sync does not read them again.

They are noted in the lookups only, by rewriting the runs that have the rows. A note saves work but is no part of the
collection's content: where writing it costs too much or fails, it is left out, and those files are read again.
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

    A run of more than LARGEST_MERGE rows is only rewritten when a tenth of its rows change, so that the cost of a
    commit depends on what was changed. A run that cannot be written stays as it is, with a warning. Raises Damaged for
    a damaged run.
    """
    noted = np.zeros(len(rows), dtype=bool)
    written = list(runs)
    for at, run in enumerate(runs):
        in_run = (rows >= run.first_row) & (rows <= run.last_row)
        if _worth_it(run, int(in_run.sum())):
            path = store.pages.table(run)
            try:
                written[at] = noted_run(store.path, path, rows[in_run], sizes[in_run], mtimes_ns[in_run])
            except Damaged:
                raise
            except LookalikeError as error:
                _warn(error)
            else:
                noted |= in_run
    return tuple(written), noted


def _worth_it(run: RunEntry, count: int) -> bool:
    """Whether to rewrite a run for `count` of its rows."""
    return count > 0 and (run.rows <= LARGEST_MERGE or count * _SHARE >= run.rows)


def _warn(error: LookalikeError) -> None:
    warnings.warn(
        f"{error}: unchanged files that have a new time of modification will be read again next time",
        LookalikeWarning,
        stacklevel=2,
    )
