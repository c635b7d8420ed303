"""Collection, the Python face: what the shell does with the images of one folder.

Housekeeping of the folder itself (verify, rollback, gc, export) is the shell's.

torch loads when the first image arrives, faiss when the first search does.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..store.progress import Progress, silent
from .calibrating.labelled_source import LabelledSource
from .changing.changes import ChangingCollection
from .neighbours.hits import Hits
from .neighbours.queries import read_queries
from .neighbours.ready import check_k, ready_vectors
from .opened import PathLike

if TYPE_CHECKING:
    from .clustering.clusters import Clusters
    from .deciding.calibration import Calibration
    from .deciding.decisions import Decisions
    from .deciding.prototype_list import ClassRow


class Collection(ChangingCollection):
    """Images as unit vectors in one folder: fill it, index it, ask it.

    A Collection shows the version it was opened at and moves to the newest one when it writes itself (or by
    `refresh`). It is a context manager. `device` ("auto", "cpu", "gpu") is where searches and encoders run; `encoders`
    are those that other collections use too. A Collection that is sent to another process (by multiprocessing) is
    opened there at the same version.
    """

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
        from .deciding.rank import DecisionRule
        from .evaluating.evaluate import evaluate
        from .evaluating.few_shots import FewShots

        drawn = FewShots(way, tuple(shots), seed=seed) if episodes else None
        return evaluate(
            self._view,
            LabelledSource.of(source),
            DecisionRule(by, k, weights),
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
