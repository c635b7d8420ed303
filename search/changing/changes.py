"""What changes a collection: embedding, importing, removing, indexing; each moves it to the version that it makes."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...store.changing import ingest
from ...store.progress import Progress, silent
from ..opened import OpenedCollection, PathLike
from . import filling

if TYPE_CHECKING:
    from ...indexer.segments.card import IndexCard
    from ...store.changing.moving import Moved


class ChangingCollection(OpenedCollection):
    """An open collection with what changes it."""

    def embed(
        self,
        source: PathLike,
        *,
        model: PathLike | None = None,
        prefix: str = "",
        prune: "bool | Literal['all']" = False,
        checksum: bool = False,
        max_rejects: float | None = None,
        engine: str = "local",
        workers: int | None = None,
        exclude: str | Sequence[str] = (),
        labels: bool = True,
        follow_links: bool = False,
        image_column: str | None = None,
        label_column: str | None = None,
        timeout: float | None = None,
        progress: Progress = silent,
    ) -> dict[str, Any]:
        """Bring the collection up to date with a source of images (a sync) and return what was done.

        `source` is what the shell calls SOURCE, `model` a trained model's folder or "pretrained" (the collection's
        own where it has one). `prune` removes what the source no longer has; "all" does so also where less than half
        of it is left. `exclude`: patterns of files and folders to leave out, as in a .gitignore. `labels`:
        whether the names of folders are labels. `follow_links`: also out of the source. `image_column` and
        `label_column`: those of a table. Decoding an image may take `timeout` seconds (60).
        Returns the counts of `embed --json`: seen = embedded + skipped + rejected + duplicates.
        LookalikeError: another model, a key that another source owns, too many rejects (more than the share
        `max_rejects`; what worked is kept).
        """
        try:
            return filling.embed(
                self.path,
                os.fspath(source),
                device=self._device,
                model=None if model is None else os.fspath(model),
                prefix=prefix,
                prune=prune,
                checksum=checksum,
                max_rejects=max_rejects,
                engine=engine,
                workers=workers,
                exclude=exclude,
                labels=labels,
                follow_links=follow_links,
                image_column=image_column,
                label_column=label_column,
                timeout=timeout,
                progress=progress,
            )
        finally:
            self.refresh()

    def move(self, old: PathLike, new: PathLike) -> "list[Moved]":
        """Note that the source `old`, or the sources below it, lie at `new` now; keys stay, nothing is encoded again.

        LookalikeError: no such source, `new` does not exist or has images in the collection already.
        """
        from ...store.changing.moving import move

        moved = move(self.path, old, new)
        self.refresh()
        return moved

    def add(
        self,
        matrix: np.ndarray,
        keys: Sequence[str],
        labels: Sequence[str | None] | None = None,
        *,
        normalise: bool = False,
    ) -> int:
        """Add vectors made elsewhere: matrix (n, d), n keys, n labels or None; returns n.

        LookalikeError, and nothing is added: a row that is NaN, Inf, zero or (without `normalise`) not of length 1,
        another dimension, a key that is there already or given twice.
        """
        added = ingest.add(self.path, matrix, keys, labels, normalise=normalise)
        filling.grow(self.path, self._device)
        self.refresh()
        return added

    def import_vectors(
        self,
        vectors: PathLike,
        *,
        keys: PathLike | None = None,
        labels: PathLike | None = None,
        key_column: str | None = None,
        label_column: str | None = None,
        vector_column: str | None = None,
        normalise: bool = False,
        progress: Progress = silent,
    ) -> dict[str, Any]:
        """Stream a file of vectors into the collection (a sync, as `embed` is); returns counts.

        vectors: .npy, .fvecs, .bvecs, .parquet, .arrow, .feather, .npz or .hdf5. keys, labels: files of one value a
        row. key_column, label_column, vector_column: what they are called in the file. See `store.importing`.
        """
        columns = {"key_column": key_column, "label_column": label_column, "vector_column": vector_column}
        files = {"keys": keys, "labels": labels, **columns}
        try:
            return filling.import_file(
                self.path, Path(vectors), device=self._device, **files, normalise=normalise, progress=progress
            )
        finally:
            self.refresh()

    def remove(self, keys: Sequence[str]) -> int:
        """Remove images by key and return how many; LookalikeError, and nothing is removed, where a key is unknown."""
        removed = ingest.remove(self.path, [keys] if isinstance(keys, str) else list(keys))
        self.refresh()
        return removed

    def index(
        self,
        recall: float = 0.95,
        k: int = 10,
        spec: str = "auto",
        memory: int | str | None = None,
        device: str = "auto",
        *,
        compact: bool = False,
        progress: Progress = silent,
    ) -> "IndexCard":
        """Build or extend the index over instances, fold the prototypes, and return what was built and measured.

        A linear head that is stored is fitted anew where rows came or went since.
        `spec` is "auto" or any FAISS factory string, `recall` the recall@k to reach, `memory` a bound in bytes, or
        such as "2G".
        """
        from ...indexer.index import index
        from ..linear.stored import refit

        card = index(
            self.path,
            spec=spec,
            recall=recall,
            k=k,
            memory=memory,
            device=self._device if device == "auto" else device,
            compact=compact,
            progress=progress,
            also=refit,
        )
        self.refresh()
        return card

    def keep_prototypes(self, window: int | None = None, per_class: int | None = None) -> None:
        """Make prototypes of the newest `window` images of a class (0: all), at most `per_class` each, from now on.

        None leaves a setting as it is. Exact and without retraining: see `indexer.folded`.
        """
        from ...indexer.prototypes.publishing import keep

        keep(self.path, window=window, per_class=per_class)
        self.refresh()
