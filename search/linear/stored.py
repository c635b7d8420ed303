"""The collection's own linear head: the one it stores, or one fitted on its labelled rows.

A stored head says which rows it was fitted on. Where rows came or went since, it answers all the same, with one
warning; classes that came since are then never its answer. `lookalike index` fits such a head anew.
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
MOST_NUMBERS = 1 << 27  # rows times classes, or dimensions, of float64, and of either there are two at once


def head_of(store: "Store", progress: Progress = silent) -> Head:
    """The stored head, also where it is out of date (with a warning), or one fitted in memory where there is none.

    LookalikeError for a head of another model.
    """
    entry = store.content.head
    if entry is None:
        return fitted_head(store, progress)
    head = _read(store, entry)
    if outdated(store):
        warnings.warn(
            f"{store.path} has changed since version {entry.version}, where its linear head was fitted and calibrated, "
            f"and that answers: `lookalike index {store.path}` refits it",
            LookalikeWarning,
            stacklevel=2,
        )
    return head


def current_head(store: "Store", progress: Progress = silent) -> Head:
    """The stored head where it is up to date, else one fitted in memory."""
    entry = store.content.head
    if entry is None or outdated(store):
        return fitted_head(store, progress)
    return _read(store, entry)


def outdated(store: "Store") -> bool:
    """Whether the collection stores a head, and rows came or went since it was fitted."""
    entry = store.content.head
    if entry is None:
        return False
    return entry.deleted != store.content.deleted or store.layout.count_live(entry.next_row, store.next_row) > 0


def fitted_head(store: "Store", progress: Progress = silent) -> Head:
    """Fit a head on the live labelled rows of `store`; LookalikeError where there are none.

    Beyond 2^27 / classes rows (or 2^27 / dimensions, if less) they are thinned evenly within each class, with a
    warning.
    """
    from .fit import Settings, fit_logistic

    rows = store.live_rows()
    codes = store.codes(rows)
    rows, codes = rows[codes >= 0], codes[codes >= 0]
    if not len(rows):
        raise LookalikeError(f"{store.path} has no labelled images: there is nothing to fit a linear head on")
    keep = thinned(codes, MOST_NUMBERS // max(len(store.classes), store.dim or 0))
    if len(keep) < len(rows):
        warnings.warn(
            f"the linear head of {store.path} is fitted on {len(keep)} of {len(rows)} rows: {len(store.classes)} "
            f"classes and {store.dim} dimensions leave no room for more",
            LookalikeWarning,
            stacklevel=2,
        )
    fitted = fit_logistic(store.gather(rows[keep]), codes[keep], len(store.classes), Settings(), progress)
    return Head(list(store.classes), fitted.weights.astype(np.float32), fitted.biases.astype(np.float32))


def thinned(codes: np.ndarray, most: int) -> np.ndarray:
    """Which of rows with these classes (n,) to keep, rising: all, or about `most`, evenly within each class.

    Every class keeps one row at least, and classes lose in proportion to their size.
    """
    if len(codes) <= most:
        return np.arange(len(codes))
    order = np.argsort(codes, kind="stable")
    _, first, counts = np.unique(codes[order], return_index=True, return_counts=True)
    kept = np.maximum(1, counts * most // len(codes))
    places = [start + np.arange(k) * count // k for start, count, k in zip(first, counts, kept, strict=True)]
    return np.sort(order[np.concatenate(places)])


def keep_head(writer: "Writer", store: "Store", head: Head) -> None:
    """Publish `head`, of the rows of `store`, for the writer's next version; nothing where `store` has it already."""
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
    """Stage a new head where the collection stores one that is out of date; drop it where no labelled row is left."""
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
            f"{store.path} has a linear head for model {entry.model}, and its model is {model}: "
            "`lookalike calibrate --by linear` fits another"
        )
    return read_head(store.pages.table(entry), store.dim)
