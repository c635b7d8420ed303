"""The queries of the report's measures: a labelled source, or stored rows whose own content is left out."""

from dataclasses import dataclass

import numpy as np

from ...store.errors import LookalikeError
from ...store.progress import Progress
from ..calibrating.labelled_source import LabelledSource
from ..neighbours.own_picture import rows_of_contents
from ..view import View
from .sampling import stratified

MOST_STORED = 2000
"""Stored rows that are queries where no source is given."""


@dataclass(frozen=True)
class Questions:
    """n images that are queries.

    vectors: (n, d) float32 unit rows. labels: (n,) texts, "" without a label. keys, contents (SHA-256 in hex or None):
    n each. excluded_rows: for each image the stored rows of its content, int64. source: what was read, None for stored
    rows. drawn_from: how many images they were drawn from. rejected: how many images of the source cannot be read.
    seen: how many of the others the model was trained on.
    """

    vectors: np.ndarray
    labels: np.ndarray
    keys: list[str]
    contents: list[str | None]
    excluded_rows: list[np.ndarray]
    source: LabelledSource | None
    drawn_from: int
    rejected: int = 0
    seen: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    def named(self) -> str:
        """The queries in words."""
        if self.source is not None:
            seen = (
                f" ({self.seen:,} of them were used to train the model, which does better on them)" if self.seen else ""
            )
            return f"{len(self):,} images of {self.source}{seen}"
        drawn = f", drawn from {self.drawn_from:,}" if self.drawn_from > len(self) else ""
        return f"{len(self):,} stored images{drawn} (copies of a query are left out)"


def of_source(view: View, source: LabelledSource, progress: Progress, cache: bool = True) -> Questions:
    """All readable images of a source. Raises LookalikeError without labels, and without a model to encode them."""
    encoded = view.images.encode_source(source, progress, cache=cache)
    labels = np.array([label or "" for label in encoded.labels], dtype=object)
    if not (labels != "").any():
        raise LookalikeError(
            f"{source} has no labelled image{encoded.why_rejected and f' ({encoded.why_rejected})'}, so nothing can be "
            "measured: give class folders, or a column of labels that is called label or named with --label-column"
        )
    contents = list(encoded.contents)
    excluded = rows_of_contents(view.store, contents)
    columns = (encoded.vectors, labels, list(encoded.keys), contents, excluded)
    return Questions(*columns, source, len(labels), encoded.rejected, int(encoded.seen.sum()))


def of_stored(view: View, seed: int) -> Questions:
    """A sample of the labelled rows; rows of the same content, and the row itself, are excluded for each.

    Where no row has a label, all rows are drawn from: less can be measured, but there is still something to see.
    """
    store = view.store
    rows = store.live_rows()
    codes = store.codes(rows)
    if (codes >= 0).any():
        rows, codes = rows[codes >= 0], codes[codes >= 0]
    chosen = rows[stratified(codes, MOST_STORED, seed)]
    contents = store.facts(chosen).content
    copies = rows_of_contents(store, contents)
    excluded = [np.union1d(copy, [row]).astype(np.int64) for copy, row in zip(copies, chosen.tolist(), strict=True)]
    labels = np.array([label or "" for label in store.labels(chosen)], dtype=object)
    return Questions(store.gather(chosen), labels, store.keys(chosen), contents, excluded, None, len(rows))
