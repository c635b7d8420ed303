"""Collection, the Python face: what the shell does with the images of one folder.

Housekeeping of the folder itself (verify, rollback, gc, export) is the shell's.

torch loads when the first image arrives, faiss when the first search does.
"""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..store.changing import ingest
from ..store.progress import Progress, silent
from ..store.version import tables
from ..store.version.store import Store
from . import filling
from .images import Encoders
from .labelled_source import LabelledSource
from .neighbours.hits import Hits
from .neighbours.queries import read_queries
from .neighbours.ready import check_k, ready_vectors
from .view import View, checked_device

if TYPE_CHECKING:
    import pyarrow as pa

    from ..indexer.segments.card import IndexCard
    from ..store.changing.moving import Moved
    from .clustering.clusters import Clusters
    from .deciding.calibration import Calibration
    from .deciding.decisions import Decisions
    from .deciding.prototype_list import ClassRow

PathLike = str | os.PathLike[str]


class Collection:
    """Images as unit vectors in one folder: fill it, index it, ask it.

    A Collection shows the version it was opened at and moves to the newest one when it writes itself (or by
    `refresh`). It is a context manager. `device` ("auto", "cpu", "gpu") is where searches and encoders run; `encoders`
    are those that other collections use too. A Collection that is sent to another process (by multiprocessing) is
    opened there at the same version.
    """

    def __init__(self, store: Store, device: str = "auto", encoders: Encoders | None = None) -> None:
        self._device = checked_device(device)
        self._encoders = Encoders(device) if encoders is None else encoders
        self._show(store)

    @classmethod
    def create(cls, path: PathLike, *, device: str = "auto") -> "Collection":
        """Make an empty collection in a folder that is empty or not there yet; LookalikeError otherwise."""
        return cls(Store.create(Path(path)), device)

    @classmethod
    def open_or_create(cls, path: PathLike, *, device: str = "auto") -> "Collection":
        """Open the newest version, or make an empty collection where there is none."""
        return cls(Store.open_or_create(Path(path)), device)

    @classmethod
    def open(cls, path: PathLike, version: int | None = None, *, device: str = "auto") -> "Collection":
        """Open the newest version, or `version`; LookalikeError where there is none or its manifest is damaged."""
        return cls(Store.open(Path(path), version), device)

    def close(self) -> None:
        """Let go of the version held; `gc` may then collect it."""
        self._store.close()

    def __enter__(self) -> "Collection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """What another process opens the collection from again: its path, version and device, and nothing loaded."""
        return {"path": str(self.path), "version": self._store.version, "device": self._device}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(Store.open(state["path"], state["version"]), state["device"])  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"Collection({str(self.path)!r}, version {self._store.version}, {len(self)} rows)"

    def __len__(self) -> int:
        return self._store.rows

    @property
    def path(self) -> Path:
        """The collection's folder."""
        return self._store.path

    def refresh(self) -> "Collection":
        """Move to the newest version and return self."""
        self._show(self._store.latest())
        return self

    def _show(self, store: Store) -> None:
        self._store = store
        self._view = View(store, self._device, self._encoders)

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
        from ..store.changing.moving import move

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
        from ..indexer.index import index
        from .linear.stored import refit

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

    def search(
        self, queries: Any, k: int = 10, where: str | None = None, exact: bool = False, *, normalise: bool = False
    ) -> Hits:
        """The k stored images most like each query, nearest first.

        `queries`: one or many of images (files, folders, patterns such as "new/*.jpg", encoded bytes, PIL images, uint8
        pixels (h, w) or (h, w, c)), keys ("key:NAME" where another file has that name), or a float array (d,) or
        (nq, d). Vectors must be unit rows unless `normalise`. A key's own row is not among its hits.
        `where` is an SQL condition on the stored columns, such as "label = 'shoe' and width > 200" (DuckDB, the
        extra `sql`). `exact` passes the index by. LookalikeError: an unreadable image, an unknown key,
        another dimension.
        """
        if isinstance(queries, np.ndarray) and queries.dtype.kind == "f" and queries.ndim <= 2:
            vectors = ready_vectors(queries, self._store.dim, normalise)
            check_k(k, len(vectors), self._store.next_row)
            view = self._view
            allowed = None if where is None else view.meeting(where)
            scores, rows = view.instances.search(vectors, k, exact=exact, allowed=allowed)
            return Hits(self._store, rows, scores)
        from .neighbours.nearest import neighbours

        return neighbours(self._view, read_queries(self._view, queries, normalise=normalise), k, where, exact)

    def classify(
        self,
        queries: Any,
        by: str = "prototype",
        *,
        k: int = 10,
        weights: str = "uniform",
        exact: bool = False,
        normalise: bool = False,
        progress: Progress = silent,
    ) -> "Decisions":
        """Say what each query is, or None where it is farther than the calibrated threshold.

        `queries` as for `search`. `by`: "prototype" (nearest class mean), "knn" (vote of the
        k nearest, `weights` "uniform" or "distance") or "linear" (the head that `calibrate` stored, else one fitted in
        memory, with `progress`; the distance is to the answer's prototype). Without a calibration for `by` the
        threshold is NaN and nothing is refused. Margins of a vote compare with all rows, once, when they are asked for.
        """
        from .deciding.classify import classify

        asked = read_queries(self._view, queries, normalise=normalise)
        return classify(self._view, asked, by=by, k=k, weights=weights, exact=exact, progress=progress)

    def calibrate(
        self,
        source: PathLike,
        by: str = "prototype",
        fpr: float | None = None,
        *,
        precision: float | None = None,
        f_beta: float | None = None,
        conformal: float | None = None,
        of: str = "known",
        per_class: bool = False,
        k: int = 10,
        weights: str = "uniform",
        seed: int = 0,
        cache: bool = True,
        progress: Progress = silent,
    ) -> "Calibration":
        """Choose the distance beyond which the answer is unknown, on labelled images that the collection has not seen.

        `source`: what the shell calls SOURCE, or a `LabelledSource`, which says how it is read.
        One of: `fpr` (at most this share of unknown images is accepted, 95 % sure; 0.01 where none is given),
        `precision` (at least this share of accepted answers is right, 95 % sure), `f_beta` (the best F-beta, nothing
        promised), `conformal` (at most this share `of` "known" images is refused, or of "unknown" ones accepted, on
        average). `per_class`: a threshold for each class with enough images. `cache`: take the images' vectors from
        earlier runs, and keep new ones, by content, in the user's cache folder. LookalikeError, and nothing is stored,
        with too few images for the bound (it says how many are missing), or a target they cannot reach. See
        `search.calibrate` and `search.thresholds`.
        """
        from .calibrating.calibrate import calibrate
        from .calibrating.thresholds.choose import criterion_of

        calibration = calibrate(
            self._view,
            LabelledSource.of(source),
            criterion_of(fpr, precision, f_beta, conformal, of),
            by=by,
            per_class=per_class,
            k=k,
            weights=weights,
            seed=seed,
            cache=cache,
            progress=progress,
        )
        self.refresh()
        return calibration

    def evaluate(
        self,
        source: PathLike,
        by: str = "prototype",
        *,
        k: int = 10,
        weights: str = "uniform",
        full: bool = False,
        episodes: bool = False,
        way: int = 5,
        shots: Sequence[int] = (1, 5),
        seed: int = 0,
        cache: bool = True,
        progress: Progress = silent,
    ) -> dict[str, Any]:
        """Measure a labelled source against the collection: the fields of `evaluate --json`, None where undefined.

        `source` as for `calibrate`.
        `full` adds `details`, `episodes` the accuracy over 600 few-shot episodes of `way` classes for each of `shots`,
        drawn by `seed`. `cache` as in `calibrate`. Warns where the classes overlap so much that no threshold can keep
        its word.
        """
        from .deciding.rank import Way
        from .evaluating.evaluate import evaluate
        from .evaluating.few_shots import FewShots

        drawn = FewShots(way, tuple(shots), seed=seed) if episodes else None
        return evaluate(
            self._view,
            LabelledSource.of(source),
            Way(by, k, weights),
            full=full,
            episodes=drawn,
            progress=progress,
            cache=cache,
        )

    def bench(
        self, k: int = 10, *, queries: int = 1000, seed: int = 0, progress: Progress = silent
    ) -> list[dict[str, Any]]:
        """Measure recall@k against latency, one dict per operating point with the fields of `bench --json`."""
        from .evaluating.bench import bench

        return bench(self._view, k=k, queries=queries, seed=seed, progress=progress)

    def keep_prototypes(self, window: int | None = None, per_class: int | None = None) -> None:
        """Make prototypes of the newest `window` images of a class (0: all), at most `per_class` each, from now on.

        None leaves a setting as it is. Exact and without retraining: see `indexer.folded`.
        """
        from ..indexer.prototypes.publishing import keep

        keep(self.path, window=window, per_class=per_class)
        self.refresh()

    def list_prototypes(self) -> "list[ClassRow]":
        """What each class's prototypes are made of, and which class is nearest: the fields of `prototypes --json`."""
        from .deciding.prototype_list import prototype_list

        return prototype_list(self._store, self._view.prototypes)

    def cluster(
        self,
        k: int | None = None,
        *,
        method: str | None = None,
        min_size: int | None = None,
        seed: int = 0,
        progress: Progress = silent,
    ) -> "Clusters":
        """Group images that look alike, whatever their labels: `k` clusters by k-means, or as many as HDBSCAN finds.

        `method`: "kmeans" or "hdbscan"; `min_size`: HDBSCAN's smallest cluster (5). See `search.clusters`.
        """
        from .clustering.methods import Manner, cluster

        return cluster(self._store, Manner(k, method, min_size, seed), progress)

    def report(
        self,
        out: PathLike,
        data: PathLike | None = None,
        *,
        by: str = "prototype",
        bench: bool = True,
        seed: int = 0,
        cache: bool = True,
        date: datetime | None = None,
        progress: Progress = silent,
    ) -> dict[str, Any]:
        """Write one HTML file that shows what the collection can be trusted with: the fields of `report --json`.

        `data`: labelled images that the collection has not seen, given as `source` is to `calibrate`; without it stored
        ones ask, their own content left out. `bench`: measure latency too. `cache` as in `calibrate`. Equal
        collections, seeds and dates give equal files without `bench`. LookalikeError: an empty collection, `out` is no
        regular file, matplotlib (the extra `report`) is missing.
        """
        from .report.report import report

        source = None if data is None else LabelledSource.of(data)
        return report(
            self._view, Path(out), data=source, by=by, seed=seed, bench=bench, date=date, progress=progress, cache=cache
        )

    def vectors(self, columns: list[str] | None = None) -> "pa.Table":
        """All live rows as an Arrow table: row, key, label, vector and the stored facts, or only `columns`.

        Text is as it is stored: a name that is no UTF-8, as file names may be, has escapes (see `store.escaped`).
        """
        return tables.live_table(self._store, columns)

    def info(self) -> dict[str, Any]:
        """The fields of `info --json`."""
        return tables.info(self._store)
