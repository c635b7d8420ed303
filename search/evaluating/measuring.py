"""What a collection can be trusted with: thresholds, measures on labelled images, latency, and the report."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ...store.progress import Progress, silent
from ..calibrating.labelled_source import LabelledSource
from ..changing.upkeep import KeptCollection
from ..opened import PathLike

if TYPE_CHECKING:
    from ..deciding.calibration import Calibration
    from ..report.report import ReportResult
    from .bench import BenchPoint
    from .results import EvaluateResult


class MeasuredCollection(KeptCollection):
    """An open collection with what measures it."""

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
        """Choose the distance beyond which an answer is unknown, on labelled images that the collection has not seen.

        Give at most one of `fpr`, `precision`, `f_beta` and `conformal`; without any, `fpr` is 0.01.

        Parameters
        ----------
        source : str, path-like or LabelledSource
            A source of images, as for `embed`; a LabelledSource says how it is read.
        by : {"prototype", "knn", "linear"}
            What decides.
        fpr : float, optional
            At most this share of unknown images is accepted, with 95 % confidence.
        precision : float, optional
            At least this share of accepted answers is right, with 95 % confidence.
        f_beta : float, optional
            Choose the best F-beta; nothing is promised.
        conformal : float, optional
            On average at most this share of images is refused (`of` known) or accepted (`of` unknown).
        of : {"known", "unknown"}
            What `conformal` bounds: known images refused, or unknown images accepted.
        per_class : bool
            Choose a threshold per class where there are enough images; the others share one.
        k : int
            Neighbours that vote, by "knn".
        weights : {"uniform", "distance"}
            How votes are weighted.
        seed : int
            Random seed of the split into choosing and measuring.
        cache : bool
            Take the images' vectors from earlier runs, by content, and keep new ones in the user's cache folder.
        progress : callable
            Called as progress(done, total, note).

        Returns
        -------
        Calibration
            The threshold and what was measured with it. It is stored in the collection.

        Raises
        ------
        LookalikeError
            If there are too few images for the bound (the message says how many are missing), or no threshold reaches
            it. Nothing is stored then.

        References
        ----------
        Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", 1934.

        Examples
        --------
        >>> shop.calibrate("labelled/", fpr=0.01).threshold  # doctest: +SKIP
        0.61
        """
        from ..calibrating.calibrate import calibrate
        from ..calibrating.thresholds.choose import criterion_of

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
    ) -> "EvaluateResult":
        """Measure a labelled source against the collection; stored copies of a query are left out.

        Warns where the classes overlap so much that no threshold can separate them.

        Parameters
        ----------
        source, by, k, weights, cache, progress
            As for `calibrate`.
        full : bool
            Measure `details` too: EER, recall@k, F1 and confusions, OSCR, distances, separation.
        episodes : bool
            Measure the accuracy over 600 few-shot episodes too.
        way : int
            Classes per episode.
        shots : sequence of int
            Examples per class; one result for each.
        seed : int
            Random seed of the episodes.

        Returns
        -------
        EvaluateResult
            Also a mapping with the fields of `lookalike evaluate --json`; measures that are undefined are None.

        Raises
        ------
        LookalikeError
            If the source has no labels, the collection no classes, or the source too few classes for the episodes.

        References
        ----------
        Musgrave, Belongie and Lim, "A metric learning reality check", 2020 (MAP@R).

        Examples
        --------
        >>> shop.evaluate("labelled/").accuracy  # doctest: +SKIP
        0.97
        """
        from ..deciding.rank import DecisionRule
        from .evaluate import evaluate
        from .few_shots import FewShots

        return evaluate(
            self._view,
            LabelledSource.of(source),
            DecisionRule(by, k, weights),
            full=full,
            episodes=FewShots(way, tuple(shots), seed=seed) if episodes else None,
            progress=progress,
            cache=cache,
        )

    def bench(
        self, k: int = 10, *, queries: int = 1000, seed: int = 0, progress: Progress = silent
    ) -> "list[BenchPoint]":
        """Measure recall@k against latency at each operating point of the index.

        Parameters
        ----------
        k : int
            The k of recall@k.
        queries : int
            Stored rows that are queries, at most.
        seed : int
            Random seed that draws them.
        progress : callable
            Called as progress(done, total, note).

        Returns
        -------
        list of BenchPoint
            Two per operating point: one query per call, and 64.

        Raises
        ------
        LookalikeError
            If the collection has fewer than two rows.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.eye(3), ["a", "b", "c"])
        3
        >>> [(point.spec, point.batch, point.recall) for point in shop.bench(k=1)]
        [('exact', 1, 1.0), ('exact', 3, 1.0)]
        >>> folder.cleanup()
        """
        from .bench import bench

        return bench(self._view, k=k, queries=queries, seed=seed, progress=progress)

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
    ) -> "ReportResult":
        """Write one HTML file that shows what the collection can be trusted with.

        Equal collections, seeds and dates give equal files without `bench`.

        Parameters
        ----------
        out : str or path-like
            The HTML file; an older one is replaced.
        data : str, path-like or LabelledSource, optional
            Labelled images that the collection has not seen. By default stored images are the queries.
        by, cache, progress
            As for `calibrate`.
        bench : bool
            Whether to measure latency, which takes up to half a minute.
        seed : int
            Random seed of the samples and the map.
        date : datetime, optional
            The date that the report names; now by default.

        Returns
        -------
        ReportResult
            The file, its sections, and those that were left out with the reasons.

        Raises
        ------
        LookalikeError
            If the collection is empty, `out` cannot be written, or matplotlib (the extra `report`) is missing.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.eye(4), ["a", "b", "c", "d"], ["cat", "cat", "dog", "dog"])
        4
        >>> shop.report(f"{folder.name}/shop.html", bench=False).sections[0]
        'summary'
        >>> folder.cleanup()
        """
        from ..report.report import report

        source = None if data is None else LabelledSource.of(data)
        return report(
            self._view, Path(out), data=source, by=by, seed=seed, bench=bench, date=date, progress=progress, cache=cache
        )
