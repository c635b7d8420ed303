"""The linear head of a collection: the stored one, or one fitted on its labelled rows.

A stored head records which rows it was fitted on. If rows were added or removed since, it is used all the same, with
one warning, and never answers classes added since. `lookalike index` fits such a head again.
"""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from ...store.errors import LookalikeError, LookalikeWarning
from ...store.files.content import HeadEntry
from ...store.files.new_files import publish_new
from ...store.foreign.table_trial import note_readable
from ...store.progress import Progress, silent
from .head import Head, as_parquet, read_head

if TYPE_CHECKING:
    from ...store.changing.writer import Writer
    from ...store.version.store import Store

FOLDER = "heads"
MOST_NUMBERS = 1 << 27  # rows times classes (or dimensions) of float64; two such arrays are in memory at once


def head_of(store: "Store", progress: Progress = silent) -> Head:
    """The stored head, with a warning if it is out of date, or one fitted in memory if there is none.

    Raises LookalikeError for a head of another model.
    """
    entry = store.content.head
    if entry is None:
        return fitted_head(store, progress)
    head = _read(store, entry)
    if outdated(store):
        warnings.warn(
            f"{store.path} has changed since version {entry.version}, when its linear head was fitted, and that head "
            f"is still used: fit it again with `lookalike index {store.path}`",
            LookalikeWarning,
            stacklevel=2,
        )
    return head


def current_head(store: "Store", progress: Progress = silent) -> Head:
    """The stored head if it is up to date, else one fitted in memory."""
    entry = store.content.head
    if entry is None or outdated(store):
        return fitted_head(store, progress)
    return _read(store, entry)


def outdated(store: "Store") -> bool:
    """Whether rows were added or removed since the stored head was fitted; False without a stored head."""
    entry = store.content.head
    if entry is None:
        return False
    return entry.deleted != store.content.deleted or store.layout.count_live(entry.next_row, store.next_row) > 0


def fitted_head(store: "Store", progress: Progress = silent) -> Head:
    """Fit a head on the live labelled rows of `store`. Raises LookalikeError if there are none.

    Beyond 2^27 / classes rows (or 2^27 / dimensions, if that is less) an even selection within each class is used, with
    a warning.
    """
    from .fit import Settings, fit_logistic

    rows = store.live_rows()
    codes = store.codes(rows)
    rows, codes = rows[codes >= 0], codes[codes >= 0]
    if not len(rows):
        raise LookalikeError(f"{store.path} has no labelled images to fit a linear head on")
    keep = thinned(codes, MOST_NUMBERS // max(len(store.classes), store.dim or 0))
    if len(keep) < len(rows):
        warnings.warn(
            f"the linear head of {store.path} is fitted on {len(keep)} of {len(rows)} rows: with {len(store.classes)} "
            f"classes and {store.dim} dimensions more do not fit in memory",
            LookalikeWarning,
            stacklevel=2,
        )
    fitted = fit_logistic(store.gather(rows[keep]), codes[keep], len(store.classes), Settings(), progress)
    return Head(list(store.classes), fitted.weights.astype(np.float32), fitted.biases.astype(np.float32))


def thinned(codes: np.ndarray, most: int) -> np.ndarray:
    """The places of about `most` rows with these classes (n,), ascending, chosen evenly within each class.

    Every class keeps at least one row, and classes shrink in proportion to their size.
    """
    if len(codes) <= most:
        return np.arange(len(codes))
    order = np.argsort(codes, kind="stable")
    _, first, counts = np.unique(codes[order], return_index=True, return_counts=True)
    shares = np.maximum(1, counts * most // len(codes))
    places = [start + np.arange(k) * count // k for start, count, k in zip(first, counts, shares, strict=True)]
    return np.sort(order[np.concatenate(places)])


def keep_head(writer: "Writer", store: "Store", head: Head) -> None:
    """Publish `head`, fitted on the rows of `store`, for the writer's next version, unless `store` has it already."""
    if store.content.head is not None and not outdated(store):
        return
    file = publish_new(writer.path, FOLDER, ".parquet", as_parquet(head))
    note_readable(file.sha256)
    writer.set_head(
        HeadEntry(
            file.file,
            file.size,
            file.sha256,
            next_row=store.next_row,
            deleted=store.content.deleted,
            version=store.version,
            model=store.model.digest if store.model else None,
            classes=len(head.classes),
        )
    )


def refit(writer: "Writer", progress: Progress = silent) -> None:
    """Stage a new head if the stored one is out of date; remove it if no labelled row is left."""
    store = writer.base
    if writer.content.head is None or not outdated(store):
        return
    if store.classes:
        keep_head(writer, store, fitted_head(store, progress))
    else:
        writer.set_head(None)


def _read(store: "Store", entry: HeadEntry) -> Head:
    model = store.model.digest if store.model else None
    if entry.model != model:
        raise LookalikeError(
            f"{store.path} has a linear head for model {entry.model}, but its model is {model}: fit another with "
            "`lookalike calibrate --by linear`"
        )
    return read_head(store.pages.table(entry), store.dim)
