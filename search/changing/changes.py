"""Rows that come and go: embedding, importing, adding, removing, and sources that move."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ...store.changing import ingest
from ...store.changing.counts import EmbedResult, ImportResult
from ...store.progress import Progress, silent
from ..opened import OpenedCollection, PathLike
from . import filling

if TYPE_CHECKING:
    from ...store.changing.moving import Moved


class ChangingCollection(OpenedCollection):
    """An open collection whose rows can be changed; each method moves it to the version that it writes."""

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
    ) -> EmbedResult:
        """Bring the collection up to date with a source of images (a sync).

        Images that are stored already are skipped, so that running it again repairs an interruption.

        Parameters
        ----------
        source : str or path-like
            A folder, a table, an IDX pair or one image.
        model : str or path-like, optional
            Folder of a trained model, or "pretrained". By default the model of the collection.
        prefix : str
            Put before every key, as it is.
        prune : bool or "all"
            Whether to remove rows whose image the source no longer has. Where less than half of the rows would be left,
            only "all" does so.
        checksum : bool
            Compare the contents of files, not their sizes and times of change.
        max_rejects : float, optional
            Raise TooManyRejects where a larger share, from 0 to 1, of the images cannot be read.
        engine : {"local"}
            What runs the work.
        workers : int, optional
            Processes. By default one for a small job and one per core for a large one.
        exclude : str or sequence of str
            Patterns of files and folders to leave out, as in a .gitignore.
        labels : bool
            Whether the names of folders are labels.
        follow_links : bool
            Whether to follow links out of the source, and links to folders.
        image_column, label_column : str, optional
            The columns of a table that hold the images and the labels.
        timeout : float, optional
            Seconds that decoding an image may take (60).
        progress : callable
            Called as progress(done, total, note).

        Returns
        -------
        EmbedResult
            The counts: seen = embedded + skipped + rejected + duplicates.

        Raises
        ------
        LookalikeError
            For another model than that of the collection, a key that another source owns, or a source that cannot be
            used.
        TooManyRejects
            For more rejects than `max_rejects`; all other images are embedded.

        Examples
        --------
        >>> shop.embed("photos/", model="models/shop").embedded  # doctest: +SKIP
        1250
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
        """Record that a source lies elsewhere now. Keys stay, and nothing is encoded again.

        Parameters
        ----------
        old : str or path-like
            The source, or a folder that holds several of them; it need not exist any more.
        new : str or path-like
            Where it lies now.

        Returns
        -------
        list of Moved
            For each source that moved its names and how many rows and rejected images it has.

        Raises
        ------
        LookalikeError
            If there is no such source, or `new` does not exist or has images in the collection already.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> from pathlib import Path
        >>> folder = tempfile.TemporaryDirectory()
        >>> np.save(f"{folder.name}/old.npy", np.eye(3))
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.import_vectors(f"{folder.name}/old.npy").added
        3
        >>> new = Path(f"{folder.name}/old.npy").rename(f"{folder.name}/new.npy")
        >>> [moved.rows for moved in shop.move(f"{folder.name}/old.npy", new)]
        [3]
        >>> folder.cleanup()
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
        """Add vectors that were made elsewhere; all of them or none.

        Parameters
        ----------
        matrix : array of shape (n, d), float
            Rows of length 1, unless `normalise`.
        keys : sequence of n str
            A key per row, which the collection does not have yet.
        labels : sequence of n (str or None), optional
            A label per row; None or "" for a row without one.
        normalise : bool
            Bring rows to length 1 instead of refusing others.

        Returns
        -------
        int
            How many rows were added.

        Raises
        ------
        LookalikeError
            For a row that is NaN, infinite, zero or not of length 1, another dimension, or a key that exists already or
            is given twice.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.array([[3.0, 4.0], [1.0, 0.0]]), ["a", "b"], ["cat", None], normalise=True)
        2
        >>> folder.cleanup()
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
    ) -> ImportResult:
        """Stream a file of vectors into the collection (a sync, as `embed` is).

        Parameters
        ----------
        vectors : str or path-like
            A .npy, .fvecs, .bvecs, .parquet, .arrow, .feather, .npz or .hdf5 file.
        keys, labels : str or path-like, optional
            Files with one value per row: text, .json, .npy or a table. By default the columns of `vectors`, and the
            number of the row where it has no keys.
        key_column, label_column, vector_column : str, optional
            Names of the columns ("key", "label", "vector").
        normalise : bool
            Bring rows to length 1 instead of refusing others.
        progress : callable
            Called as progress(done, total, note).

        Returns
        -------
        ImportResult
            The counts: seen = added + replaced + skipped.

        Raises
        ------
        LookalikeError
            As `add`, and for a column that is missing, or a key that belongs to another source.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> np.save(f"{folder.name}/x.npy", np.eye(3))
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.import_vectors(f"{folder.name}/x.npy")
        ImportResult(seen=3, added=3, replaced=0, skipped=0)
        >>> shop.import_vectors(f"{folder.name}/x.npy")["skipped"]
        3
        >>> folder.cleanup()
        """
        columns = {"key_column": key_column, "label_column": label_column, "vector_column": vector_column}
        files = {"keys": keys, "labels": labels, **columns}
        try:
            return filling.import_file(
                self.path, Path(vectors), device=self._device, **files, normalise=normalise, progress=progress
            )
        finally:
            self.refresh()

    def remove(self, keys: str | Sequence[str]) -> int:
        """Remove images by key; all of them or none.

        Parameters
        ----------
        keys : str or sequence of str
            The keys to remove.

        Returns
        -------
        int
            How many rows were removed.

        Raises
        ------
        LookalikeError
            If the collection does not have one of the keys.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.eye(3), ["a", "b", "c"])
        3
        >>> shop.remove(["a", "c"]), len(shop)
        (2, 1)
        >>> folder.cleanup()
        """
        removed = ingest.remove(self.path, [keys] if isinstance(keys, str) else list(keys))
        self.refresh()
        return removed
