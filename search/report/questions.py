"""What the report's measures ask the collection: a labelled source, or stored rows that do not speak for themselves."""

from dataclasses import dataclass

import numpy as np

from ...store.errors import LookalikeError
from ...store.progress import Progress
from ..calibrating.labelled_source import LabelledSource
from ..neighbours.own_picture import rows_of_contents
from ..view import View
from .sampling import stratified

MOST_STORED = 2000
"""Stored rows that are asked with where no source is given."""


@dataclass(frozen=True)
class Questions:
    """n images that the collection is asked about.

    vectors: (n, d) float32 unit rows. labels: (n,) texts, "" without a label. keys, contents (SHA-256 in hex or None):
    n each. own: for each the stored rows of its own content, int64, which are left out. source: what was read, None
    for stored rows. of: how many images they were drawn from. rejected: images of the source that cannot be read. seen:
    how many of the source's the model was trained on.
    """

    vectors: np.ndarray
    labels: np.ndarray
    keys: list[str]
    contents: list[str | None]
    own: list[np.ndarray]
    source: LabelledSource | None
    of: int
    rejected: int = 0
    seen: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    def named(self) -> str:
        """What they are, in words."""
        if self.source is not None:
            seen = f", {self.seen:,} of which the model was trained on and does better with" if self.seen else ""
            return f"{len(self):,} images of {self.source}{seen}"
        drawn = f", drawn from {self.of:,}" if self.of > len(self) else ""
        return f"{len(self):,} stored images{drawn}, each asked with its own content left out"


def of_source(view: View, source: LabelledSource, progress: Progress, cache: bool = True) -> Questions:
    """All readable images of a source; LookalikeError where it has no labels, or there is no model to encode them."""
    encoded = view.images.encode_source(source, progress, cache=cache)
    labels = np.array([label or "" for label in encoded.labels], dtype=object)
    if not (labels != "").any():
        raise LookalikeError(
            f"{source} has no labelled image{encoded.why_rejected and f' ({encoded.why_rejected})'}, so nothing can be "
            "measured: give class folders or a column of labels, which is called label or named with --label-column"
        )
    contents = list(encoded.contents)
    own = rows_of_contents(view.store, contents)
    kept = (encoded.vectors, labels, list(encoded.keys), contents, own)
    return Questions(*kept, source, len(labels), encoded.rejected, int(encoded.seen.sum()))


def of_stored(view: View, seed: int) -> Questions:
    """A sample of the labelled rows, each with the rows of its content (or, where none is known, itself) as its own.

    Where no row has a label all rows are drawn from: there is less to measure, and still something to see.
    """
    store = view.store
    rows = store.live_rows()
    codes = store.codes(rows)
    if (codes >= 0).any():
        rows, codes = rows[codes >= 0], codes[codes >= 0]
    chosen = rows[stratified(codes, MOST_STORED, seed)]
    contents = store.facts(chosen).content
    copies = rows_of_contents(store, contents)
    own = [np.union1d(copy, [row]).astype(np.int64) for copy, row in zip(copies, chosen.tolist(), strict=True)]
    labels = np.array([label or "" for label in store.labels(chosen)], dtype=object)
    return Questions(store.gather(chosen), labels, store.keys(chosen), contents, own, None, len(rows))
